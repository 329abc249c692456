"""Who and what may start a job that reads an environment's secrets."""

from gitops_infra.plan.capabilities import Capability, capabilities
from gitops_infra.plan.model import Approver, DeploymentPolicy
from gitops_infra.topology.application import Application
from gitops_infra.topology.defaults import kind_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.vocabulary import EnvironmentKind, PricePlan, Visibility

PULL_REQUEST_REFS = "refs/pull/*/merge"
"""The ref that GitHub matches for a job of a pull request."""


def deployment_policy(environment: Environment, application: Application, price_plan: PricePlan) -> DeploymentPolicy:
    """The policy, with no more than the price plan can hold; `enforcement` reports what is left out.

    Exactly the default branch for an environment with a branch. No pattern admits a tag: a tag's job would run the
    workflow file of the tag.
    """
    can = capabilities(price_plan, application.visibility or Visibility.PRIVATE)
    review = kind_of(environment) is EnvironmentKind.REVIEW
    approvers: tuple[Approver, ...] = ()
    if Capability.REQUIRED_REVIEWERS in can:
        approvers = tuple(Approver(person.user, person.team, person.id) for person in environment.reviewers or ())
    return DeploymentPolicy(
        branch_patterns=(PULL_REQUEST_REFS,) if review else (application.default_branch or "main",),
        approvers=approvers,
        # GitHub keeps this flag inside the reviewers' rule, so without reviewers there is nothing to carry it.
        prevent_self_review=bool(
            approvers and environment.prevent_self_review and Capability.PREVENT_SELF_REVIEW in can
        ),
        wait_minutes=(environment.wait_minutes or 0) if Capability.WAIT_TIMER in can else 0,
        admins_bypass=Capability.NO_ADMIN_BYPASS not in can,
    )
