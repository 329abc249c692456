"""What DeploymentEnvironment registers, and in which order."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import ApplicationRepository, ConfigurationError, DeploymentEnvironment, DeploymentEnvironmentArgs


def test_staging_is_environment_branch_credential_and_variables(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    recorded = record(lambda: DeploymentEnvironment("staging", environment()))
    assert recorded.names() == [
        ("ActionsEnvironmentSecret", "staging-credential-secret"),
        ("ActionsEnvironmentVariable", "staging-ci-variable-GITOPS_BRANCH"),
        ("ActionsEnvironmentVariable", "staging-ci-variable-GITOPS_STATE_REPOSITORY"),
        ("ActionsRepositoryPermissions", "staging-branch-actions"),
        ("BranchCredential", "staging-credential"),
        ("CiVariables", "staging-ci"),
        ("DeploymentEnvironment", "staging"),
        ("EnvironmentBranch", "staging-branch"),
        ("PrivateKey", "staging-credential-key-g1"),
        ("Repository", "staging-branch-repository"),
        ("RepositoryDeployKey", "staging-credential-deploy-key-g1"),
        ("RepositoryEnvironment", "staging-environment"),
        ("RepositoryEnvironmentDeploymentPolicy", "staging-policy-main"),
        ("RepositoryRuleset", "staging-branch-integrity"),
        ("RepositoryRuleset", "staging-branch-locked-branches"),
        ("RepositoryRuleset", "staging-branch-locked-tags"),
        ("RepositoryRuleset", "staging-branch-writers"),
    ]
    assert recorded.calls == []


def test_every_secret_comes_after_both_chains_of_protection(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    """At no moment may a job of an unprotected branch read a secret, or a key push past a missing rule."""
    args = environment(secrets={"PAGER_TOKEN": "pager"}) | {"secrets": {"pager": "value"}}

    def program() -> None:
        shop = ApplicationRepository("shop", {key: args[key] for key in ("owner", "github_plan", "application")})
        DeploymentEnvironment("staging", args, pulumi.ResourceOptions(depends_on=list(shop.protection)))

    recorded = record(program)
    protection = {
        "shop-default-branch",
        "staging-environment",
        "staging-policy-main",
        "staging-branch-repository",
        "staging-branch-actions",
        "staging-branch-integrity",
        "staging-branch-locked-branches",
        "staging-branch-locked-tags",
        "staging-branch-writers",
    }
    key = recorded.one("ActionsEnvironmentSecret", "staging-credential-secret")
    other = recorded.one("ActionsEnvironmentSecret", "staging-ci-secret-PAGER_TOKEN")
    deploy_key = recorded.one("RepositoryDeployKey")
    assert recorded.before(key) == protection | {"staging-credential-key-g1", deploy_key.name}
    assert recorded.before(other) == protection
    assert recorded.before(deploy_key) == protection | {"staging-credential-key-g1"}
    assert "shop-default-branch" in recorded.before(recorded.one("RepositoryEnvironment"))


def test_only_jobs_of_the_default_branch_are_admitted(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    recorded = record(lambda: DeploymentEnvironment("staging", environment()))
    assert recorded.one("RepositoryEnvironment").inputs == {
        "repository": "shop",
        "environment": "staging",
        "preventSelfReview": False,
        "canAdminsBypass": False,
        "waitTimer": 0,
        "deploymentBranchPolicy": {"protectedBranches": False, "customBranchPolicies": True},
    }
    assert recorded.one("RepositoryEnvironmentDeploymentPolicy").inputs == {
        "repository": "shop",
        "environment": "staging",
        "branchPattern": "main",
    }


def test_approvers_with_an_id_need_no_call_and_others_one_each(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    args = environment(reviewers=[{"team": "platform"}, {"user": "ann"}, {"user": "bob", "id": 9}])
    answers = {
        "orgs/acme/teams/platform": {"code": 200, "body": '{"id": 7}'},
        "users/ann": {"code": 200, "body": '{"id": 8}'},
    }
    recorded = record(lambda: DeploymentEnvironment("staging", args), answers=answers)
    assert recorded.one("RepositoryEnvironment").inputs["reviewers"] == [{"teams": [7], "users": [8, 9]}]
    assert recorded.one("RepositoryEnvironment").inputs["preventSelfReview"] is True
    assert sorted(call[1]["endpoint"] for call in recorded.calls) == ["orgs/acme/teams/platform", "users/ann"]


def test_review_has_no_credential_and_no_state_repository(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    def program() -> None:
        made = DeploymentEnvironment("review", environment(name="review", variables={"LOG_LEVEL": "debug"}))
        for name in ("environment", "branch", "repository", "ssh_url", "url", "fingerprint"):
            pulumi.export(name, getattr(made, name))

    recorded = record(program)
    assert recorded.names() == [
        ("ActionsEnvironmentVariable", "review-ci-variable-LOG_LEVEL"),
        ("CiVariables", "review-ci"),
        ("DeploymentEnvironment", "review"),
        ("RepositoryEnvironment", "review-environment"),
        ("RepositoryEnvironmentDeploymentPolicy", "review-policy-refs-pull-merge"),
    ]
    assert recorded.one("RepositoryEnvironmentDeploymentPolicy").inputs["branchPattern"] == "refs/pull/*/merge"
    absent = dict.fromkeys(("branch", "repository", "ssh_url", "url", "fingerprint"))
    assert recorded.exports == {"environment": "review", **absent}


def test_a_retired_environment_keeps_its_rules_and_loses_its_credential(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    recorded = record(lambda: DeploymentEnvironment("staging", environment(retired=True)))
    assert recorded.every("RepositoryDeployKey") == []
    assert recorded.every("ActionsEnvironmentSecret") == []
    assert {tuple(one.inputs["bypassActors"]) for one in recorded.every("RepositoryRuleset")} == {()}
    assert len(recorded.every("RepositoryRuleset")) == 4


def test_destroy_keeps_production_and_revokes_its_credentials(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    wanted = environment(name="production", reviewers=[{"user": "ann", "id": 8}], secrets={"PAGER_TOKEN": "pager"}) | {
        "secrets": {"pager": "value"}
    }
    recorded = record(lambda: DeploymentEnvironment("production", wanted))

    credentials = {"PrivateKey", "RepositoryDeployKey", "ActionsEnvironmentSecret"}
    kept = {
        one.retain
        for one in recorded.resources
        if one.type.split(":")[-1] not in credentials and "gitops" not in one.type
    }
    revoked = {one.retain for one in recorded.resources if one.type.split(":")[-1] in credentials}
    assert kept == {True}
    assert revoked == {False}
    assert {one.deleted_with for one in recorded.resources} == {""}


def test_destroy_of_staging_spares_calls_but_never_skips_a_credential(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    recorded = record(lambda: DeploymentEnvironment("staging", environment()))
    state, ci = recorded.one("Repository").urn, recorded.one("RepositoryEnvironment").urn
    assert {one.deleted_with for one in recorded.every("RepositoryRuleset")} == {state}
    assert recorded.one("RepositoryEnvironmentDeploymentPolicy").deleted_with == ci
    assert recorded.one("RepositoryDeployKey").deleted_with == ""
    assert recorded.one("ActionsEnvironmentSecret").deleted_with == ""


def test_alone_it_does_not_claim_that_the_default_branch_is_protected(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    def program(*, protected: bool) -> Callable[[], None]:
        def run() -> None:
            args = environment() | {"default_branch_protected": protected}
            pulumi.export("enforcement", DeploymentEnvironment("staging", args).enforcement)

        return run

    alone = record(program(protected=False)).exports["enforcement"]
    assert "reviewed_default_branch" in alone["requested"]
    assert not {"reviewed_default_branch", "code_owners"} & set(alone["achieved"])
    assert alone["degraded"] is True
    assert alone["why"][-1].startswith("Whether main is protected is not known here")
    with_rules = record(program(protected=True)).exports["enforcement"]
    assert with_rules["degraded"] is False
    assert with_rules["achieved"] == with_rules["requested"]


def test_a_secret_without_a_value_is_refused_by_name(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            DeploymentEnvironment("staging", environment(secrets={"PAGER_TOKEN": "pager"}))
        assert str(refused.value).splitlines()[1:] == [
            (
                "  - environment.secrets.PAGER_TOKEN: there is no value for the configuration key 'pager'. "
                "Run `pulumi config set --secret pager`, or pass the value in `secrets`. [secret-not-given]"
            )
        ]

    assert record(program).resources == []


def test_rules_of_a_topology_hold_for_one_environment_too(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    """Production without reviewers, where the price plan has them."""

    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            DeploymentEnvironment("production", environment(name="production"))
        assert [(problem.where, problem.code) for problem in refused.value.problems] == [
            ("environment.reviewers", "production-without-reviewers")
        ]

    assert record(program).resources == []


def test_a_secret_of_the_arguments_is_in_no_text(environment: Callable[..., Any]) -> None:
    args = DeploymentEnvironmentArgs.model_validate(environment() | {"secrets": {"pager": "SECRET-CANARY"}})
    assert "SECRET-CANARY" not in repr(args)
