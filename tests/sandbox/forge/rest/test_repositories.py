"""Repositories, collaborators, topics, labels, Actions permissions."""

from collections.abc import Callable

import httpx
import pytest

from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

ROLES = ("reed", "tess", "dana", "mara", "adam", "olivia")


def test_a_new_repository_with_auto_init_has_a_first_commit_on_main(client: Client) -> None:
    olivia = client("olivia")
    made = olivia.post("/orgs/acme/repos", json={"name": "api", "visibility": "private", "auto_init": True})
    assert made.status_code == 201
    body = made.json()
    assert (body["full_name"], body["private"], body["default_branch"], body["archived"]) == (
        "acme/api",
        True,
        "main",
        False,
    )
    assert body["permissions"] == {"pull": True, "triage": True, "push": True, "maintain": True, "admin": True}
    readme = olivia.get("/repos/acme/api/contents/README.md").json()
    assert readme["url"].endswith("/contents/README.md?ref=main")
    assert olivia.get("/repos/acme/api/commits").json()[0]["commit"]["message"] == "Initial commit"


def test_a_new_repository_without_auto_init_is_empty(client: Client) -> None:
    olivia = client("olivia")
    olivia.post("/orgs/acme/repos", json={"name": "state", "private": True})
    answer = olivia.get("/repos/acme/state/git/ref/heads/main")
    assert (answer.status_code, answer.json()["message"]) == (409, "Git Repository is empty.")
    assert olivia.get("/repos/acme/state/branches").json() == []


def test_a_taken_name_is_refused_in_any_case(client: Client) -> None:
    answer = client("olivia").post("/orgs/acme/repos", json={"name": "SHOP"})
    assert (answer.status_code, answer.json()["message"]) == (422, "Repository creation failed.")
    assert answer.json()["errors"][0]["message"] == "name already exists on this account"


@pytest.mark.parametrize("name", ["..", "a b", "../shop", "x.git", "a" * 101, "sn\u00f6"])
def test_a_name_git_or_a_file_system_would_trip_over_is_refused(client: Client, name: str) -> None:
    assert client("olivia").post("/orgs/acme/repos", json={"name": name}).status_code == 422


def test_an_unknown_setting_is_refused_by_name(client: Client) -> None:
    answer = client("adam").patch("/repos/acme/shop", json={"has_isues": True})
    assert answer.json()["errors"] == [
        {"resource": "Repository", "code": "invalid", "field": "has_isues", "message": "unknown field has_isues"}
    ]


def test_an_archived_repository_has_no_vulnerability_alerts(client: Client) -> None:
    """They come back with it."""
    adam, path = client("adam"), "/repos/acme/shop/vulnerability-alerts"
    assert adam.put(path).status_code == 204
    adam.patch("/repos/acme/shop", json={"archived": True})
    assert (adam.get(path).status_code, adam.put(path).status_code) == (404, 403)
    adam.patch("/repos/acme/shop", json={"archived": False})
    assert adam.get(path).status_code == 204


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("license_template", "mit"),
        ("gitignore_template", "C++"),
        ("security_and_analysis", {"secret_scanning": {"status": "enabled"}}),
    ],
)
def test_a_setting_that_the_forge_would_not_act_on_is_refused_by_name(
    client: Client, name: str, value: str | dict[str, dict[str, str]]
) -> None:
    olivia = client("olivia")
    answer = olivia.post("/orgs/acme/repos", json={"name": "api", name: value})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, f"stand-in has no {name}")
    assert olivia.get("/repos/acme/api").status_code == 404
    changed = olivia.patch("/repos/acme/shop", json={name: value}).status_code
    assert changed == (422 if name == "security_and_analysis" else 200)  # GitHub ignores templates in an update


def test_everybody_may_fork_what_is_public(client: Client) -> None:
    adam = client("adam")
    assert adam.get("/repos/acme/shop").json()["allow_forking"] is False
    adam.patch("/repos/acme/shop", json={"visibility": "public", "allow_forking": False})
    assert adam.get("/repos/acme/shop").json()["allow_forking"] is True
    adam.patch("/repos/acme/shop", json={"visibility": "private"})
    assert adam.get("/repos/acme/shop").json()["allow_forking"] is False


def test_outsiders_create_nothing_in_an_organisation(client: Client) -> None:
    assert client("otto").post("/orgs/acme/repos", json={"name": "x"}).status_code == 403


def test_only_administrators_change_settings(client: Client) -> None:
    statuses = {login: client(login).patch("/repos/acme/shop", json={"has_wiki": False}).status_code for login in ROLES}
    assert statuses == {"reed": 403, "tess": 403, "dana": 403, "mara": 403, "adam": 200, "olivia": 200}
    refused = client("mara").patch("/repos/acme/shop", json={})
    assert refused.json()["message"] == "Must have admin rights to Repository."


