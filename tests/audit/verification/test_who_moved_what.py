"""Former places, bypasses by name, workflows, people and owners: what the estate of tests/guarantee has not."""

from typing import Any

import pytest

from gitops_infra.audit.verification import keys, organisation, people, suites, workflows
from gitops_infra.audit.verification.exposure import Exposure
from gitops_infra.pipelines.github_actions import workflow_files
from gitops_infra.plan.build import plan
from gitops_infra.topology.validate import validate

from .conftest import SHOP, STATE, Look, codes

APP = {"app": 17, "key": "stagingKey"}
BRANCH = {"name": "staging", "isolation": "branch", "writer": APP}
MOVED = {**BRANCH, "moved_from": "repository"}


def push(actor: str | None, branch: str = "env/staging") -> dict[str, Any]:
    return {"actor_name": actor, "ref": f"refs/heads/{branch}", "after_sha": "a" * 40}


def test_a_key_that_is_left_in_a_former_place_is_found(look: Look) -> None:
    """Nobody moves a branch that has moved away."""
    left = {"id": 1, "title": "gitops-infra shop staging g1", "key": "k", "read_only": False}
    seen = look(keys.check, {f"{STATE}/keys": [left]}, at="acme/shop-env-staging", environments=[MOVED])
    assert codes(seen) == ["write-key-extra"]


@pytest.mark.parametrize("actor", ["deploy key 'gitops-infra shop staging g1'", "olivia", "moves-staging[bot]"])
def test_whoever_moves_a_branch_in_its_former_place_is_told(look: Look, actor: str) -> None:
    table = {f"{STATE}/rulesets/rule-suites": [push(actor)], f"{STATE}/keys": []}
    seen = look(suites.check, table, at="acme/shop-env-staging", environments=[MOVED])
    assert codes(seen) == ["bypass-used"]


@pytest.mark.parametrize(
    ("actor", "found"),
    [
        ("deploy key 'gitops-infra shop staging g1'", []),
        (None, []),
        ("up[bot]", []),
        ("olivia", ["bypass-used"]),
    ],
)
def test_a_push_by_the_deploy_key_is_expected(look: Look, actor: str | None, found: list[str]) -> None:
    own = {"title": "gitops-infra shop staging g1", "added_by": "up[bot]"}
    table = {f"{STATE}/rulesets/rule-suites": [push(actor)], f"{STATE}/keys": [own]}
    assert codes(look(suites.check, table, at="acme/shop-env-staging")) == found


@pytest.mark.parametrize(
    ("actor", "branch", "found"),
    [
        ("moves-staging[bot]", "env/staging", []),
        ("moves-production[bot]", "env/staging", ["bypass-used"]),
        ("dana", "env/staging", ["bypass-used"]),
        ("dana", "feature", []),
    ],
)
def test_an_app_is_known_by_its_name(look: Look, actor: str, branch: str, found: list[str]) -> None:
    installed = {"installations": [{"app_id": 17, "app_slug": "moves-staging"}]}
    table = {f"{SHOP}/rulesets/rule-suites": [push(actor, branch)], "/orgs/acme/installations": installed}
    assert codes(look(suites.check, table, environments=[BRANCH])) == found


def test_an_app_whose_name_is_not_shown_is_not_verifiable(look: Look) -> None:
    table = {f"{SHOP}/rulesets/rule-suites": [push("x[bot]")], "/orgs/acme/installations": (403, {"message": "no"})}
    assert codes(look(suites.check, table, environments=[BRANCH])) == ["?"]


def test_a_machine_user_is_known_by_its_login(look: Look) -> None:
    robot = {"name": "staging", "isolation": "branch", "writer": {"user": "robot", "id": 5, "key": "robotKey"}}
    for actor, found in (("Robot", []), ("dana", ["bypass-used"])):
        table = {f"{SHOP}/rulesets/rule-suites": [push(actor)]}
        assert codes(look(suites.check, table, environments=[robot])) == found


def listed(*paths: str, spoiled: bool = False) -> list[dict[str, str]]:
    topology = {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private"},
        "environments": [{"name": "staging"}, {"name": "qa", "kind": "staging"}],
    }
    files = {file.path: file.content for file in workflow_files(plan(validate(topology)))}
    text = "name: other\n" if spoiled else ""
    return [{"path": path, "sha": workflows.blob(text or files[path])} for path in paths]


