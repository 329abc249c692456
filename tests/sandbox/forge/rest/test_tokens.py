"""Personal tokens and SSH keys over REST: scopes of classic ones, limits of fine-grained ones."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.server import Sandbox

from .conftest import RULESET, key

Client = Callable[..., httpx.Client]
FILE = {"message": "x", "content": "eA=="}
NOT_BY_TOKEN = (403, "Resource not accessible by personal access token")


def message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


@pytest.fixture
def token(forge: Sandbox, client: Client) -> Callable[..., httpx.Client]:
    """A client with a new token of adam's, who administers acme/shop and public/site."""
    forge.add_organization("public", owners=["adam"])
    forge.add_repository("public/site", visibility="public", auto_init=True)
    return lambda *arguments, **keywords: client(token=forge.token("adam", *arguments, **keywords))


@pytest.mark.parametrize(
    ("scopes", "header"),
    [
        (None, "admin:org, admin:public_key, admin:repo_hook, delete_repo, repo, user, workflow"),
        (["workflow", "repo"], "repo, workflow"),
        ([], ""),
    ],
)
def test_a_classic_token_says_its_scopes(token: Any, scopes: list[str] | None, header: str) -> None:
    for path in ("/user", "/repos/acme/none"):
        assert token(scopes=scopes).get(path).headers["X-OAuth-Scopes"] == header


def test_other_credentials_have_no_scopes(forge: Sandbox, client: Client, token: Any) -> None:
    forge.app("acme", "robot", {"contents": "read"})
    for other in (token({"contents": "read"}), client(token=forge.app_token("robot")), client()):
        assert "X-OAuth-Scopes" not in other.get("/meta").headers


@pytest.mark.parametrize(
    ("scopes", "private", "public"),
    [
        (["repo"], 201, 201),
        (["public_repo"], 404, 201),
        (["read:org", "workflow"], 404, 403),
        ([], 404, 403),
    ],
)
def test_the_scope_decides_which_repositories_can_be_changed(
    token: Any, scopes: list[str], private: int, public: int
) -> None:
    client = token(scopes=scopes)
    answers = {name: client.put(f"/repos/{name}/contents/x", json=FILE) for name in ("acme/shop", "public/site")}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "acme/shop": private,
        "public/site": public,
    }
    assert client.get("/repos/public/site").status_code == 200


def test_narrow_scopes_are_for_statuses_and_deployments_only(token: Any) -> None:
    client = token(scopes=["repo:status"])
    sha = token().get("/repos/acme/shop/commits/main").json()["sha"]
    assert client.post(f"/repos/acme/shop/statuses/{sha}", json={"state": "success"}).status_code == 201
    deployment = {"ref": "main", "required_contexts": []}
    assert client.post("/repos/acme/shop/deployments", json=deployment).status_code == 403
    assert token(scopes=["repo_deployment"]).post("/repos/acme/shop/deployments", json=deployment).status_code == 201
    assert client.put("/repos/acme/shop/contents/x", json=FILE).status_code == 403


def test_deletion_and_organisations_have_scopes_of_their_own(forge: Sandbox, token: Any) -> None:
    forge.add_member("acme", "adam", owner=True)
    body = {"default_repository_permission": "read"}
    assert message(token(scopes=["repo"]).delete("/repos/acme/shop")) == (403, "Must have admin rights to Repository.")
    for scopes, status in ((["repo", "read:org"], 403), (["admin:org"], 200)):
        assert token(scopes=scopes).patch("/orgs/acme", json=body).status_code == status
    assert token(scopes=["repo"]).get("/orgs/acme/members").status_code == 403
    assert token(scopes=["read:org"]).get("/orgs/acme/members").status_code == 200
    assert token(scopes=["repo", "delete_repo"]).delete("/repos/acme/shop").status_code == 204


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ({"contents": "write"}, {"file"}),
        ({"contents": "read", "administration": "write"}, {"ruleset"}),
        ({"metadata": "read"}, set()),
    ],
)
def test_a_fine_grained_token_does_what_it_was_given(
    token: Any, permissions: Mapping[str, str], allowed: set[str]
) -> None:
    client = token(permissions, owner="acme")
    answers = {
        "file": client.put("/repos/acme/shop/contents/x", json=FILE),
        "ruleset": client.post("/repos/acme/shop/rulesets", json=RULESET),
    }
    assert {name for name, answer in answers.items() if answer.status_code == 201} == allowed
    assert all(message(answer) == NOT_BY_TOKEN for name, answer in answers.items() if name not in allowed)


