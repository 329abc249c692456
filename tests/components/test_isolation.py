"""What GitOpsTopology registers under each isolation, and what stays registered when the isolation changes."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gitops_infra import GitOpsTopology

Record = Callable[..., Any]
Build = Callable[..., dict[str, Any]]

APP: dict[str, Any] = {"isolation": "branch", "writer": {"app": 17, "key": "stagingKey"}}
USER: dict[str, Any] = {"isolation": "branch", "writer": {"user": "stage-bot", "key": "stagingKey"}}
SHARED: dict[str, Any] = {"isolation": "shared", "accept_shared_bypass": True}
REPOSITORY: dict[str, Any] = {"isolation": "repository"}

COMPONENTS = {
    ("ApplicationRepository", "shop-application"),
    ("BranchCredential", "shop-staging-credential"),
    ("CiVariables", "shop-staging-ci"),
    ("DeploymentEnvironment", "shop-staging"),
    ("EnvironmentBranch", "shop-staging-branch"),
    ("GitOpsTopology", "shop"),
}
ENVIRONMENT = {
    ("RepositoryEnvironment", "shop-staging-environment"),
    ("RepositoryEnvironmentDeploymentPolicy", "shop-staging-policy-main"),
    ("RepositoryRuleset", "shop-application-default-branch"),
}
IN_THE_APPLICATION = {
    ("RepositoryRuleset", "shop-staging-branch-branch-integrity"),
    ("RepositoryRuleset", "shop-staging-branch-branch-writers"),
}
STATE = {
    ("ActionsRepositoryPermissions", "shop-staging-branch-actions"),
    ("Repository", "shop-staging-branch-repository"),
    ("RepositoryRuleset", "shop-staging-branch-integrity"),
    ("RepositoryRuleset", "shop-staging-branch-locked-branches"),
    ("RepositoryRuleset", "shop-staging-branch-locked-tags"),
    ("RepositoryRuleset", "shop-staging-branch-writers"),
}
STATE_VARIABLES = {
    ("ActionsEnvironmentVariable", "shop-staging-ci-variable-GITOPS_BRANCH"),
    ("ActionsEnvironmentVariable", "shop-staging-ci-variable-GITOPS_STATE_REPOSITORY"),
}
NEW_KEY = {
    ("ActionsEnvironmentSecret", "shop-staging-credential-secret"),
    ("PrivateKey", "shop-staging-credential-key-g1"),
    ("RepositoryDeployKey", "shop-staging-credential-deploy-key-g1"),
}
SHARED_KEY = {
    ("ActionsEnvironmentSecret", "shop-staging-credential-secret"),
    ("PrivateKey", "shop-staging-credential-shared-key-g1"),
    ("RepositoryDeployKey", "shop-staging-credential-shared-deploy-key-g1"),
}
GIVEN_KEY = {("ActionsEnvironmentSecret", "shop-staging-credential-given-secret")}

LOOK_UP = {"users/stage-bot": {"code": 200, "body": '{"id": 99}'}}


@pytest.fixture
def register(record: Record, staging: Build) -> Callable[..., Any]:
    """Registers the topology with staging as the keywords say."""
    return lambda **environment: record(lambda: GitOpsTopology("shop", staging(**environment)), answers=LOOK_UP)


def urns(recorded: Any) -> set[str]:
    return {one.urn for one in recorded.resources}


def bypasses(recorded: Any) -> Mapping[str, list[dict[str, Any]]]:
    return {
        one.name.removeprefix("shop-staging-branch-"): one.inputs["bypassActors"]
        for one in recorded.every("RepositoryRuleset")
        if one.name.startswith("shop-staging-branch-")
    }


@pytest.mark.parametrize(
    ("environment", "made"),
    [
        pytest.param(REPOSITORY, STATE | STATE_VARIABLES | NEW_KEY, id="repository"),
        pytest.param(APP, IN_THE_APPLICATION | GIVEN_KEY, id="branch, App"),
        pytest.param(USER, IN_THE_APPLICATION | GIVEN_KEY, id="branch, machine user"),
        pytest.param(SHARED, IN_THE_APPLICATION | SHARED_KEY, id="shared"),
    ],
)
def test_each_isolation_makes_exactly_its_own(
    register: Callable[..., Any], environment: dict[str, Any], made: set[tuple[str, str]]
) -> None:
    """The names are a promise: another name replaces what users have."""
    assert register(**environment).names() == sorted(COMPONENTS | ENVIRONMENT | made)


@pytest.mark.parametrize(
    ("environment", "actor"),
    [
        pytest.param(APP, {"actorType": "Integration", "actorId": 17, "bypassMode": "always"}, id="App"),
        pytest.param(USER, {"actorType": "User", "actorId": 99, "bypassMode": "always"}, id="machine user"),
        pytest.param(
            {"isolation": "branch", "writer": {"user": "stage-bot", "id": 8, "key": "stagingKey"}},
            {"actorType": "User", "actorId": 8, "bypassMode": "always"},
            id="machine user with an id",
        ),
        pytest.param(SHARED, {"actorType": "DeployKey", "bypassMode": "always"}, id="shared"),
    ],
)
def test_one_actor_moves_the_branch_in_the_application_s_repository(
    register: Callable[..., Any], environment: dict[str, Any], actor: dict[str, Any]
) -> None:
    recorded = register(**environment)
    assert bypasses(recorded) == {"branch-writers": [actor], "branch-integrity": []}
    looked_up = "writer" in environment and environment["writer"].get("user") and not environment["writer"].get("id")
    assert [call[1]["endpoint"] for call in recorded.calls] == (["users/stage-bot"] if looked_up else [])


def test_the_rules_of_a_branch_in_the_application_are_about_that_branch_alone(register: Callable[..., Any]) -> None:
    recorded = register(**APP, required_checks=["test"])
    got = {
        one.name.removeprefix("shop-staging-branch-branch-"): (
            one.inputs["repository"],
            one.inputs["conditions"]["refName"],
            sorted(one.inputs["rules"]),
        )
        for one in recorded.every("RepositoryRuleset")
        if one.name.startswith("shop-staging")
    }
    here = ("shop", {"includes": ["refs/heads/env/staging"], "excludes": []})
    assert got == {
        "writers": (*here, ["creation", "update"]),
        "integrity": (*here, ["deletion", "nonFastForward"]),
        "gates": (*here, ["requiredStatusChecks"]),
    }


PROTECTION = {
    "repository": {name for kind, name in STATE},
    "application": {name for kind, name in IN_THE_APPLICATION},
}
BEFORE_ANY_KEY = {"shop-application-default-branch", "shop-staging-environment", "shop-staging-policy-main"}


@pytest.mark.parametrize(
    ("environment", "rules", "keys"),
    [
        pytest.param(REPOSITORY, PROTECTION["repository"], NEW_KEY, id="repository"),
        pytest.param(APP, PROTECTION["application"], GIVEN_KEY, id="branch"),
        pytest.param(SHARED, PROTECTION["application"], SHARED_KEY, id="shared"),
    ],
)
def test_rules_come_before_keys_and_the_secret_is_last(
    register: Callable[..., Any], environment: dict[str, Any], rules: set[str], keys: set[tuple[str, str]]
) -> None:
    """At no moment may a key push past a missing rule, or a job of an unprotected branch read it."""
    recorded = register(**environment)
    for deploy_key in recorded.every("RepositoryDeployKey"):
        assert recorded.before(deploy_key) >= BEFORE_ANY_KEY | rules
    secret = recorded.one("ActionsEnvironmentSecret")
    assert recorded.before(secret) == (BEFORE_ANY_KEY | rules | {name for _, name in keys}) - {secret.name}


@pytest.mark.parametrize("environment", [APP, USER], ids=["App", "machine user"])
def test_a_given_key_is_secret_from_birth_and_nowhere_else(
    register: Callable[..., Any], environment: dict[str, Any]
) -> None:
    recorded = register(**environment)
    secret = recorded.one("ActionsEnvironmentSecret")
    assert secret.secrets == {"value"}
    assert secret.inputs["secretName"] == ("GITOPS_APP_KEY" if environment is APP else "GITOPS_USER_KEY")
    assert secret.retain is False
    holders = [one.name for one in recorded.resources if "PRIVATE-KEY-CANARY" in str(one.inputs)]
    assert holders == [secret.name]


def test_a_state_repository_stays_under_its_names_when_the_branch_moves_into_the_application(
    register: Callable[..., Any],
) -> None:
    before, after = register(**REPOSITORY), register(**APP, moved_from="repository")
    kept = {one.urn for one in before.resources if one.name in PROTECTION["repository"]}
    assert len(kept) == 6
    assert kept <= urns(after)
    assert {name: actors for name, actors in bypasses(after).items() if not name.startswith("branch-")} == {
        "integrity": [],
        "locked-branches": [],
        "locked-tags": [],
        "writers": [],
    }
    gone = {urn.rsplit("::", 1)[-1] for urn in urns(before) - urns(after)}
    assert gone == {name for _, name in NEW_KEY | STATE_VARIABLES}
    made = {urn.rsplit("::", 1)[-1] for urn in urns(after) - urns(before)}
    assert made == {name for _, name in IN_THE_APPLICATION | GIVEN_KEY}


def test_the_rules_in_the_application_stay_under_their_names_when_the_branch_moves_out(
    register: Callable[..., Any],
) -> None:
    before, after = register(**APP), register(**REPOSITORY, moved_from="branch")
    kept = {one.urn for one in before.resources if one.name in PROTECTION["application"]}
    assert len(kept) == 2
    assert kept <= urns(after)
    assert bypasses(after) == {
        "branch-writers": [],
        "branch-integrity": [],
        "writers": [{"actorType": "DeployKey", "bypassMode": "always"}],
        "integrity": [],
        "locked-branches": [],
        "locked-tags": [],
    }
    gone = {urn.rsplit("::", 1)[-1] for urn in urns(before) - urns(after)}
    assert gone == {name for _, name in GIVEN_KEY}


def test_a_forgotten_former_place_is_all_that_leaves(register: Callable[..., Any]) -> None:
    """`moved_from` is removed once nobody needs the old branch."""
    moved, forgotten = register(**APP, moved_from="repository"), register(**APP)
    gone = {urn.rsplit("::", 1)[-1] for urn in urns(moved) - urns(forgotten)}
    assert gone == PROTECTION["repository"]
    assert urns(forgotten) < urns(moved)


@pytest.mark.parametrize(("old", "new"), [(SHARED, APP), (APP, SHARED)], ids=["to branch", "to shared"])
def test_between_shared_and_branch_only_the_writer_changes_in_place(
    register: Callable[..., Any], old: dict[str, Any], new: dict[str, Any]
) -> None:
    """The branch stays where it is, and its integrity is not touched for a moment."""
    before, after = register(**old), register(**new)
    rules = {one.urn: one.inputs for one in before.every("RepositoryRuleset")}
    now = {one.urn: one.inputs for one in after.every("RepositoryRuleset")}
    assert rules.keys() == now.keys()
    changed = {
        (urn.rsplit("::", 1)[-1], key)
        for urn, inputs in now.items()
        for key in inputs
        if rules[urn][key] != inputs[key]
    }
    assert changed == {("shop-staging-branch-branch-writers", "bypassActors")}
    gone = {urn.rsplit("::", 1)[-1] for urn in urns(before) - urns(after)}
    assert gone == {name for _, name in (SHARED_KEY if old is SHARED else GIVEN_KEY)}


def test_from_a_state_repository_to_shared_the_secret_is_updated_in_place(register: Callable[..., Any]) -> None:
    """The key of the other place is another resource, so the old one is deleted after the secret has the new one."""
    before, after = register(**REPOSITORY), register(**SHARED, moved_from="repository")
    secret = "shop-staging-credential-secret"
    assert before.one("ActionsEnvironmentSecret", secret).urn == after.one("ActionsEnvironmentSecret", secret).urn
    deploy_key = after.one("RepositoryDeployKey")
    assert deploy_key.urn not in urns(before)
    assert deploy_key.inputs["repository"] == "shop"


OWNED = {"name": "shop", "visibility": "public", "allow_destroy": True}


def test_destroy_of_an_owned_repository_takes_the_rules_and_secrets_in_it_along(record: Record, staging: Build) -> None:
    recorded = record(lambda: GitOpsTopology("shop", staging(OWNED, **APP)))
    repository = recorded.one("Repository", "shop-application-repository")
    assert repository.retain is False
    with_it = {name for _, name in IN_THE_APPLICATION | GIVEN_KEY} | {"shop-staging-environment"}
    assert {one.deleted_with for one in recorded.resources if one.name in with_it} == {repository.urn}


def test_a_shared_key_goes_with_the_owned_repository_that_it_opens(record: Record, staging: Build) -> None:
    recorded = record(lambda: GitOpsTopology("shop", staging(OWNED, **SHARED)))
    repository = recorded.one("Repository", "shop-application-repository")
    assert recorded.one("RepositoryDeployKey").deleted_with == repository.urn


@pytest.mark.parametrize("kept", [True, False])
def test_a_key_of_a_state_repository_is_revoked_by_name_though_the_application_is_deleted(
    record: Record, staging: Build, *, kept: bool
) -> None:
    """The state repository may stay; a key that went with the application's repository would go on working there."""
    recorded = record(lambda: GitOpsTopology("shop", staging(OWNED, allow_destroy=not kept)))
    deploy_key = recorded.one("RepositoryDeployKey")
    assert (deploy_key.retain, deploy_key.deleted_with) == (False, "")
    assert recorded.one("Repository", "shop-staging-branch-repository").retain is (True if kept else None)
    secret = recorded.one("ActionsEnvironmentSecret")
    assert secret.deleted_with == recorded.one("Repository", "shop-application-repository").urn


