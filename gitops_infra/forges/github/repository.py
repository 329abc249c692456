"""A repository, its Actions permissions, labels, teams and collaborators on GitHub."""

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_github as github

from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.github.placement import Placement
from gitops_infra.plan.model import Access, Actions, Repository
from gitops_infra.plan.settings import APPLICATION_SETTINGS, STATE_SETTINGS
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.vocabulary import RepositoryRole

READ_BACK = ("hasDownloads",)
"""Settings without effect that GitHub reports and a refresh takes for drift. The SDK warns when they are set."""

MERGING = (
    "allowAutoMerge",
    "allowMergeCommit",
    "allowRebaseMerge",
    "allowSquashMerge",
    "allowUpdateBranch",
    "deleteBranchOnMerge",
    "mergeCommitMessage",
    "mergeCommitTitle",
    "squashMergeCommitMessage",
    "squashMergeCommitTitle",
)
"""Settings without effect where every branch is locked. A token without contents (write) does not see them, so a
refresh with one would take them for drift. Source: GitHub REST, "Get a repository"."""

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
    """A new application repository with its settings, before any file or ruleset.

    Where the plan says that destroy deletes it, it does, also inside a component that is retained: what is in it is
    deleted with it.
    """
    settings = {**APPLICATION_SETTINGS, "allow_merge_commit": not plan.linear_history}
    made = _repository(place, plan, settings, sure=True)
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
    return RepositoryChildren(made, _actions_permissions(place, plan, made), tuple(extras))


def imported_repository(place: Placement, plan: Repository) -> RepositoryChildren:
    """An existing repository as it is; of its settings, only those that the plan names are ever changed."""
    named = {"name": plan.name, "description": plan.description}
    given: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    made = github.Repository(
        place.child("repository"),
        opts=place.taken_over(plan.name, ignore_changes=all_but(github.RepositoryArgs, given)),
        **given,
    )
    merging = pulumi.Output.all(made.allow_merge_commit, made.allow_rebase_merge, made.allow_squash_merge)
    merging.apply(lambda seen: refuse_hidden(plan.full_name, seen))
    permissions = () if plan.actions is None else (_imported_actions(place, plan.name, plan.actions),)
    return RepositoryChildren(made, permissions, ())


def refuse_hidden(full_name: str, merging: Iterable[bool | None]) -> None:
    """Raises ConfigurationError where no way to merge shows: GitHub has no such repository, and hides the settings.

    Read as off, they would be written so with the first setting that changes.
    """
    if any(seen is not False for seen in merging):
        return
    raise ConfigurationError(
        [
            Problem(
                where=f"repository {full_name}",
                code="settings-hidden",
                reason="GitHub does not show its merge settings to this token, so they cannot be kept as they are",
                remedy="Give the token or App contents (write), then run `pulumi up --refresh`",
            )
        ]
    )


def _imported_actions(place: Placement, repository: str, actions: Actions) -> github.ActionsRepositoryPermissions:
    """The Actions permissions that the repository has, in which only what is named ever changes.

    Imported too: the provider writes the selection with everything else, and would write an empty one. Deleting them
    would allow all actions, so they are kept.
    """
    given = {key: value for key, value in _actions(actions).items() if value is not None and key != "enabled"}
    return github.ActionsRepositoryPermissions(
        place.child("actions"),
        repository=repository,
        opts=place.taken_over(
            repository, ignore_changes=all_but(github.ActionsRepositoryPermissionsArgs, {"repository", *given})
        ),
        **given,
    )


def all_but(args: type, named: Iterable[str]) -> list[str]:
    """Names, as the engine knows them, of every property of a resource's arguments but the named ones."""
    properties = set(inspect.signature(args).parameters) - set(named)
    return sorted(re.sub(r"_([a-z])", lambda match: match[1].upper(), name) for name in properties)


def state_repository(place: Placement, plan: Repository) -> RepositoryChildren:
    """An empty repository for one environment branch, with Actions off. The first push creates the branch.

    Its description ends with the stack that owns it: whoever finds it taken learns by whom.
    """
    owned = f"{plan.description or ''} [stack {pulumi.get_project()}/{pulumi.get_stack()}]".strip()
    made = _repository(place, replace(plan, description=owned), STATE_SETTINGS, ignored=MERGING)
    return RepositoryChildren(made, _actions_permissions(place, plan, made), ())


def access(place: Placement, plan: Repository, *after: pulumi.Resource) -> tuple[pulumi.CustomResource, ...]:
    """The declared teams and collaborators."""
    return tuple(_grant(place, plan, grant, *after) for grant in plan.access)


def _repository(
    place: Placement,
    plan: Repository,
    settings: dict[str, Any],
    *,
    sure: bool = False,
    ignored: tuple[str, ...] = (),
) -> github.Repository:
    options = place.deleted if sure and not place.retain else place.options
    return github.Repository(
        place.child("repository"),
        name=plan.name,
        description=plan.description,
        visibility=plan.visibility.value,
        auto_init=plan.auto_init,
        opts=options(ignore_changes=(*READ_BACK, *ignored)),
        **settings,
    )


def _actions_permissions(
    place: Placement, plan: Repository, made: github.Repository
) -> tuple[pulumi.CustomResource, ...]:
    """What the plan says of Actions and of the workflow token in a new repository."""
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
    wanted: dict[str, Any] = {"enabled": True, "sha_pinning_required": actions.sha_pinning}
    if actions.patterns is not None:
        wanted |= {
            "allowed_actions": "selected",
            "allowed_actions_config": github.ActionsRepositoryPermissionsAllowedActionsConfigArgs(
                github_owned_allowed=True,
                verified_allowed=False,
                patterns_alloweds=list(actions.patterns),
            ),
        }
    return wanted


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
