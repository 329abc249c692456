"""A repository, its Actions permissions, labels, teams and collaborators on GitHub."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_github as github

from gitops_infra.forges.github.placement import Placement
from gitops_infra.plan.model import Access, Actions, Repository
from gitops_infra.topology.vocabulary import RepositoryRole

# Settings that differ by what a repository is for. A state repository holds one branch and nothing to talk about.
APPLICATION_SETTINGS: dict[str, Any] = {
    "allow_squash_merge": True,
    "allow_rebase_merge": True,
    "delete_branch_on_merge": True,
    "has_issues": True,
    "has_projects": False,
    "has_wiki": False,
}
STATE_SETTINGS: dict[str, Any] = {
    "has_discussions": False,
    "has_issues": False,
    "has_projects": False,
    "has_wiki": False,
}

READ_BACK = ("hasDownloads",)
"""Settings without effect that GitHub reports and a refresh takes for drift. The SDK warns when they are set."""

# The API names two of the five roles differently where a permission is given.
PERMISSION = {
    RepositoryRole.READ: "pull",
    RepositoryRole.TRIAGE: "triage",
    RepositoryRole.WRITE: "push",
    RepositoryRole.MAINTAIN: "maintain",
    RepositoryRole.ADMIN: "admin",
}


@dataclass(frozen=True)
class RepositoryChildren:
    """What a new repository is made of, in the order of registration."""

    repository: github.Repository
    permissions: tuple[pulumi.CustomResource, ...]
    """Actions permissions and the workflow token's, empty where the plan leaves them alone."""
    extras: tuple[pulumi.CustomResource, ...]
    """Alerts and labels: nothing waits for them."""

    @property
    def all(self) -> tuple[pulumi.CustomResource, ...]:
        """Every resource."""
        return (self.repository, *self.permissions, *self.extras)


def application_repository(place: Placement, plan: Repository) -> RepositoryChildren:
    """A new application repository with its settings, before any file or ruleset."""
    made = _repository(place, plan, {**APPLICATION_SETTINGS, "allow_merge_commit": not plan.linear_history})
    extras: list[pulumi.CustomResource] = [
        github.RepositoryVulnerabilityAlerts(
            place.child("alerts"),
            repository=plan.name,
            enabled=True,
            opts=place.options(made, deleted_with=made),
        )
    ]
    extras += [
        github.IssueLabel(
            place.child(f"label-{label.name}"),
            repository=plan.name,
            name=label.name,
            color=label.color,
            description=label.description,
            opts=place.options(made, deleted_with=made),
        )
        for label in plan.labels
    ]
    return RepositoryChildren(made, _permissions(place, plan, made), tuple(extras))


def state_repository(place: Placement, plan: Repository) -> RepositoryChildren:
    """An empty repository for one environment branch, with Actions off. The first push creates the branch."""
    made = _repository(place, plan, STATE_SETTINGS)
    return RepositoryChildren(made, _permissions(place, plan, made), ())


def access(place: Placement, plan: Repository, *after: pulumi.Resource) -> tuple[pulumi.CustomResource, ...]:
    """The declared teams and collaborators."""
    return tuple(_grant(place, plan, grant, *after) for grant in plan.access)


def _repository(place: Placement, plan: Repository, settings: dict[str, Any]) -> github.Repository:
    return github.Repository(
        place.child("repository"),
        name=plan.name,
        description=plan.description,
        visibility=plan.visibility.value,
        auto_init=plan.auto_init,
        opts=place.options(ignore_changes=READ_BACK),
        **settings,
    )


def _permissions(place: Placement, plan: Repository, made: github.Repository) -> tuple[pulumi.CustomResource, ...]:
    if plan.actions is None:
        return ()
    options = place.options(made, deleted_with=made)
    children: list[pulumi.CustomResource] = [
        github.ActionsRepositoryPermissions(
            place.child("actions"), repository=plan.name, opts=options, **_actions(plan.actions)
        )
    ]
    if plan.actions.enabled and plan.actions.read_only_token:
        children.append(
            github.WorkflowRepositoryPermissions(
                place.child("workflow-token"),
                repository=plan.name,
                default_workflow_permissions="read",
                can_approve_pull_request_reviews=False,
                opts=options,
            )
        )
    return tuple(children)


def _actions(actions: Actions) -> dict[str, Any]:
    if not actions.enabled:
        return {"enabled": False}  # GitHub refuses anything else beside it
    return {
        "enabled": True,
        "allowed_actions": "selected",
        "allowed_actions_config": github.ActionsRepositoryPermissionsAllowedActionsConfigArgs(
            github_owned_allowed=True,
            verified_allowed=False,
            patterns_alloweds=list(actions.patterns or ()),
        ),
        "sha_pinning_required": actions.sha_pinning,
    }


def _grant(place: Placement, plan: Repository, grant: Access, *after: pulumi.Resource) -> pulumi.CustomResource:
    permission = PERMISSION[grant.role]
    if grant.team is not None:
        return github.TeamRepository(
            place.child(f"team-{grant.team}"),
            repository=plan.name,
            team_id=grant.team,  # a slug is enough: the provider looks it up once, when it creates
            permission=permission,
            opts=place.options(*after),
        )
    return github.RepositoryCollaborator(
        place.child(f"user-{grant.user}"),
        repository=plan.name,
        username=grant.user,
        permission=permission,
        opts=place.options(*after),
    )
