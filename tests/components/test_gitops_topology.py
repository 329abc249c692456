"""What GitOpsTopology registers: names that must never change, the order, and what it reports."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import ConfigurationError, GitOpsTopology, GitOpsTopologyArgs, Topology

ENVIRONMENT = "gitops-infra:index:DeploymentEnvironment"
BRANCH = "gitops-infra:index:EnvironmentBranch"
CREDENTIAL = "gitops-infra:index:BranchCredential"
CI = "gitops-infra:index:CiVariables"


def _with_branch(name: str) -> list[str]:
    return [
        f"gitops-infra:index:GitOpsTopology${ENVIRONMENT}::shop-{name}",
        f"{ENVIRONMENT}$github:index/repositoryEnvironment:RepositoryEnvironment::shop-{name}-environment",
        (
            f"{ENVIRONMENT}$github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
            f"::shop-{name}-policy-main"
        ),
        f"{ENVIRONMENT}${BRANCH}::shop-{name}-branch",
        f"{BRANCH}$github:index/repository:Repository::shop-{name}-branch-repository",
        f"{BRANCH}$github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions::shop-{name}-branch-actions",
        f"{BRANCH}$github:index/repositoryRuleset:RepositoryRuleset::shop-{name}-branch-writers",
        f"{BRANCH}$github:index/repositoryRuleset:RepositoryRuleset::shop-{name}-branch-integrity",
        f"{BRANCH}$github:index/repositoryRuleset:RepositoryRuleset::shop-{name}-branch-locked-branches",
        f"{BRANCH}$github:index/repositoryRuleset:RepositoryRuleset::shop-{name}-branch-locked-tags",
        f"{ENVIRONMENT}${CREDENTIAL}::shop-{name}-credential",
        f"{CREDENTIAL}$tls:index/privateKey:PrivateKey::shop-{name}-credential-key-g1",
        f"{CREDENTIAL}$github:index/repositoryDeployKey:RepositoryDeployKey::shop-{name}-credential-deploy-key-g1",
        f"{CREDENTIAL}$github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret::shop-{name}-credential-secret",
        f"{ENVIRONMENT}${CI}::shop-{name}-ci",
        f"{CI}$github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable::shop-{name}-ci-variable-GITOPS_BRANCH",
        (
            f"{CI}$github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable"
            f"::shop-{name}-ci-variable-GITOPS_STATE_REPOSITORY"
        ),
    ]


def test_urns_stay_as_they_are(record: Callable[..., Any], topology: Callable[..., Any]) -> None:
    """A changed URN replaces what users have: a repository, a key, an environment."""
    recorded = record(lambda: GitOpsTopology("shop", topology()))
    prefix = "urn:pulumi:test::gitops-infra::"
    assert sorted(one.urn.removeprefix(prefix) for one in recorded.resources) == sorted(
        [
            "pulumi:pulumi:Stack$gitops-infra:index:GitOpsTopology::shop",
            "gitops-infra:index:GitOpsTopology$gitops-infra:index:ApplicationRepository::shop-application",
            (
                "gitops-infra:index:ApplicationRepository$github:index/repositoryRuleset:RepositoryRuleset"
                "::shop-application-default-branch"
            ),
            *_with_branch("staging"),
            *_with_branch("production"),
            f"gitops-infra:index:GitOpsTopology${ENVIRONMENT}::shop-review",
            f"{ENVIRONMENT}$github:index/repositoryEnvironment:RepositoryEnvironment::shop-review-environment",
            (
                f"{ENVIRONMENT}$github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
                "::shop-review-policy-refs-pull-merge"
            ),
            f"{ENVIRONMENT}${CI}::shop-review-ci",
        ]
    )


def test_the_default_branch_is_protected_before_any_environment_exists(
    record: Callable[..., Any], topology: Callable[..., Any]
) -> None:
    recorded = record(lambda: GitOpsTopology("shop", topology()))
    for environment in recorded.every("RepositoryEnvironment"):
        assert recorded.before(environment) == {"shop-application-default-branch"}


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_secret_is_last(record: Callable[..., Any], topology: Callable[..., Any], name: str) -> None:
    recorded = record(lambda: GitOpsTopology("shop", topology()))
    secret = recorded.one("ActionsEnvironmentSecret", f"shop-{name}-credential-secret")
    assert recorded.before(secret) == {
        "shop-application-default-branch",
        f"shop-{name}-environment",
        f"shop-{name}-policy-main",
        f"shop-{name}-branch-repository",
        f"shop-{name}-branch-actions",
        f"shop-{name}-branch-writers",
        f"shop-{name}-branch-integrity",
        f"shop-{name}-branch-locked-branches",
        f"shop-{name}-branch-locked-tags",
        f"shop-{name}-credential-key-g1",
        f"shop-{name}-credential-deploy-key-g1",
    }


def test_an_approver_of_several_environments_is_looked_up_once(
    record: Callable[..., Any], topology: Callable[..., Any]
) -> None:
    environments = [
        {"name": "staging", "reviewers": [{"team": "platform"}]},
        {"name": "production", "reviewers": [{"team": "platform"}]},
    ]
    recorded = record(
        lambda: GitOpsTopology("shop", topology(environments=environments)),
        answers={"orgs/acme/teams/platform": {"code": 200, "body": '{"id": 7}'}},
    )
    assert recorded.calls == [("github:index/getRestApi:getRestApi", {"endpoint": "orgs/acme/teams/platform"})]
    reviewers = [one.inputs["reviewers"] for one in recorded.every("RepositoryEnvironment")]
    assert reviewers == [[{"teams": [7], "users": []}]] * 2


def test_a_model_and_a_mapping_are_the_same(record: Callable[..., Any], topology: Callable[..., Any]) -> None:
    mapping = topology()
    model = GitOpsTopologyArgs(topology=Topology.model_validate(mapping["topology"]))
    from_mapping = record(lambda: GitOpsTopology("shop", mapping))
    from_model = record(lambda: GitOpsTopology("shop", model))
    assert from_mapping.names() == from_model.names()


def _reports(record: Callable[..., Any], args: dict[str, Any]) -> dict[str, Any]:
    def program() -> None:
        made = GitOpsTopology("shop", args)
        for name in ("environments", "access", "enforcement", "retained", "foundation"):
            pulumi.export(name, getattr(made, name))

    exports: dict[str, Any] = record(program).exports
    return exports


def test_it_reports_environments_access_and_enforcement(
    record: Callable[..., Any], topology: Callable[..., Any]
) -> None:
    reports = _reports(record, topology())
    assert reports["environments"]["production"] == {
        "kind": "production",
        "isolation": "repository",
        "retired": False,
        "branch": "env/production",
        "ref": "refs/heads/env/production",
        "repository": "shop-env-production",
        "ssh_url": "git@forge.invalid:acme/made.git",
        "url": "https://forge.invalid/acme/made/tree/env/production",
        "fingerprint": "SHA256:fingerprint",
        "secret_name": "GITOPS_DEPLOY_KEY",
        "cluster": None,
        "namespace": None,
    }
    assert reports["environments"]["review"]["branch"] is None
    assert reports["access"]["environments"]["production"]["movers"] == ["credential of production"]
    assert reports["access"]["undoers"]
    assert reports["foundation"] == {"acme/shop": "refs/heads/main"}
    assert set(reports["enforcement"]) == {"staging", "production", "review"}
    assert all(not one["degraded"] for one in reports["enforcement"].values())


def test_it_reports_what_destroy_keeps_with_the_ids_that_import_wants(
    record: Callable[..., Any], topology: Callable[..., Any]
) -> None:
    kept = _reports(record, topology())["retained"]
    assert {one["name"]: one["id"] for one in kept} == {
        "shop-application-default-branch": "shop:id-of-shop-application-default-branch",
        "shop-production-environment": "id-of-shop-production-environment",
        "shop-production-policy-main": "id-of-shop-production-policy-main",
        "shop-production-branch-repository": "id-of-shop-production-branch-repository",
        "shop-production-branch-actions": "id-of-shop-production-branch-actions",
        **{
            f"shop-production-branch-{key}": f"shop-env-production:id-of-shop-production-branch-{key}"
            for key in ("writers", "integrity", "locked-branches", "locked-tags")
        },
        **{
            f"shop-production-ci-variable-{name}": f"id-of-shop-production-ci-variable-{name}"
            for name in ("GITOPS_BRANCH", "GITOPS_STATE_REPOSITORY")
        },
    }
    assert kept[0]["type"] == "github:index/repositoryRuleset:RepositoryRuleset"


def test_nothing_secret_is_reported(record: Callable[..., Any], topology: Callable[..., Any]) -> None:
    reports = _reports(record, topology())
    assert "PRIVATE-KEY-CANARY" not in str(reports)


def test_all_problems_of_a_topology_come_at_once_and_nothing_is_registered(
    record: Callable[..., Any], topology: Callable[..., Any]
) -> None:
    args = topology(
        environments=[
            {"name": "staging", "brunch": "x"},
            {"name": "prod-eu"},
            {"name": "production", "branch": "env/*"},
        ],
        promotions=[{"target": "nowhere"}],
    )

    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            GitOpsTopology("shop", args)
        assert {problem.where for problem in refused.value.problems} >= {
            "environments[0].brunch",
            "environments[1].kind",
            "environments[2].branch",
            "promotions[0].target",
        }

    assert record(program).resources == []


def test_secrets_without_a_value_are_all_named(record: Callable[..., Any], topology: Callable[..., Any]) -> None:
    environments = [{"name": "staging", "secrets": {"ONE": "first", "TWO": "second", "THREE": "third"}}]

    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            GitOpsTopology("shop", topology(environments=environments) | {"secrets": {"second": "value"}})
        assert [problem.where for problem in refused.value.problems] == [
            "environments[0].secrets.ONE",
            "environments[0].secrets.THREE",
        ]

    assert record(program).resources == []
