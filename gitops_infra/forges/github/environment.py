"""A CI environment on GitHub: who may start its jobs, and from where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_github as github

from gitops_infra.forges.github.placement import Placement
from gitops_infra.plan.model import Approver, DeploymentPolicy


@dataclass(frozen=True)
class EnvironmentChildren:
    """An environment and the patterns that its jobs' refs must match."""

    environment: github.RepositoryEnvironment
    policies: tuple[github.RepositoryEnvironmentDeploymentPolicy, ...]

    @property
    def all(self) -> tuple[pulumi.CustomResource, ...]:
        """Every resource."""
        return (self.environment, *self.policies)


def environment(
    place: Placement,
    *,
    repository: str,
    name: str,
    policy: DeploymentPolicy,
    ids: Mapping[Approver, pulumi.Input[int]],
) -> EnvironmentChildren:
    """An environment that admits the policy's refs only, approved by `ids` where there are approvers.

    "Custom" policies, not "protected branches": the latter admits every branch as long as no classic branch
    protection exists, and rulesets are not that.
    """
    made = github.RepositoryEnvironment(
        place.child("environment"),
        repository=repository,
        environment=name,
        reviewers=_reviewers(policy, ids),
        prevent_self_review=policy.prevent_self_review,
        can_admins_bypass=policy.admins_bypass,
        wait_timer=policy.wait_minutes,
        deployment_branch_policy=github.RepositoryEnvironmentDeploymentBranchPolicyArgs(
            protected_branches=False, custom_branch_policies=True
        ),
        opts=place.options(),
    )
    policies = tuple(
        github.RepositoryEnvironmentDeploymentPolicy(
            place.child(f"policy-{_slug(pattern)}"),
            repository=repository,
            environment=name,
            branch_pattern=pattern,
            opts=place.options(made, deleted_with=made),
        )
        for pattern in policy.branch_patterns
    )
    return EnvironmentChildren(made, policies)


def _reviewers(
    policy: DeploymentPolicy, ids: Mapping[Approver, pulumi.Input[int]]
) -> list[github.RepositoryEnvironmentReviewerArgs] | None:
    if not policy.approvers:
        return None
    # One element: the provider reads a list but sends its first entry only.
    return [
        github.RepositoryEnvironmentReviewerArgs(
            users=[ids[approver] for approver in policy.approvers if approver.user is not None],
            teams=[ids[approver] for approver in policy.approvers if approver.team is not None],
        )
    ]


def _slug(pattern: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", pattern).strip("-")
