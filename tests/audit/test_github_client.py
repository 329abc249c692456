"""The reader: addresses, one-line errors, paging. No request leaves the process here."""

from collections.abc import Callable

import httpx
import pytest

from gitops_infra.audit.github_client import BadAddress, ForgeUnreachable, GitHubReader, api_url, web_url

TOKEN = "ghp_canary"


def reader(handler: Callable[[httpx.Request], httpx.Response], base_url: str = "https://forge.example") -> GitHubReader:
    return GitHubReader(TOKEN, base_url, transport=httpx.MockTransport(handler))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "https://api.github.com"),
        ("", "https://api.github.com"),
        ("https://github.com/", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://git.acme.example/", "https://git.acme.example/api/v3"),
        ("https://git.acme.example:8443/api/v3/", "https://git.acme.example:8443/api/v3"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/api/v3"),
        ("http://[::1]:8000", "http://[::1]:8000/api/v3"),
    ],
)
def test_the_api_lies_where_the_provider_looks_for_it(given: str | None, expected: str) -> None:
    assert api_url(given) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("git.acme.example", "the base URL must look like https://github.example.com"),
        ("ftp://git.acme.example", "the base URL must look like https://github.example.com"),
        ("http://git.acme.example", "http://git.acme.example would send the token in clear text; use https"),
        (
            "https://me:canary@git.acme.example",
            "the base URL of git.acme.example has a user name or password in it; pass the token by GITHUB_TOKEN",
        ),
        (
            "https://git.acme.example:99999",
            "the base URL of git.acme.example has a port that is no number from 1 to 65535",
        ),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_without_its_secrets(given: str, text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        api_url(given)
    assert str(caught.value) == text


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "pässword"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(BadAddress) as caught:
        GitHubReader(token)
    assert str(caught.value) == (
        "the token is empty or holds characters that no token has; was a line break copied along?"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "the host name does not resolve"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "the connection was refused"),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
            "its TLS certificate is not trusted (a private CA? name it in SSL_CERT_FILE)",
        ),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            "it closed the connection without an answer",
        ),
        (httpx.ReadError(""), "ReadError"),
    ],
)
def test_network_errors_are_one_line_with_the_host(error: Exception, text: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    with reader(fail) as forge, pytest.raises(ForgeUnreachable) as caught:
        forge.get("/user")
    assert str(caught.value) == f"forge.example cannot be reached: {text}"


def test_a_time_out_says_how_long_it_waited() -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with (
        reader(hang) as forge,
        pytest.raises(ForgeUnreachable, match=r"^forge\.example gave no answer within 10 seconds$"),
    ):
        forge.get("/user")


def test_a_real_refused_connection_is_one_line() -> None:
    """Port 9 of loopback: nothing of a test listens there."""
    with GitHubReader(TOKEN, "http://127.0.0.1:9") as forge, pytest.raises(ForgeUnreachable) as caught:
        forge.get("/user")
    assert str(caught.value) == "127.0.0.1:9 cannot be reached: the connection was refused"


@pytest.mark.parametrize(
    ("headers", "when"),
    [({"x-ratelimit-remaining": "0"}, "later"), ({"retry-after": "90"}, "in 2 min")],
)
def test_a_used_up_rate_limit_is_said_so(headers: dict[str, str], when: str) -> None:
    with (
        reader(lambda _: httpx.Response(403, headers=headers, json={})) as forge,
        pytest.raises(ForgeUnreachable) as caught,
    ):
        forge.get("/user")
    assert str(caught.value) == (f"forge.example refuses more requests of this token (rate limit); try again {when}")


def test_a_forbidden_call_is_an_answer() -> None:
    with reader(lambda _: httpx.Response(403, json={"message": "Forbidden\nmore"})) as forge:
        answer = forge.get("/user")
    assert (answer.status, answer.ok, answer.message) == (403, False, "Forbidden")


def test_path_parts_are_escaped() -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(404)

    with reader(note) as forge:
        forge.get("/repos/{}/{}", "acme", "../../user?x=1")
    assert seen == ["/api/v3/repos/acme/..%2F..%2Fuser%3Fx%3D1"]


def test_pages_are_followed_on_the_same_api_only() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = request.url.params.get("page", "1")
        following = {"1": "https://forge.example/api/v3/keys?page=2", "2": "https://evil.example/keys?page=3"}[page]
        return httpx.Response(200, json=[{"id": page}], headers={"link": f'<{following}>; rel="next"'})

    with reader(answer) as forge:
        assert [entry["id"] for entry in forge.pages("/keys").entries] == ["1", "2"]


def test_lists_inside_objects_are_found_by_their_key() -> None:
    with reader(lambda _: httpx.Response(200, json={"total_count": 1, "secrets": [{"name": "A"}]})) as forge:
        assert forge.pages("/secrets", key="secrets").entries == ({"name": "A"},)


@pytest.mark.parametrize(
    ("base_url", "web"),
    [
        (None, "https://github.com"),
        ("https://github.com/", "https://github.com"),
        ("https://api.github.com", "https://github.com"),
        ("https://acme.ghe.com", "https://acme.ghe.com"),
        ("https://github.acme.example/api/v3/", "https://github.acme.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_web_pages_are_beside_the_api(base_url: str | None, web: str) -> None:
    assert web_url(base_url) == web