@pytest.mark.parametrize("environment", [REPOSITORY, APP, SHARED], ids=["repository", "branch", "shared"])
def test_nothing_of_an_existing_repository_goes_with_it(register: Callable[..., Any], environment: Any) -> None:
    """It is never deleted, so each part has a call of its own."""
    recorded = register(**environment)
    gone_with = {one.name: one.deleted_with for one in recorded.resources if one.inputs.get("repository") == "shop"}
    policy = gone_with.pop("shop-staging-policy-main")
    assert policy == recorded.one("RepositoryEnvironment").urn
    assert set(gone_with.values()) == {""}


@pytest.mark.parametrize(
    ("environment", "bound"),
    [
        pytest.param(REPOSITORY, {}, id="repository, first key"),
        pytest.param({**REPOSITORY, "generation": 2}, {"shop-staging-credential-key-g2"}, id="repository, second key"),
        pytest.param(SHARED, {}, id="shared, first key"),
        pytest.param({**SHARED, "generation": 2}, {"shop-staging-credential-shared-key-g2"}, id="shared, second key"),
        pytest.param(APP, {}, id="branch"),
    ],
)
def test_a_later_key_is_tried_before_the_secret_gets_it(
    register: Callable[..., Any], environment: dict[str, Any], bound: set[str]
) -> None:
    recorded = register(**environment)
    found = {one.name: one.hooks for one in recorded.resources if one.hooks}
    expected = {"before_update": tuple(f"{key}-opens-the-repository" for key in bound)}
    assert found == ({"shop-staging-credential-secret": expected} if bound else {})
