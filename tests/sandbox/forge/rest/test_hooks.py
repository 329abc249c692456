"""Webhooks by REST: what there can be, who may see and change them, what is remembered of deliveries."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
HOOKS = "/repos/acme/shop/hooks"
URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def adam(client: Client) -> httpx.Client:
    return client("adam")


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "web", "config": {"url": URL, "content_type": "json", "secret": "s3cret"}, **changes}


def errors(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["message"] for error in answer.json()["errors"]]


def test_a_webhook_is_made_read_listed_changed_and_removed(forge: Sandbox, adam: httpx.Client) -> None:
    answer = adam.post(HOOKS, json=body())
    assert answer.status_code == 201
    made = answer.json()
    url = f"{forge.api_url}{HOOKS}/{made['id']}"
    assert answer.headers["Location"] == url
    assert (
        made.items()
        >= {
            "type": "Repository",
            "name": "web",
            "active": True,
            "events": ["push"],
            "config": {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": None, "status": "unused", "message": None},
        }.items()
    )
    forge.wait_for_deliveries()
    assert adam.get(url).json()["last_response"] == {
        "code": 502,
        "status": "failed",
        "message": "failed to connect to host",
    }
    changed = adam.patch(url, json={"events": ["create"], "add_events": ["delete"], "active": False}).json()
    assert (changed["events"], changed["active"]) == (["create", "delete"], False)
    assert adam.patch(url, json={"remove_events": ["create"]}).json()["events"] == ["delete"]
    assert [hook["id"] for hook in adam.get(HOOKS).json()] == [made["id"]]
    assert adam.delete(url).status_code == 204
    assert (adam.get(url).status_code, adam.get(HOOKS).json()) == (404, [])
    assert forge.webhook_deliveries("acme/shop") == []


def test_a_config_without_secret_removes_it_and_the_config_call_leaves_it(forge: Sandbox, adam: httpx.Client) -> None:
    number = adam.post(HOOKS, json=body()).json()["id"]
    config = adam.patch(f"{HOOKS}/{number}/config", json={"content_type": "form"}).json()
    assert config == {"url": URL, "content_type": "form", "insecure_ssl": "0", "secret": "********"}
    assert forge.store.webhooks[number].secret == "s3cret"
    adam.patch(f"{HOOKS}/{number}", json={"config": {"url": URL, "insecure_ssl": 1}})
    assert adam.get(f"{HOOKS}/{number}/config").json() == {"url": URL, "content_type": "form", "insecure_ssl": "1"}
    assert forge.store.webhooks[number].secret == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"content_type": "json"}}, "Config must contain URL for webhooks"),
        ({"config": {"url": "example.com/hook"}}, "The URL you've entered is not valid."),
        ({"config": {"url": "ftp://127.0.0.1/"}}, "The URL you've entered is not valid."),
        ({"config": {"url": 'http://127.0.0.1/"'}}, "The URL you've entered is not valid."),
        ({"config": {"url": "http://127.0.0.1:99999/"}}, "The URL you've entered is not valid."),
        ({"config": {"url": URL, "content_type": "xml"}}, "Config content_type must be one of json, form"),
        ({"config": {"url": URL, "insecure_ssl": "yes"}}, "Config insecure_ssl must be one of 0, 1"),
        ({"config": {"url": URL, "digest": "x"}}, "stand-in has no config digest"),
        ({"events": ["pushes"]}, "'pushes' is not an event that a repository's webhook can subscribe to"),
        ({"events": [["push"]]}, "['push'] is not an event that a repository's webhook can subscribe to"),
        ({"events": ["ping"]}, "'ping' is not an event that a repository's webhook can subscribe to"),
        ({"events": []}, "events must name at least one event"),
        ({"activ": True}, "unknown field activ"),
        ({"config": URL}, "config has a wrong type"),
    ],
)
def test_wrong_input_is_refused(forge: Sandbox, adam: httpx.Client, change: dict[str, Any], message: str) -> None:
    [found] = errors(adam.post(HOOKS, json=body(**change)))
    assert found.startswith(message)
    assert not forge.store.webhooks


def test_only_web_is_a_name(adam: httpx.Client) -> None:
    answer = adam.post(HOOKS, json=body(name="jenkins"))
    assert answer.json()["errors"] == [{"resource": "Hook", "code": "invalid", "field": "name"}]
    assert adam.post(HOOKS, json={"name": "web"}).json()["errors"][0]["code"] == "missing_field"


def test_the_same_webhook_twice_is_refused_unless_their_events_differ(forge: Sandbox, adam: httpx.Client) -> None:
    assert adam.post(HOOKS, json=body(events=["push", "create"])).status_code == 201
    assert errors(adam.post(HOOKS, json=body())) == ["Hook already exists on this repository"]
    other = adam.post(HOOKS, json=body(events=["delete"])).json()
    assert errors(adam.patch(f"{HOOKS}/{other['id']}", json={"events": ["push"]})) == [
        "Hook already exists on this repository"
    ]
    assert forge.store.webhooks[other["id"]].events == ["delete"]
    forge.add_repository("acme/site")
    assert adam.patch(f"{HOOKS}/{other['id']}", json={"events": ["delete"]}).status_code == 200
    with pytest.raises(Refusal):
        forge.add_webhook("acme/shop", URL, secret="s3cret")
    assert forge.add_webhook("acme/site", URL, secret="s3cret").id


def test_one_event_has_at_most_twenty_webhooks(adam: httpx.Client) -> None:
    for number in range(20):
        config = {"url": f"{URL}/{number}"}
        assert adam.post(HOOKS, json=body(config=config, events=["push", "star"], active=False)).status_code == 201
    assert errors(adam.post(HOOKS, json=body(events=["star", "push", "fork"]))) == [
        'The "push" event cannot have more than 20 hooks',
        'The "star" event cannot have more than 20 hooks',
    ]
    assert adam.post(HOOKS, json=body(events=["fork"])).status_code == 201


@pytest.mark.parametrize("login", ["reed", "dana", "mara", "otto", None])
def test_who_does_not_administer_the_repository_finds_no_webhooks(
    forge: Sandbox, client: Client, login: str | None
) -> None:
    number = forge.add_webhook("acme/shop", URL, active=False).id
    person = client(login)
    for method, path in [
        ("GET", HOOKS),
        ("POST", HOOKS),
        ("GET", f"{HOOKS}/{number}"),
        ("PATCH", f"{HOOKS}/{number}"),
        ("DELETE", f"{HOOKS}/{number}"),
        ("GET", f"{HOOKS}/{number}/config"),
        ("PATCH", f"{HOOKS}/{number}/config"),
        ("POST", f"{HOOKS}/{number}/pings"),
        ("POST", f"{HOOKS}/{number}/tests"),
        ("GET", f"{HOOKS}/{number}/deliveries"),
        ("POST", f"{HOOKS}/{number}/deliveries/1/attempts"),
    ]:
        assert person.request(method, path).status_code == 404, (method, path)


def test_an_app_needs_its_own_permission(forge: Sandbox, client: Client) -> None:
    forge.app("acme", "deployer", {"administration": "write", "contents": "write"})
    refused = client(token=forge.app_token("deployer")).get(HOOKS)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    forge.set_app_permissions("deployer", {"repository_hooks": "read"})
    reader = client(token=forge.app_token("deployer"))
    assert (reader.get(HOOKS).status_code, reader.post(HOOKS, json=body()).status_code) == (200, 403)
    forge.set_app_permissions("deployer", {"repository_hooks": "write"})
    number = reader.post(HOOKS, json=body()).json()["id"]
    assert reader.delete(f"{HOOKS}/{number}").status_code == 204


def test_a_fine_grained_token_needs_the_permission_and_the_role(forge: Sandbox, client: Client) -> None:
    permissions = {"repository_hooks": "write"}
    assert client(token=forge.token("adam", permissions)).get(HOOKS).status_code == 200
    refused = client(token=forge.token("adam", {"administration": "write"})).get(HOOKS)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by personal access token")
    assert client(token=forge.token("mara", permissions)).get(HOOKS).status_code == 403


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (["repo"], (200, 201, 204)),
        (["admin:repo_hook"], (200, 201, 204)),
        (["write:repo_hook"], (200, 201, 404)),
        (["read:repo_hook"], (200, 404, 404)),
        (["workflow"], (404, 404, 404)),
    ],
)
def test_a_classic_token_needs_a_scope(
    forge: Sandbox, client: Client, scopes: list[str], expected: tuple[int, int, int]
) -> None:
    number = forge.add_webhook("acme/shop", f"{URL}/first", active=False).id
    adam = client(token=forge.token("adam", scopes=scopes))
    answers = (adam.get(HOOKS), adam.post(HOOKS, json=body(active=False)), adam.delete(f"{HOOKS}/{number}"))
    assert tuple(answer.status_code for answer in answers) == expected


def test_an_archived_repository_keeps_its_webhooks_as_they_are(forge: Sandbox, adam: httpx.Client) -> None:
    number = forge.add_webhook("acme/shop", URL).id
    adam.patch("/repos/acme/shop", json={"archived": True})
    assert adam.get(f"{HOOKS}/{number}").status_code == 200
    for answer in (adam.post(HOOKS, json=body()), adam.delete(f"{HOOKS}/{number}")):
        assert (answer.status_code, answer.json()["message"]) == (403, "Repository was archived so is read-only.")


def test_webhooks_follow_their_repository(forge: Sandbox, client: Client) -> None:
    number, olivia = forge.add_webhook("acme/shop", URL).id, client("olivia")
    forge.add_organization("other", owners=["olivia"])
    olivia.patch("/repos/acme/shop", json={"name": "store"})
    assert olivia.get(f"{HOOKS}/{number}", follow_redirects=True).json()["url"].endswith(f"/acme/store/hooks/{number}")
    olivia.post("/repos/acme/store/transfer", json={"new_owner": "other"})
    assert olivia.get(f"/repos/other/store/hooks/{number}").status_code == 200
    forge.wait_for_deliveries()
    assert forge.store.hook_deliveries
    olivia.delete("/repos/other/store")
    assert not forge.store.webhooks
    assert not forge.store.hook_deliveries


def test_another_repository_does_not_have_it(forge: Sandbox, client: Client) -> None:
    number, olivia = forge.add_webhook("acme/shop", URL).id, client("olivia")
    forge.add_repository("acme/site")
    assert olivia.get(f"/repos/acme/site/hooks/{number}").status_code == 404
    assert olivia.get(f"{HOOKS}/none").status_code == 404


def test_deliveries_come_in_pages_newest_first(forge: Sandbox, adam: httpx.Client) -> None:
    number = adam.post(HOOKS, json=body()).json()["id"]
    for _ in range(4):
        assert adam.post(f"{HOOKS}/{number}/pings").status_code == 204
    forge.wait_for_deliveries()
    first = adam.get(f"{HOOKS}/{number}/deliveries?per_page=3")
    second = adam.get(first.links["next"]["url"])
    found = [*first.json(), *second.json()]
    assert (len(first.json()), len(found), second.links) == (3, 5, {})
    assert found == sorted(found, key=lambda each: -each["id"])
    assert adam.get(f"{HOOKS}/{number}/deliveries?cursor=x").status_code == 422
    assert adam.get(f"{HOOKS}/{number}/deliveries/{number}").status_code == 404
    assert adam.get(f"{HOOKS}/{number}/deliveries?redelivery=true").json() == []
    forge.add_webhook("acme/shop", f"{URL}/other")
    forge.wait_for_deliveries()
    assert len(adam.get(f"{HOOKS}/{number}/deliveries").json()) == 5
