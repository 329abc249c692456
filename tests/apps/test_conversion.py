import httpx
import pytest

from gitops_infra.apps.conversion import NotConverted, convert
from gitops_infra.audit.github_client import ForgeUnreachable

APP = {
    "id": 7,
    "slug": "mover",
    "name": "Mover",
    "owner": {"login": "acme"},
    "html_url": "https://github.com/apps/mover",
    "pem": "CANARY-PEM",
    "client_secret": "CANARY-SECRET",
}


def answering(status: int, body: object, seen: list[httpx.Request] | None = None) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, json=body)

    return httpx.MockTransport(answer)


def test_a_code_is_posted_once_without_a_credential_and_gives_the_app() -> None:
    seen: list[httpx.Request] = []
    made = convert("a/../b", transport=answering(201, APP, seen))
    assert (made.id, made.owner, made.pem) == (7, "acme", "CANARY-PEM")
    assert made.install_url == "https://github.com/apps/mover/installations/new"
    assert "CANARY" not in repr(made)
    [request] = seen
    assert (request.method, str(request.url)) == (
        "POST",
        "https://api.github.com/app-manifests/a%2F..%2Fb/conversions",
    )
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, {}, "GitHub does not know the code: it was used already, or is older than an hour"),
        (500, {"message": "CANARY"}, "GitHub answered 500 to the code"),
        (201, {**APP, "pem": {}, "id": "x"}, "GitHub's answer to the code is not an App with a private key"),
        (201, ["CANARY"], "GitHub's answer to the code is not an App with a private key"),
    ],
)
def test_any_other_answer_is_one_line_without_the_answer(status: int, body: object, reason: str) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(NotConverted) as caught:
        convert("c0de", transport=answering(status, body, seen))
    assert (str(caught.value), len(seen)) == (reason, 1)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_forge_out_of_reach_is_named_without_the_code() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused", request=request)

    with pytest.raises(ForgeUnreachable, match=r"^github\.example cannot be reached: the connection was refused$"):
        convert("c0de", "https://github.example", transport=httpx.MockTransport(fail))