def test_a_fine_grained_token_reaches_its_owner_and_its_repositories_only(
    forge: Sandbox, client: Client, token: Any
) -> None:
    forge.add_repository("acme/other")
    forge.grant("acme/other", "adam", Role.ADMIN)
    forge.add_repository("adam/own")
    seen = {}
    for name, limits in {
        "owner": {"owner": "acme"},
        "selection": {"owner": "acme", "repositories": ["acme/shop"]},
        "own account": {"owner": "adam"},
    }.items():
        holder = token({"contents": "read"}, **limits)
        paths = ("acme/shop", "acme/other", "adam/own", "public/site")
        seen[name] = [path for path in paths if holder.get(f"/repos/{path}").status_code == 200]
    assert seen == {
        "owner": ["acme/shop", "acme/other", "public/site"],
        "selection": ["acme/shop", "public/site"],
        "own account": ["adam/own", "public/site"],
    }
    answer = token({"contents": "write"}, owner="acme").put("/repos/public/site/contents/x", json=FILE)
    assert message(answer) == NOT_BY_TOKEN


def test_a_token_that_waits_for_the_organisation_reads_what_is_public(forge: Sandbox, client: Client) -> None:
    forge.configure_account("acme", approves_tokens=True)
    forge.add_repository("acme/open", visibility="public", auto_init=True)
    value = forge.token("adam", {"contents": "write", "administration": "read"}, owner="acme")
    holder = client(token=value)
    assert holder.get("/repos/acme/open").status_code == 200
    assert message(holder.get("/repos/acme/shop")) == (404, "Not Found")
    forge.approve_token(value)
    assert holder.put("/repos/acme/shop/contents/x", json=FILE).status_code == 201
    owners = client(token=forge.token("olivia", {"contents": "read"}, owner="acme"))
    assert owners.get("/repos/acme/shop").status_code == 200  # an owner's needs no approval


def test_an_expired_token_is_none(forge: Sandbox, client: Client) -> None:
    forge.store._clock = lambda: 1000.0
    holder = client(token=forge.token("adam", {"contents": "read"}, 60, owner="acme"))
    assert holder.get("/repos/acme/shop").status_code == 200
    forge.store._clock = lambda: 1060.0
    assert message(holder.get("/repos/acme/shop")) == (401, "Bad credentials")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scopes": ["everything"]}, "no scope 'everything': the stand-in forge knows"),
        ({"permissions": {}, "scopes": []}, "a token has permissions .fine-grained. or scopes .classic., not both"),
        ({"owner": "acme"}, "only a fine-grained token has an owner and repositories: give it permissions"),
        (
            {"permissions": {}, "owner": "adam", "repositories": ["acme/shop"]},
            "a fine-grained token of adam reaches repositories of adam only",
        ),
    ],
)
def test_a_token_that_github_would_not_make_is_refused(forge: Sandbox, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        forge.token("adam", **arguments)


# SSH keys of users


def test_a_user_keeps_keys_that_everybody_can_see(client: Client) -> None:
    dana = client("dana")
    made = dana.post("/user/keys", json={"title": "laptop", "key": f"{key(1)} dana@host"})
    assert made.status_code == 201
    body = made.json()
    assert (body["title"], body["key"], body["read_only"]) == ("laptop", key(1), False)
    assert dana.get(f"/user/keys/{body['id']}").json() == body
    assert dana.get("/user/keys").json() == [body]
    assert client().get("/users/dana/keys").json() == [{"id": body["id"], "key": key(1)}]
    assert message(client("mara").delete(f"/user/keys/{body['id']}")) == (404, "Not Found")
    assert dana.delete(f"/user/keys/{body['id']}").status_code == 204
    assert dana.get("/user/keys").json() == []


def test_a_key_is_one_users_or_one_repositorys(client: Client) -> None:
    assert client("adam").post("/repos/acme/shop/keys", json={"key": key(1)}).status_code == 201
    for body, words in (({"key": key(1)}, "key is already in use"), ({"key": "x"}, "key is invalid.")):
        answer = client("dana").post("/user/keys", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["message"].startswith(words)
    assert client("dana").post("/user/keys", json={"key": key(2)}).status_code == 201
    answer = client("adam").post("/repos/acme/shop/keys", json={"key": key(2)})
    assert answer.json()["errors"][0]["message"] == "key is already in use"


def test_keys_of_users_need_a_scope_and_no_app_has_any(forge: Sandbox, client: Client, token: Any) -> None:
    body = {"key": key(1)}
    assert message(token(scopes=["repo"]).post("/user/keys", json=body)) == (404, "Not Found")
    reader = token(scopes=["read:public_key"])
    assert (reader.get("/user/keys").status_code, reader.post("/user/keys", json=body).status_code) == (200, 404)
    assert token(scopes=["write:public_key"]).post("/user/keys", json=body).status_code == 201
    forge.app("acme", "robot", {"administration": "write"})
    answer = client(token=forge.app_token("robot")).post("/user/keys", json={"key": key(2)})
    assert message(answer) == (403, "Resource not accessible by integration")
    assert client().get("/user/keys").status_code == 401