def test_merge_settings_are_shown_to_those_who_may_push(client: Client) -> None:
    assert "allow_squash_merge" not in client("reed").get("/repos/acme/shop").json()
    assert client("dana").get("/repos/acme/shop").json()["allow_squash_merge"] is True


def test_a_renamed_repository_keeps_its_id_and_content(forge: Sandbox, client: Client) -> None:
    adam = client("adam")
    before = adam.get("/repos/acme/shop").json()["id"]
    assert adam.patch("/repos/acme/shop", json={"name": "store"}).json()["full_name"] == "acme/store"
    assert adam.get("/repos/acme/shop").status_code == 301  # see test_repository_life.py
    assert adam.get(f"/repositories/{before}").json()["name"] == "store"
    assert adam.get("/repos/acme/store/contents/README.md").status_code == 200


def test_the_default_branch_can_only_be_one_that_exists(client: Client) -> None:
    answer = client("adam").patch("/repos/acme/shop", json={"default_branch": "gone"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"].startswith("The branch gone was not found.")


def test_an_archived_repository_is_read_only_until_it_is_revived(client: Client) -> None:
    adam = client("adam")
    assert adam.patch("/repos/acme/shop", json={"archived": True}).json()["archived"] is True
    answer = adam.post("/repos/acme/shop/labels", json={"name": "x"})
    assert (answer.status_code, answer.json()["message"]) == (403, "Repository was archived so is read-only.")
    assert adam.get("/repos/acme/shop/collaborators").status_code == 200
    assert adam.patch("/repos/acme/shop", json={"archived": False}).status_code == 200
    assert adam.post("/repos/acme/shop/labels", json={"name": "x"}).status_code == 201


def test_deleting_a_repository_removes_its_git_data_and_records(forge: Sandbox, client: Client) -> None:
    adam = client("adam")
    git_dir = forge.store.git_dir(forge.repository("acme/shop"))
    adam.put("/repos/acme/shop/environments/staging", json={})
    assert git_dir.exists()
    assert adam.delete("/repos/acme/shop").status_code == 204
    assert not git_dir.exists()
    assert not forge.store.environments


def test_a_person_gets_a_role_and_loses_it(client: Client) -> None:
    adam = client("adam")
    assert adam.put("/repos/acme/shop/collaborators/otto", json={"permission": "triage"}).status_code == 204
    assert client("otto").get("/repos/acme/shop").json()["permissions"]["triage"] is True
    assert adam.get("/repos/acme/shop/collaborators/otto/permission").json()["role_name"] == "triage"
    assert adam.delete("/repos/acme/shop/collaborators/otto").status_code == 204
    assert client("otto").get("/repos/acme/shop").status_code == 404


def test_collaborators_are_listed_with_effective_roles(client: Client) -> None:
    listed = {user["login"]: user["role_name"] for user in client("adam").get("/repos/acme/shop/collaborators").json()}
    assert listed == {
        "olivia": "admin",
        "reed": "read",
        "tess": "triage",
        "dana": "write",
        "mara": "maintain",
        "adam": "admin",
    }
    direct = client("adam").get("/repos/acme/shop/collaborators?affiliation=direct").json()
    assert "olivia" not in {user["login"] for user in direct}


def test_a_team_gives_its_members_a_role_by_numeric_path(forge: Sandbox, client: Client) -> None:
    olivia = client("olivia")
    team = olivia.post("/orgs/acme/teams", json={"name": "Platform Team", "privacy": "closed"}).json()
    assert team["slug"] == "platform-team"
    root = f"/organizations/{team['organization']['id']}/team/{team['id']}"
    assert olivia.put(f"{root}/memberships/otto", json={"role": "member"}).json()["state"] == "active"
    assert olivia.put(f"{root}/repos/acme/shop", json={"permission": "push"}).status_code == 204
    accept = {"Accept": "application/vnd.github.v3.repository+json"}
    assert olivia.get(f"{root}/repos/acme/shop", headers=accept).json()["role_name"] == "write"
    assert olivia.get(f"{root}/repos/acme/shop").status_code == 204
    assert client("otto").get("/repos/acme/shop").json()["permissions"]["push"] is True
    assert olivia.delete(root).status_code == 204
    assert client("otto").get("/repos/acme/shop").status_code == 404


def test_the_organisation_shows_its_settings_to_members_only(client: Client) -> None:
    assert client("dana").get("/orgs/acme").json()["deploy_keys_enabled_for_repositories"] is True
    assert "plan" not in client("otto").get("/orgs/acme").json()
    assert client("dana").get("/orgs/otto").status_code == 404


def test_members_read_every_repository_unless_the_base_permission_is_none(forge: Sandbox, client: Client) -> None:
    """GitHub's default for an organisation is `read`."""
    organization = forge.organization("acme")
    forge.add_repository("acme/other")
    assert client("dana").get("/repos/acme/other").status_code == 404
    organization.default_repository_permission = "read"
    forge.store.save(organization)
    assert client("dana").get("/repos/acme/other").status_code == 200


def test_a_label_name_may_have_slashes(client: Client) -> None:
    dana = client("dana")
    made = dana.post("/repos/acme/shop/labels", json={"name": "review/app", "color": "FF00aa"})
    assert made.status_code == 201
    assert dana.get("/repos/acme/shop/labels/review/app").json()["color"] == "FF00aa"
    twice = dana.post("/repos/acme/shop/labels", json={"name": "Review/App"})
    assert (twice.status_code, twice.json()["errors"][0]["code"]) == (422, "already_exists")
    assert dana.patch("/repos/acme/shop/labels/review/app", json={"new_name": "x"}).json()["name"] == "x"
    assert dana.delete("/repos/acme/shop/labels/x").status_code == 204
    assert dana.get("/repos/acme/shop/labels/x").status_code == 404


def test_topics_are_replaced_as_a_whole(client: Client) -> None:
    adam = client("adam")
    assert adam.put("/repos/acme/shop/topics", json={"names": ["gitops"]}).json() == {"names": ["gitops"]}
    assert adam.put("/repos/acme/shop/topics", json={"names": ["No Spaces"]}).status_code == 422
    assert adam.get("/repos/acme/shop").json()["topics"] == ["gitops"]


def test_vulnerability_alerts_are_204_or_404(client: Client) -> None:
    adam = client("adam")
    assert adam.get("/repos/acme/shop/vulnerability-alerts").status_code == 404
    assert adam.put("/repos/acme/shop/vulnerability-alerts").status_code == 204
    assert adam.get("/repos/acme/shop/vulnerability-alerts").status_code == 204


def test_actions_permissions_are_read_back_as_written(client: Client) -> None:
    adam, root = client("adam"), "/repos/acme/shop/actions/permissions"
    assert adam.get(f"{root}/selected-actions").status_code == 409
    wanted = {"enabled": True, "allowed_actions": "selected", "sha_pinning_required": True}
    assert adam.put(root, json=wanted).status_code == 204
    assert wanted.items() <= adam.get(root).json().items()
    selected = {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": ["acme/*"]}
    assert adam.put(f"{root}/selected-actions", json=selected).status_code == 204
    assert adam.get(f"{root}/selected-actions").json() == selected
    assert adam.put(root, json={"enabled": False}).status_code == 204
    assert adam.get(root).json() == {"enabled": False, "sha_pinning_required": True}
    workflow = {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": True}
    assert adam.put(f"{root}/workflow", json=workflow).status_code == 204
    assert adam.get(f"{root}/workflow").json() == workflow
    assert client("mara").get(root).status_code == 403


@pytest.mark.parametrize(
    ("permissions", "path", "status"),
    [
        ({"administration": "write"}, "/repos/acme/shop", 200),
        ({"metadata": "read"}, "/repos/acme/shop", 403),
    ],
)
def test_an_app_may_do_what_its_permissions_say(
    forge: Sandbox, client: Client, permissions: dict[str, str], path: str, status: int
) -> None:
    forge.app("acme", "robot", permissions)
    answer = client(token=forge.app_token("robot")).patch(path, json={"has_wiki": False})
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["message"] == "Resource not accessible by integration"


def test_an_app_sees_only_the_repositories_it_is_installed_on(forge: Sandbox, client: Client) -> None:
    forge.add_repository("acme/other")
    forge.app("acme", "robot", {"administration": "write", "contents": "write"}, repositories=["acme/shop"])
    robot = client(token=forge.app_token("robot"))
    assert robot.get("/repos/acme/shop").status_code == 200
    assert robot.get("/repos/acme/other").status_code == 404
    assert robot.post("/orgs/acme/repos", json={"name": "made"}).status_code == 201
    assert {r["name"] for r in robot.get("/installation/repositories").json()["repositories"]} == {"shop", "made"}


def test_a_fine_grained_token_needs_role_and_permission(forge: Sandbox, client: Client) -> None:
    narrow = client(token=forge.token("adam", permissions={"contents": "read"}))
    answer = narrow.patch("/repos/acme/shop", json={})
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by personal access token")
    wide = client(token=forge.token("dana", permissions={"administration": "write"}))
    assert wide.patch("/repos/acme/shop", json={}).status_code == 403


def test_a_role_of_the_seed_is_the_role_of_the_api(forge: Sandbox, client: Client) -> None:
    forge.grant("acme/shop", "otto", Role.MAINTAIN)
    assert client("adam").get("/repos/acme/shop/collaborators/otto/permission").json()["role_name"] == "maintain"
