"""What holds for every call: routes, credentials, ETags, pages, records, faults."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gitops_infra.sandbox.forge.identity import from_token
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.seed import Seeding
from gitops_infra.sandbox.forge.server import DROP_CONNECTION, RecordedRequest, Sandbox
from gitops_infra.sandbox.forge.store import Store

Client = Callable[..., httpx.Client]


def test_an_unknown_route_is_refused_by_name(client: Client) -> None:
    answer = client("adam").patch("/repos/acme/shop/keys/7", json={})
    assert (answer.status_code, answer.json()) == (501, {"message": "stand-in has no PATCH /repos/acme/shop/keys/7"})


def test_the_same_routes_stand_below_the_root(forge: Sandbox, client: Client) -> None:
    """As on api.github.com, which has no /api/v3."""
    answer = httpx.get(f"{forge.url}/repos/acme/shop", headers=client("dana").headers, trust_env=False)
    assert answer.json()["full_name"] == "acme/shop"


def test_a_bad_token_is_not_an_anonymous_request(client: Client) -> None:
    answer = client(token="ghp_nonsense").get("/users/dana")
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert client().get("/users/dana").status_code == 200


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_dead_token_is_refused(tmp_path: Path, how: str) -> None:
    now = [1000.0]
    seeding = Seeding()
    seeding.store = Store(tmp_path, clock=lambda: now[0])
    seeding.add_user("dana")
    value = seeding.token("dana", expires_in=60)
    now[0] = 1059.9
    assert from_token(seeding.store, value) is not None
    if how == "expired":
        now[0] = 1060.0
    else:
        seeding.revoke(value)
    assert from_token(seeding.store, value) is None
    seeding.store.close()


def test_what_is_invisible_does_not_exist(client: Client) -> None:
    for login in ("otto", None):
        answer = client(login).get("/repos/acme/shop")
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_an_anonymous_write_asks_for_credentials(forge: Sandbox, client: Client) -> None:
    forge.add_repository("acme/open", visibility="public")
    answer = client().post("/repos/acme/open/labels", json={"name": "x"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")


def test_an_unchanged_answer_is_304_without_body(client: Client) -> None:
    adam = client("adam")
    first = adam.get("/repos/acme/shop")
    second = adam.get("/repos/acme/shop", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content, second.headers["ETag"]) == (304, b"", first.headers["ETag"])
    adam.patch("/repos/acme/shop", json={"description": "other"})
    third = adam.get("/repos/acme/shop", headers={"If-None-Match": first.headers["ETag"]})
    assert (third.status_code, third.json()["description"]) == (200, "other")


def test_lists_come_in_pages_with_links_only_where_there_is_more(client: Client) -> None:
    dana = client("dana")
    for number in range(5):
        dana.post("/repos/acme/shop/labels", json={"name": f"label-{number}"})
    first = dana.get("/repos/acme/shop/labels?per_page=2")
    assert [label["name"] for label in first.json()] == ["label-0", "label-1"]
    assert set(first.links) == {"next", "last"}
    last = dana.get(first.links["last"]["url"])
    assert [label["name"] for label in last.json()] == ["label-4"]
    assert set(last.links) == {"prev", "first"}
    assert "Link" not in dana.get("/repos/acme/shop/labels").headers


def test_answers_carry_a_request_id(client: Client) -> None:
    assert re.fullmatch(r"([0-9A-F]{4}:){4}[0-9A-F]{4}", client().get("/meta").headers["X-GitHub-Request-Id"])


@pytest.mark.parametrize(
    ("content", "message"), [(b"{", "Problems parsing JSON"), (b"[]", "Body should be a JSON object")]
)
def test_a_body_must_be_a_json_object(client: Client, content: bytes, message: str) -> None:
    answer = client("adam").patch("/repos/acme/shop", content=content)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_all_wrong_fields_of_a_body_are_named_at_once(client: Client) -> None:
    answer = client("dana").post("/repos/acme/shop/labels", json={"colour": "ffffff", "description": 7})
    assert answer.status_code == 422
    assert [(e["code"], e["field"]) for e in answer.json()["errors"]] == [
        ("missing_field", "name"),
        ("invalid", "colour"),
        ("invalid", "description"),
    ]


def test_requests_are_recorded_with_path_status_and_actor_only(forge: Sandbox, client: Client) -> None:
    client("dana").post("/repos/acme/shop/labels", json={"name": "x"})
    route = "/repos/{owner}/{repo}/labels"
    assert forge.requests == [RecordedRequest("POST", "/repos/acme/shop/labels", 201, "dana", route, counted=True)]


def test_a_fault_before_leaves_nothing_done_and_one_after_leaves_it_done(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    remove = forge.before(
        lambda request: Response(502, {"message": "bad gateway"}) if request.method == "POST" else None
    )
    assert dana.post("/repos/acme/shop/labels", json={"name": "x"}).status_code == 502
    assert dana.get("/repos/acme/shop/labels").json() == []
    remove()
    remove = forge.after(lambda request, _: DROP_CONNECTION if request.method == "POST" else None)
    with pytest.raises(httpx.RemoteProtocolError):
        dana.post("/repos/acme/shop/labels", json={"name": "x"})
    remove()
    assert [label["name"] for label in dana.get("/repos/acme/shop/labels").json()] == ["x"]


def test_a_fault_of_the_forge_is_a_500_without_traceback(
    forge: Sandbox, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    forge.router._patterns.insert(0, ("GET", re.compile("/boom$"), lambda _: 1 / 0))
    answer = client("adam").get("/boom")
    assert (answer.status_code, answer.json()["message"]) == (500, "Server Error")
    assert "Traceback" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_meta_names_the_key_that_the_ssh_server_is_pinned_by(forge: Sandbox, client: Client) -> None:
    [key] = client().get("/meta").json()["ssh_keys"]
    assert forge.known_hosts == f"[127.0.0.1]:{forge.ssh_port} {key}"


def test_asking_for_the_rate_limit_is_free(client: Client) -> None:
    assert client("dana").get("/rate_limit").json()["rate"]["remaining"] == 5000
