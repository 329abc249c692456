"""What was asked of an environment, what the forge will hold, and a sentence for each difference and each limit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitops_infra.plan.capabilities import Capability, capabilities
from gitops_infra.plan.credentials import credential
from gitops_infra.plan.model import Enforcement
from gitops_infra.plan.rulesets import has_code_owners
from gitops_infra.topology.application import Application
from gitops_infra.topology.defaults import branch_of, kind_of, state_repository_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.vocabulary import (
    EnvironmentKind,
    Isolation,
    OwnerKind,
    PricePlan,
    Protection,
    Visibility,
)

ALWAYS = {
    EnvironmentKind.STAGING: (
        Protection.ISOLATED_CREDENTIAL,
        Protection.FORWARD_ONLY,
        Protection.LOCKED_REPOSITORY,
        Protection.SECRET_IN_ENVIRONMENT,
        Protection.REVIEWED_DEFAULT_BRANCH,
    ),
    EnvironmentKind.PRODUCTION: (
        Protection.ISOLATED_CREDENTIAL,
        Protection.FORWARD_ONLY,
        Protection.LOCKED_REPOSITORY,
        Protection.SECRET_IN_ENVIRONMENT,
        Protection.REVIEWED_DEFAULT_BRANCH,
        Protection.REQUIRED_REVIEWERS,
        Protection.PREVENT_SELF_REVIEW,
        Protection.NO_ADMIN_BYPASS,
    ),
    EnvironmentKind.REVIEW: (Protection.SECRET_IN_ENVIRONMENT,),
}
"""What each kind of environment asks for, whatever the topology says."""

_ON_THE_BRANCH = frozenset(
    {
        Protection.ISOLATED_CREDENTIAL,
        Protection.FORWARD_ONLY,
        Protection.LOCKED_REPOSITORY,
        Protection.REQUIRED_CHECKS,
        Protection.REQUIRED_DEPLOYMENTS,
    }
)
"""Set in the repository that holds the environment branch."""

_NEEDS = {
    Protection.ISOLATED_CREDENTIAL: Capability.BRANCH_RULESETS,
    Protection.FORWARD_ONLY: Capability.BRANCH_RULESETS,
    Protection.LOCKED_REPOSITORY: Capability.BRANCH_RULESETS,
    Protection.SECRET_IN_ENVIRONMENT: Capability.DEPLOYMENT_BRANCH_POLICY,
    Protection.REVIEWED_DEFAULT_BRANCH: Capability.BRANCH_RULESETS,
    Protection.CODE_OWNERS: Capability.BRANCH_RULESETS,
    Protection.REQUIRED_REVIEWERS: Capability.REQUIRED_REVIEWERS,
    Protection.PREVENT_SELF_REVIEW: Capability.PREVENT_SELF_REVIEW,
    Protection.WAIT_TIMER: Capability.WAIT_TIMER,
    Protection.NO_ADMIN_BYPASS: Capability.NO_ADMIN_BYPASS,
    Protection.REQUIRED_CHECKS: Capability.BRANCH_RULESETS,
    Protection.REQUIRED_DEPLOYMENTS: Capability.BRANCH_RULESETS,
}

_OFFERED = {
    Capability.BRANCH_RULESETS: "public repositories, and private ones on Pro, Team and Enterprise",
    Capability.DEPLOYMENT_BRANCH_POLICY: "public repositories, and private ones on Pro, Team and Enterprise",
    Capability.REQUIRED_REVIEWERS: "public repositories, and private ones on Enterprise",
    Capability.PREVENT_SELF_REVIEW: "public repositories, and private ones on Enterprise",
    Capability.WAIT_TIMER: "public repositories, and private ones on Enterprise",
    Capability.NO_ADMIN_BYPASS: "public repositories, and private ones on Enterprise",
}

_UNSET = {
    Protection.REQUIRED_REVIEWERS: "`reviewers` names nobody",
    Protection.PREVENT_SELF_REVIEW: "it needs `reviewers`, and `prevent_self_review` must not be false",
}
"""Why something that the forge offers is still not achieved."""


@dataclass(frozen=True)
class _Case:
    environment: Environment
    application: Application
    owner_kind: OwnerKind
    price_plan: PricePlan

    @property
    def kind(self) -> EnvironmentKind:
        return kind_of(self.environment) or EnvironmentKind.PRODUCTION

    @property
    def default_branch(self) -> str:
        return self.application.default_branch or "main"

    @property
    def state_repository(self) -> str:
        return state_repository_of(self.application.name, self.environment) or self.application.name

    @property
    def writable(self) -> bool:
        return credential(self.environment, self.application, "") is not None

    @property
    def isolation(self) -> Isolation:
        return self.environment.isolation or Isolation.REPOSITORY

    def visibility(self, protection: Protection) -> Visibility:
        """Visibility of the repository in which that protection is set."""
        of_application = self.application.visibility or Visibility.PRIVATE
        if protection in _ON_THE_BRANCH and self.isolation is Isolation.REPOSITORY:
            return self.environment.state_visibility or of_application
        return of_application


def enforcement(
    environment: Environment, application: Application, *, owner_kind: OwnerKind, price_plan: PricePlan
) -> Enforcement:
    """What the environment asks for, what GitHub will hold under that price plan, and why they differ.

    `requested` and `achieved` are in the order of `Protection`; `achieved` is a part of `requested`. `why` has one
    sentence for each protection that is missing, then one for each limit of those that are there.
    """
    case = _Case(environment, application, owner_kind, price_plan)
    asked = set(_requested(case))
    requested = tuple(protection for protection in Protection if protection in asked)
    missing = {protection: reason for protection in requested if (reason := _missing(case, protection))}
    achieved = tuple(protection for protection in requested if protection not in missing)
    return Enforcement(requested, achieved, (*missing.values(), *_limits(case)))


def degraded_production(environment: Environment, report: Enforcement) -> tuple[Problem, ...]:
    """The problem that production gets less than it asks for and nobody accepted that, if so."""
    if kind_of(environment) is not EnvironmentKind.PRODUCTION or environment.allow_degraded or not report.degraded:
        return ()
    lost = (protection for protection in report.requested if protection not in report.achieved)
    accepted = {Protection.ISOLATED_CREDENTIAL} if environment.accept_shared_bypass else set()
    reasons = {protection: why for protection, why in zip(lost, report.why, strict=False) if protection not in accepted}
    if not reasons:
        return ()
    return (
        Problem(
            where=f"environment '{environment.name}'",
            code="production-degraded",
            reason=f"production asks for {', '.join(reasons)}, which will not be enforced: "
            + " ".join(reasons.values()).rstrip("."),
            remedy="Give what is missing, or accept and report it with `allow_degraded: true`",
        ),
    )


def _requested(case: _Case) -> Iterator[Protection]:
    environment, application = case.environment, case.application
    # Without a credential (retired, or none wanted) no promotion runs, so there is nothing to approve or to review.
    without_writer = (Protection.FORWARD_ONLY, Protection.LOCKED_REPOSITORY, Protection.SECRET_IN_ENVIRONMENT)
    idle = case.kind is not EnvironmentKind.REVIEW and not case.writable
    for protection in without_writer if idle else ALWAYS[case.kind]:
        # In the application's own repository other branches and tags are other people's work: nothing locks them.
        if protection is not Protection.LOCKED_REPOSITORY or case.isolation is Isolation.REPOSITORY:
            yield protection
    if environment.required_checks:
        yield Protection.REQUIRED_CHECKS
    if environment.required_deployments:
        yield Protection.REQUIRED_DEPLOYMENTS
    if case.writable and has_code_owners(application):
        yield Protection.CODE_OWNERS
    if environment.reviewers:
        yield Protection.REQUIRED_REVIEWERS
        if environment.prevent_self_review:
            yield Protection.PREVENT_SELF_REVIEW
    if environment.wait_minutes:
        yield Protection.WAIT_TIMER


def _missing(case: _Case, protection: Protection) -> str | None:
    """Why that protection is not achieved; None if it is."""
    needed, visibility = _NEEDS[protection], case.visibility(protection)
    if needed not in capabilities(case.price_plan, visibility):
        return (
            f"{protection.value}: GitHub offers it for {_OFFERED[needed]}; this is the price plan "
            f"{case.price_plan.value} with a repository that is {visibility.value}."
        )
    environment = case.environment
    if protection is Protection.ISOLATED_CREDENTIAL and case.isolation is Isolation.SHARED:
        return (
            f"{protection.value}: GitHub's bypass for deploy keys means every write key of {case.state_repository}, so "
            "each environment's key there can move the branch of each other one."
        )
    reviewed = bool(environment.reviewers)
    unset = {
        Protection.REQUIRED_REVIEWERS: not reviewed,
        Protection.PREVENT_SELF_REVIEW: not (reviewed and environment.prevent_self_review),
    }
    return f"{protection.value}: {_UNSET[protection]}." if unset.get(protection) else None


def _limits(case: _Case) -> Iterable[str]:
    """Sentences on what the protections that are there do not cover."""
    name, branch = case.environment.name, case.default_branch
    if case.kind is EnvironmentKind.REVIEW:
        yield (
            f"Whoever may push a branch of {case.application.name} can read the secrets of '{name}' with a pull "
            "request of their own; it has no credential that can write to git."
        )
        return
    if not case.writable:
        cause = "it is retired" if case.environment.retired else "`write_credential` is false"
        yield f"Nobody may move {branch_of(case.environment)}: {cause}, so '{name}' has no credential."
        return
    yield (
        f"That only commits of {branch} reach '{name}' is checked by the promotion job and not by GitHub, which has no "
        "such rule."
    )
    yield (
        f"The credential of '{name}' can write refs of {case.state_repository} that are neither branches nor tags, "
        "such as refs/notes/*: no ruleset covers them."
        if case.isolation is Isolation.REPOSITORY
        else f"The credential of '{name}' can write every branch and tag of {case.state_repository} that no ruleset "
        "protects: isolation by repository would lock them."
    )
    if not has_code_owners(case.application):
        yield (
            f"There are no code owners: nobody in particular must review changes of .github/ and of the manifests, any "
            f"reviewer of a pull request to {branch} will do."
        )
    if case.owner_kind is OwnerKind.USER:
        yield "The repositories belong to a user account: that one person can lift every rule."
