"""What GitHub can enforce for a repository, by price plan and visibility."""

from enum import StrEnum

from gitops_infra.topology.vocabulary import PricePlan, Visibility


class Capability(StrEnum):
    """One thing that the forge offers or does not offer."""

    BRANCH_RULESETS = "branch_rulesets"
    ENVIRONMENTS = "environments"
    """Environments with their own secrets and variables."""
    DEPLOYMENT_BRANCH_POLICY = "deployment_branch_policy"
    REQUIRED_REVIEWERS = "required_reviewers"
    WAIT_TIMER = "wait_timer"
    PREVENT_SELF_REVIEW = "prevent_self_review"
    NO_ADMIN_BYPASS = "no_admin_bypass"
    PUSH_RULESETS = "push_rulesets"


_NOTHING: frozenset[Capability] = frozenset()
_BRANCHES = frozenset({Capability.BRANCH_RULESETS, Capability.ENVIRONMENTS, Capability.DEPLOYMENT_BRANCH_POLICY})
_GATES = frozenset(
    {
        Capability.REQUIRED_REVIEWERS,
        Capability.WAIT_TIMER,
        Capability.PREVENT_SELF_REVIEW,
        Capability.NO_ADMIN_BYPASS,
    }
)
_PUSHES = frozenset({Capability.PUSH_RULESETS})

TABLE: dict[tuple[PricePlan, Visibility], frozenset[Capability]] = {
    (PricePlan.FREE, Visibility.PUBLIC): _BRANCHES | _GATES,
    (PricePlan.FREE, Visibility.PRIVATE): _NOTHING,
    (PricePlan.FREE, Visibility.INTERNAL): _NOTHING,
    (PricePlan.PRO, Visibility.PUBLIC): _BRANCHES | _GATES,
    (PricePlan.PRO, Visibility.PRIVATE): _BRANCHES,
    (PricePlan.PRO, Visibility.INTERNAL): _NOTHING,
    (PricePlan.TEAM, Visibility.PUBLIC): _BRANCHES | _GATES,
    (PricePlan.TEAM, Visibility.PRIVATE): _BRANCHES | _PUSHES,
    (PricePlan.TEAM, Visibility.INTERNAL): _NOTHING,
    (PricePlan.ENTERPRISE, Visibility.PUBLIC): _BRANCHES | _GATES,
    (PricePlan.ENTERPRISE, Visibility.PRIVATE): _BRANCHES | _GATES | _PUSHES,
    (PricePlan.ENTERPRISE, Visibility.INTERNAL): _BRANCHES | _GATES | _PUSHES,
}
"""Internal repositories exist on Enterprise only, so nothing can be enforced for them elsewhere."""


def capabilities(price_plan: PricePlan, visibility: Visibility) -> frozenset[Capability]:
    """What GitHub enforces for a repository of that visibility under that price plan.

    Source: GitHub's documentation, "About rulesets", "Deployments and environments" and "Managing environments for
    deployment" (the availability notes at the top of each page).
    """
    return TABLE[price_plan, visibility]
