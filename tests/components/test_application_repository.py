"""What ApplicationRepository registers. What the forge then holds is proved on the sandbox."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_github as github
import pytest

from gitops_infra import ApplicationRepository, ConfigurationError

OWNED: dict[str, Any] = {"owners": ["@acme/platform"], "grants": [{"team": "platform", "role": "write"}]}
"""A code owner must be able to write: GitHub ignores the review of one who is not."""


def test_a_new_repository_is_settings_then_files_then_the_ruleset(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    args = {**application(**OWNED), "environments": [{"name": "staging"}]}
    recorded = record(lambda: ApplicationRepository("shop", args))

    files = recorded.every("RepositoryFile")
    ruleset = recorded.one("RepositoryRuleset")
    settings = {"shop-repository", "shop-actions", "shop-workflow-token"}
    assert ruleset.name == "shop-default-branch"
    assert recorded.before(ruleset) == settings | {file.name for file in files}
    assert {name for file in files for name in recorded.before(file)} >= settings


def test_files_are_written_one_after_the_other(record: Callable[..., Any], application: Callable[..., Any]) -> None:
    """Two writes to one branch at the same time end in a conflict."""
    args = {**application(**OWNED), "environments": [{"name": "staging"}]}
    recorded = record(lambda: ApplicationRepository("shop", args))

    names = {file.name for file in recorded.every("RepositoryFile")}
    earlier = sorted(len(recorded.before(file) & names) for file in recorded.every("RepositoryFile"))
    assert len(names) > 1
    assert earlier == list(range(len(names)))


def test_files_are_written_once_and_never_deleted(record: Callable[..., Any], application: Callable[..., Any]) -> None:
    args = application(**OWNED, allow_destroy=True)
    recorded = record(lambda: ApplicationRepository("shop", args))

    owners = recorded.one("RepositoryFile", "shop-file-code-owners")
    assert owners.retain is True
    assert set(owners.ignore_changes) >= {"content", "commitMessage", "branch"}


def test_a_new_repository_has_safe_settings(record: Callable[..., Any], application: Callable[..., Any]) -> None:
    recorded = record(
        lambda: ApplicationRepository("shop", application(linear_history=True, allowed_actions=["acme/*"]))
    )

    assert recorded.one("Repository").inputs == {
        "name": "shop",
        "visibility": "public",
        "autoInit": True,
        "allowMergeCommit": False,
        "allowSquashMerge": True,
        "allowRebaseMerge": True,
        "deleteBranchOnMerge": True,
        "hasIssues": True,
        "hasProjects": False,
        "hasWiki": False,
    }
    assert recorded.one("ActionsRepositoryPermissions").inputs == {
        "repository": "shop",
        "enabled": True,
        "allowedActions": "selected",
        "allowedActionsConfig": {
            "githubOwnedAllowed": True,
            "verifiedAllowed": False,
            "patternsAlloweds": ["acme/*"],
        },
        "shaPinningRequired": True,
    }
    assert recorded.one("WorkflowRepositoryPermissions").inputs == {
        "repository": "shop",
        "defaultWorkflowPermissions": "read",
        "canApprovePullRequestReviews": False,
    }
    assert recorded.one("RepositoryVulnerabilityAlerts").inputs == {"repository": "shop", "enabled": True}


def test_of_an_existing_repository_only_rules_and_declared_access_are_made(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    args = application(existing=True, grants=[{"team": "developers", "role": "write"}, {"user": "ann", "role": "read"}])
    recorded = record(lambda: ApplicationRepository("shop", args))

    assert recorded.names() == [
        ("ApplicationRepository", "shop"),
        ("RepositoryCollaborator", "shop-user-ann"),
        ("RepositoryRuleset", "shop-default-branch"),
        ("TeamRepository", "shop-team-developers"),
    ]
    assert recorded.one("TeamRepository").inputs == {"repository": "shop", "teamId": "developers", "permission": "push"}
    assert recorded.one("RepositoryCollaborator").inputs == {
        "repository": "shop",
        "username": "ann",
        "permission": "pull",
    }
    assert recorded.calls == []


def test_the_default_branch_takes_reviewed_pull_requests_only(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    args = application(existing=True, code_owners=True, required_checks=["test"], linear_history=True)
    ruleset = record(lambda: ApplicationRepository("shop", args)).one("RepositoryRuleset").inputs

    assert ruleset["conditions"] == {"refName": {"includes": ["refs/heads/main"], "excludes": []}}
    assert ruleset["enforcement"] == "active"
    assert ruleset["bypassActors"] == []
    assert ruleset["rules"]["pullRequest"] == {
        "requiredApprovingReviewCount": 1,
        "requireCodeOwnerReview": True,
        "dismissStaleReviewsOnPush": True,
        "requireLastPushApproval": True,
        "allowedMergeMethods": ["squash", "rebase"],
    }
    assert ruleset["rules"]["requiredStatusChecks"]["requiredChecks"] == [{"context": "test"}]
    assert {rule for rule, wanted in ruleset["rules"].items() if wanted is True} >= {
        "deletion",
        "nonFastForward",
        "requiredLinearHistory",
    }


def test_everything_is_retained_unless_destroy_is_allowed(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    kept = record(lambda: ApplicationRepository("shop", application(labels=[{"name": "bug", "color": "ff0000"}])))
    assert {one.retain for one in kept.resources if one.name != "shop"} == {True}
    assert {one.deleted_with for one in kept.resources} == {""}

    args = application(labels=[{"name": "bug", "color": "ff0000"}], allow_destroy=True)
    gone = record(lambda: ApplicationRepository("shop", args))
    repository = gone.one("Repository")
    # Said, not left to the parent: what goes with the repository would live on if a wrapping component retained it.
    assert repository.retain is False
    parts = [one for one in gone.resources if one.name not in {"shop", repository.name}]
    assert {one.deleted_with for one in parts} == {repository.urn}
    assert {one.retain for one in parts} == {None}


def test_a_component_that_is_retained_hands_it_to_its_children(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    """And nothing is then deleted with a repository that stays."""
    options = pulumi.ResourceOptions(retain_on_delete=True)
    recorded = record(lambda: ApplicationRepository("shop", application(allow_destroy=True), options))

    children = [one for one in recorded.resources if one.name != "shop"]
    assert {one.retain for one in children} == {True}
    assert {one.deleted_with for one in children} == {""}


def test_children_have_the_component_as_parent(record: Callable[..., Any], application: Callable[..., Any]) -> None:
    recorded = record(lambda: ApplicationRepository("shop", application()))
    component = recorded.one("ApplicationRepository")
    assert {one.parent for one in recorded.resources if one is not component} == {component.urn}
    assert all(one.name.startswith("shop-") for one in recorded.resources if one is not component)


def test_outputs_of_a_new_and_of_an_existing_repository(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    def program(**more: Any) -> Callable[[], None]:
        def run() -> None:
            made = ApplicationRepository("shop", application(**more))
            for name in ("name", "full_name", "default_branch", "http_clone_url", "ssh_clone_url", "protected"):
                pulumi.export(name, getattr(made, name))

        return run

    assert record(program()).exports == {
        "name": "shop",
        "full_name": "acme/shop",
        "default_branch": "main",
        "http_clone_url": "https://forge.invalid/acme/made.git",
        "ssh_clone_url": "git@forge.invalid:acme/made.git",
        "protected": "refs/heads/main",
    }
    existing = record(program(existing=True, default_branch="trunk")).exports
    assert existing["protected"] == "refs/heads/trunk"
    assert existing["http_clone_url"] is None
    assert existing["ssh_clone_url"] is None


def test_whatever_takes_an_output_comes_after_the_rules(
    record: Callable[..., Any], application: Callable[..., Any]
) -> None:
    def program() -> None:
        made = ApplicationRepository("shop", application(existing=True))
        github.IssueLabel("later", repository=made.name, name="later", color="000000")

    recorded = record(program)
    assert recorded.before(recorded.one("IssueLabel")) == {"shop-default-branch"}


def test_bad_input_registers_nothing_and_says_everything(record: Callable[..., Any]) -> None:
    registered: list[Any] = []
    args = {
        "owner": "acme",
        "github_plan": "team",
        "application": {"name": "shop.git", "default_branch": "trunk", "visibility": "public"},
    }

    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            ApplicationRepository("shop", args)
        registered.append(refused.value)

    recorded = record(program)
    assert recorded.resources == []
    assert {problem.where for problem in registered[0].problems} == {
        "application.name",
        "application.default_branch",
    }


def test_an_unknown_key_is_answered_with_the_nearest_right_one(record: Callable[..., Any]) -> None:
    def program() -> None:
        ApplicationRepository("shop", {"owner": "acme", "github_plan": "team", "aplication": {"name": "shop"}})

    with pytest.raises(ConfigurationError, match="Did you mean `application`"):
        record(program)
