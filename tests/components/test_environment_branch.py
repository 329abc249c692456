"""What EnvironmentBranch registers."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_github as github
import pytest

from gitops_infra import ConfigurationError, EnvironmentBranch

RULESETS = {
    "staging-branch-integrity",
    "staging-branch-locked-branches",
    "staging-branch-locked-tags",
    "staging-branch-writers",
}


def test_an_empty_repository_gets_actions_off_and_then_four_rulesets(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    recorded = record(lambda: EnvironmentBranch("staging-branch", environment()))

    assert recorded.names() == [
        ("ActionsRepositoryPermissions", "staging-branch-actions"),
        ("EnvironmentBranch", "staging-branch"),
        ("Repository", "staging-branch-repository"),
        *[("RepositoryRuleset", name) for name in sorted(RULESETS)],
    ]
    for ruleset in recorded.every("RepositoryRuleset"):
        assert recorded.before(ruleset) == {"staging-branch-repository", "staging-branch-actions"}


def test_the_repository_has_no_history_and_nothing_to_talk_about(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    """A first commit of its own would make every promotion a rewrite of history."""
    recorded = record(lambda: EnvironmentBranch("staging-branch", environment()))
    inputs = dict(recorded.one("Repository").inputs)
    inputs.pop("description")
    assert inputs == {
        "name": "shop-env-staging",
        "visibility": "public",
        "autoInit": False,
        "hasDiscussions": False,
        "hasIssues": False,
        "hasProjects": False,
        "hasWiki": False,
    }
    assert recorded.one("ActionsRepositoryPermissions").inputs == {"repository": "shop-env-staging", "enabled": False}


def test_settings_of_merges_are_no_drift_where_nothing_can_be_merged(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    """GitHub hides them from a token that may not write contents, as that of an environment's stack."""
    repository = record(lambda: EnvironmentBranch("staging-branch", environment())).one("Repository")
    assert set(repository.ignore_changes) >= {"allowMergeCommit", "allowSquashMerge", "squashMergeCommitTitle"}
    assert not set(repository.ignore_changes) & repository.inputs.keys()


def test_only_the_writers_can_be_bypassed_and_only_by_a_deploy_key(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    recorded = record(lambda: EnvironmentBranch("staging-branch", environment()))
    bypass = {one.name: one.inputs["bypassActors"] for one in recorded.every("RepositoryRuleset")}
    assert bypass == {
        "staging-branch-integrity": [],
        "staging-branch-locked-branches": [],
        "staging-branch-locked-tags": [],
        "staging-branch-writers": [{"actorType": "DeployKey", "bypassMode": "always"}],
    }


def test_each_ruleset_has_its_refs_and_rules(record: Callable[..., Any], environment: Callable[..., Any]) -> None:
    recorded = record(lambda: EnvironmentBranch("staging-branch", environment()))
    got = {
        one.name.removeprefix("staging-branch-"): (
            one.inputs["target"],
            one.inputs["conditions"]["refName"]["includes"],
            one.inputs["conditions"]["refName"]["excludes"],
            sorted(one.inputs["rules"]),
        )
        for one in recorded.every("RepositoryRuleset")
    }
    ref = "refs/heads/env/staging"
    locked = ["creation", "deletion", "update"]
    assert got == {
        "integrity": ("branch", [ref], [], ["deletion", "nonFastForward"]),
        "locked-branches": ("branch", ["~ALL"], [ref], locked),
        "locked-tags": ("tag", ["~ALL"], [], locked),
        "writers": ("branch", [ref], [], ["creation", "update"]),
    }


def test_a_key_made_from_its_outputs_comes_after_every_rule(
    record: Callable[..., Any], environment: Callable[..., Any]
) -> None:
    def program() -> None:
        branch = EnvironmentBranch("staging-branch", environment())
        github.RepositoryDeployKey("key", repository=branch.repository, title="key", key="ssh-ed25519 AAAA")

    recorded = record(program)
    assert recorded.before(recorded.one("RepositoryDeployKey")) >= RULESETS | {"staging-branch-actions"}


@pytest.mark.parametrize("preview", [True, False])
def test_names_are_known_in_a_preview_too(
    record: Callable[..., Any], environment: Callable[..., Any], *, preview: bool
) -> None:
    def program() -> None:
        branch = EnvironmentBranch("staging-branch", environment())
        pulumi.export("repository", branch.repository)
        pulumi.export("ref", branch.ref)

    assert record(program, preview=preview).exports == {
        "repository": "shop-env-staging",
        "ref": "refs/heads/env/staging",
    }


def test_review_has_no_branch(record: Callable[..., Any], environment: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="environment review is of kind review, which has no branch"):
        record(lambda: EnvironmentBranch("review", environment(name="review")))
