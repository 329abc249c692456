"""Deploy keys, rulesets, environments and their policies, price plans."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.server import Sandbox

from .conftest import RULESET, key

Client = Callable[..., httpx.Client]

ENVIRONMENT = {
    # what the provider always sends
    "wait_timer": 0,
    "reviewers": None,
    "can_admins_bypass": True,
    "prevent_self_review": False,
    "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
}


def set_plan(forge: Sandbox, plan: str) -> None:
    organization = forge.organization("acme")
    organization.price_plan = plan
    forge.store.save(organization)


def test_a_deploy_key_loses_its_comment_and_knows_its_maker(client: Client) -> None:
    made = client("adam").post(
        "/repos/acme/shop/keys", json={"title": "ci", "key": f"{key(1)} me@host", "read_only": False}
    )
    assert made.status_code == 201
    body = made.json()
    assert (body["key"], body["read_only"], body["added_by"], body["enabled"]) == (key(1), False, "adam", True)
    assert client("adam").get(f"/repos/acme/shop/keys/{body['id']}").json() == body


def test_deploy_keys_are_the_administrators_business(client: Client) -> None:
    assert client("mara").get("/repos/acme/shop/keys").status_code == 403
    assert client("mara").post("/repos/acme/shop/keys", json={"key": key(1)}).status_code == 403


def test_a_key_in_use_is_refused_also_in_another_repository(forge: Sandbox, client: Client) -> None:
    forge.add_repository("acme/other")
    client("adam").post("/repos/acme/shop/keys", json={"key": key(1)})
    answer = client("olivia").post("/repos/acme/other/keys", json={"key": key(1)})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"resource": "PublicKey", "code": "custom", "message": "key is already in use", "field": "key"}
    ]


@pytest.mark.parametrize("bad", ["nonsense", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M="])
def test_a_malformed_key_is_refused(client: Client, bad: str) -> None:
    answer = client("adam").post("/repos/acme/shop/keys", json={"key": bad})
    assert answer.json()["errors"][0]["message"].startswith("key is invalid.")


def test_an_organisation_may_forbid_deploy_keys(forge: Sandbox, client: Client) -> None:
    client("adam").post("/repos/acme/shop/keys", json={"key": key(1)})
    olivia = client("olivia")
    assert olivia.patch("/orgs/acme", json={"deploy_keys_enabled_for_repositories": False}).status_code == 200
    answer = client("adam").post("/repos/acme/shop/keys", json={"key": key(2)})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"resource": "PublicKey", "code": "custom", "message": "Deploy keys are disabled for this repository"}
    ]
    assert [known["enabled"] for known in client("adam").get("/repos/acme/shop/keys").json()] == [False]


def test_a_deploy_key_dies_with_the_personal_token_but_not_with_an_installation_token(
    forge: Sandbox, client: Client
) -> None:
    token = forge.token("adam")
    client(token=token).post("/repos/acme/shop/keys", json={"key": key(1)})
    forge.app("acme", "robot", {"administration": "write"})
    installation = forge.app_token("robot")
    client(token=installation).post("/repos/acme/shop/keys", json={"key": key(2)})
    forge.revoke(token)
    forge.revoke(installation)
    assert [known["key"] for known in client("adam").get("/repos/acme/shop/keys").json()] == [key(2)]


def test_a_ruleset_is_read_back_as_written(client: Client) -> None:
    adam = client("adam")
    made = adam.post("/repos/acme/shop/rulesets", json=RULESET)
    assert made.status_code == 201
    read = adam.get(f"/repos/acme/shop/rulesets/{made.json()['id']}?includes_parents=false").json()
    assert read == made.json()
    assert read["rules"] == [{"type": "creation"}, {"type": "update"}]
    assert read["bypass_actors"] == [{"actor_id": None, "actor_type": "DeployKey", "bypass_mode": "always"}]
    assert (read["source_type"], read["source"]) == ("Repository", "acme/shop")


def test_bypass_actors_are_shown_only_to_those_who_may_change_them(client: Client) -> None:
    number = client("adam").post("/repos/acme/shop/rulesets", json=RULESET).json()["id"]
    shown = {who: client(who).get(f"/repos/acme/shop/rulesets/{number}").json() for who in ("reed", "mara", "adam")}
    assert {who: "bypass_actors" in body for who, body in shown.items()} == {"reed": False, "mara": False, "adam": True}


def test_a_changed_bypass_list_changes_the_etag(client: Client) -> None:
    adam = client("adam")
    number = adam.post("/repos/acme/shop/rulesets", json=RULESET).json()["id"]
    path = f"/repos/acme/shop/rulesets/{number}"
    tag = adam.get(path).headers["ETag"]
    assert adam.put(path, json={**RULESET, "bypass_actors": []}).status_code == 200
    assert adam.get(path, headers={"If-None-Match": tag}).json()["bypass_actors"] == []


def test_only_administrators_change_rulesets(client: Client) -> None:
    assert client("mara").post("/repos/acme/shop/rulesets", json=RULESET).status_code == 403


def test_the_rules_of_a_branch_are_those_of_the_rulesets_that_govern_it(client: Client) -> None:
    number = client("adam").post("/repos/acme/shop/rulesets", json=RULESET).json()["id"]
    rules = client("reed").get("/repos/acme/shop/rules/branches/env%2Fstaging").json()
    assert [(rule["type"], rule["ruleset_id"]) for rule in rules] == [("creation", number), ("update", number)]
    assert client("reed").get("/repos/acme/shop/rules/branches/main").json() == []


def test_a_ref_that_a_ruleset_guards_cannot_be_made_by_rest(client: Client) -> None:
    adam = client("adam")
    adam.post("/repos/acme/shop/rulesets", json=RULESET)
    sha = adam.get("/repos/acme/shop/git/ref/heads/main").json()["object"]["sha"]
    answer = adam.post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/env/staging", "sha": sha})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("Repository rule violations found")
    assert "Cannot create ref due to creations being restricted." in answer.json()["message"]
    [suite] = adam.get("/repos/acme/shop/rulesets/rule-suites?rule_suite_result=fail").json()
    assert (suite["ref"], suite["actor_name"], suite["result"]) == ("refs/heads/env/staging", "adam", "fail")


def test_rulesets_of_a_private_repository_need_a_paid_plan(forge: Sandbox, client: Client) -> None:
    set_plan(forge, "free")
    for answer in (
        client("adam").get("/repos/acme/shop/rulesets"),
        client("adam").post("/repos/acme/shop/rulesets", json=RULESET),
    ):
        assert answer.status_code == 403
        assert (
            answer.json()["message"] == "Upgrade to GitHub Pro or make this repository public to enable this feature."
        )
    client("adam").patch("/repos/acme/shop", json={"visibility": "public"})
    assert client("adam").get("/repos/acme/shop/rulesets").status_code == 200


def test_an_environment_is_read_back_as_written(forge: Sandbox, client: Client) -> None:
    adam = client("adam")
    dana = forge.user("dana").id
    path = "/repos/acme/shop/environments/prod%2Feu"
    wanted = {**ENVIRONMENT, "wait_timer": 30, "prevent_self_review": True, "reviewers": [{"type": "User", "id": dana}]}
    assert adam.put(path, json=wanted).status_code == 200
    body = adam.get(path).json()
    assert body["name"] == "prod/eu"
    assert body["deployment_branch_policy"] == ENVIRONMENT["deployment_branch_policy"]
    assert [rule["type"] for rule in body["protection_rules"]] == ["wait_timer", "required_reviewers", "branch_policy"]
    assert body["protection_rules"][0]["wait_timer"] == 30
    reviewers = body["protection_rules"][1]
    assert reviewers["prevent_self_review"] is True
    assert [(r["type"], r["reviewer"]["id"]) for r in reviewers["reviewers"]] == [("User", dana)]
    assert adam.get("/repos/acme/shop/environments").json()["total_count"] == 1


def test_what_an_environment_update_does_not_send_stays(client: Client) -> None:
    adam, path = client("adam"), "/repos/acme/shop/environments/staging"
    adam.put(path, json=ENVIRONMENT)
    adam.post(f"{path}/deployment-branch-policies", json={"name": "main"})
    assert adam.put(path, json={"wait_timer": 5}).json()["deployment_branch_policy"]["custom_branch_policies"] is True
    assert adam.get(f"{path}/deployment-branch-policies").json()["total_count"] == 1
    assert adam.put(path, json={"deployment_branch_policy": None}).json()["deployment_branch_policy"] is None
    assert adam.get(f"{path}/deployment-branch-policies").json()["total_count"] == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wait_timer": 43_201}, "wait_timer must be between 0 and 43200."),
        ({"wait_timer": -1}, "wait_timer must be between 0 and 43200."),
        (
            {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
            "protected_branches and custom_branch_policies cannot have the same value.",
        ),
        ({"reviewers": [{"type": "User", "id": 1}]}, "Reviewer User 1 must be a user or team with read access."),
        (
            {"prevent_self_review": True},
            "Required reviewers must have at least one reviewer to set prevent_self_review.",
        ),
        ({"reviewers": [{"type": "User", "id": 1}] * 7}, "Required reviewers can have at most 6 reviewers."),
    ],
)
def test_an_impossible_protection_rule_is_refused(client: Client, change: dict[str, Any], reason: str) -> None:
    answer = client("adam").put("/repos/acme/shop/environments/staging", json={**ENVIRONMENT, **change})
    assert answer.status_code == 422
    assert answer.json()["message"] == f"Failed to create the environment protection rule. {reason}"
    assert client("adam").get("/repos/acme/shop/environments/staging").status_code == 404


def test_the_longest_wait_is_thirty_days(client: Client) -> None:
    path = "/repos/acme/shop/environments/staging"
    assert client("adam").put(path, json={**ENVIRONMENT, "wait_timer": 43_200}).status_code == 200


def test_only_administrators_make_environments(client: Client) -> None:
    answer = client("mara").put("/repos/acme/shop/environments/staging", json={})
    assert (answer.status_code, answer.json()["message"]) == (403, "Must have admin rights to Repository.")
    assert client("reed").get("/repos/acme/shop/environments").json()["environments"] == []


def test_policies_are_added_changed_and_removed(client: Client) -> None:
    adam, path = client("adam"), "/repos/acme/shop/environments/staging"
    adam.put(path, json=ENVIRONMENT)
    made = adam.post(f"{path}/deployment-branch-policies", json={"name": "main"}).json()
    assert (made["name"], made["type"]) == ("main", "branch")
    again = adam.post(f"{path}/deployment-branch-policies", json={"name": "main"})
    assert (again.status_code, again.headers["Location"].rpartition("/")[2]) == (303, str(made["id"]))
    one = f"{path}/deployment-branch-policies/{made['id']}"
    assert adam.put(one, json={"name": "release/*"}).json()["name"] == "release/*"
    assert adam.get(one).json()["name"] == "release/*"
    assert adam.delete(one).status_code == 204
    assert adam.get(one).status_code == 404


def test_a_policy_needs_an_environment_with_custom_policies(client: Client) -> None:
    adam, path = client("adam"), "/repos/acme/shop/environments/staging"
    assert adam.post(f"{path}/deployment-branch-policies", json={"name": "main"}).status_code == 404
    adam.put(path, json={**ENVIRONMENT, "deployment_branch_policy": None})
    assert adam.post(f"{path}/deployment-branch-policies", json={"name": "main"}).status_code == 404


@pytest.mark.parametrize("plan", ["pro", "team"])
def test_private_repositories_below_enterprise_have_no_protection_rules(
    forge: Sandbox, client: Client, plan: str
) -> None:
    """Refused even with default values; the provider then sends the branch policy alone."""
    set_plan(forge, plan)
    adam, path = client("adam"), "/repos/acme/shop/environments/staging"
    answer = adam.put(path, json=ENVIRONMENT)
    assert answer.status_code == 422
    assert answer.json()["message"] == (
        "Failed to create the environment protection rule."
        " Please ensure the billing plan supports the required reviewers protection rule."
    )
    policy = {"deployment_branch_policy": ENVIRONMENT["deployment_branch_policy"]}
    assert adam.put(path, json=policy).status_code == 200


def test_free_private_repositories_have_no_environments(forge: Sandbox, client: Client) -> None:
    set_plan(forge, "free")
    answer = client("adam").put("/repos/acme/shop/environments/staging", json={})
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