STAGING, QA = ".github/workflows/promote-staging.yml", ".github/workflows/promote-qa.yml"


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([], []),
        (listed(STAGING, QA), []),
        (listed(STAGING), ["workflow-missing"]),
        (listed(STAGING, QA, spoiled=True), ["workflow-differs", "workflow-differs"]),
    ],
)
def test_an_existing_repository_promotes_as_it_likes_until_it_takes_our_workflows(
    look: Look, there: list[dict[str, str]], found: list[str]
) -> None:
    folder = f"{SHOP}/contents/.github/workflows"
    table = {SHOP: {"default_branch": "main"}, folder: there}
    two = [{"name": "staging"}, {"name": "qa", "kind": "staging"}]
    assert codes(look(workflows.check, table, environments=two)) == found
    assert codes(look(workflows.check, {SHOP: {"default_branch": "main"}}, environments=two)) == []


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"login": "olivia", "role_name": "admin"}, []),
        ({"login": "dana", "role_name": "read"}, []),
        ({"login": "dana", "role_name": "write"}, ["state-writer"]),
        ({"login": "dana", "role_name": "admin"}, ["state-admin"]),
        ({"login": "dana", "role_name": "releaser", "permissions": {"push": True, "admin": False}}, ["state-writer"]),
        ({"login": "dana", "permission": "push"}, ["state-writer"]),
    ],
)
def test_an_owner_may_whatever_the_list_says_and_nobody_else(
    look: Look, entry: dict[str, Any], found: list[str]
) -> None:
    table = {
        f"{STATE}/collaborators": [entry],
        f"{STATE}/teams": [],
        "/orgs/acme/members": [{"login": "Olivia"}],
    }
    assert codes(look(people.check, table, at="acme/shop-env-staging")) == found


def test_the_owner_of_a_users_repository_needs_no_list_of_owners(look: Look) -> None:
    table = {f"{STATE}/collaborators": [{"login": "acme", "role_name": "admin"}], f"{STATE}/teams": []}
    seen = look(people.check, table, at="acme/shop-env-staging", owner_kind="user", github_plan="pro")
    assert codes(seen) == []


def test_a_person_with_more_by_a_planned_team_has_no_more_than_planned(look: Look) -> None:
    """What the list tells of a person is all that they may."""
    grants = [{"team": "platform", "role": "maintain"}, {"user": "rita", "role": "triage"}]
    shop = {"name": "shop", "visibility": "private", "grants": grants}
    for role, found in (("maintain", []), ("admin", ["grant-higher", "admins"]), ("read", ["grant-missing"])):
        table = {
            f"{SHOP}/collaborators": [{"login": "rita", "role_name": role}],
            f"{SHOP}/teams": [{"slug": "platform", "permission": "maintain"}],
            "/orgs/acme/members": [{"login": "olivia"}],
        }
        assert codes(look(people.check, table, application=shop)) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            {
                "plan": {"name": "enterprise"},
                "default_repository_permission": "read",
                "deploy_keys_enabled_for_repositories": True,
            },
            [],
        ),
        ({"login": "acme"}, ["?", "?"]),
        (
            {
                "plan": {"name": "team"},
                "default_repository_permission": "admin",
                "deploy_keys_enabled_for_repositories": False,
            },
            ["price-plan", "deploy-keys-disallowed", "base-role-admin"],
        ),
        ((404, {"message": "Not Found"}), ["?"]),
    ],
)
def test_the_organisation_shows_its_settings_to_few(look: Look, body: Any, found: list[str]) -> None:
    assert codes(look(organisation.check, {"/orgs/acme": body}, at="")) == found


def test_an_exploit_names_who_and_what(look: Look) -> None:
    table = {f"{STATE}/rulesets/rule-suites": [push("dana")], f"{STATE}/keys": []}
    (seen,) = look(suites.check, table, at="acme/shop-env-staging")
    assert isinstance(seen, Exposure)
    assert str(seen) == (
        "critical: branch env/staging of acme/shop-env-staging: expected moved by deploy key, found by "
        "`dana to aaaaaaaaaaaa`; they moved env/staging past its rules: what staging ran then, or runs now, is theirs. "
        "Find out how they came by the bypass, look at each push, and make a new credential. [bypass-used]"
    )
