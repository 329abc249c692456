"""What GitHub enforces for a repository, by the price plan of its owner and its visibility.

Source: GitHub's documentation, the availability notes of "About rulesets", "Deployments and environments" and
"Managing environments for deployment". What was set up before a downgrade, or before a public repository became
private, stays and is ignored until the plan has it again.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.store import Store


class Feature(StrEnum):
    """One thing that a plan has or does not have."""

    BRANCH_RULESETS = "branch_rulesets"
    """Rulesets for branches and tags."""
    ENVIRONMENTS = "environments"
    """Environments with their own secrets and variables."""
    DEPLOYMENT_BRANCH_POLICY = "deployment_branch_policy"
    REQUIRED_REVIEWERS = "required_reviewers"
    WAIT_TIMER = "wait_timer"
    PREVENT_SELF_REVIEW = "prevent_self_review"
    NO_ADMIN_BYPASS = "no_admin_bypass"
    PUSH_RULESETS = "push_rulesets"
    METADATA_RULES = "metadata_rules"
    """Rules about names, commit messages and mail addresses."""
    EVALUATE = "evaluate"
    """Rulesets that only log what they would refuse."""


_NOTHING: frozenset[Feature] = frozenset()
_BRANCHES = frozenset({Feature.BRANCH_RULESETS, Feature.ENVIRONMENTS, Feature.DEPLOYMENT_BRANCH_POLICY})
_GATES = frozenset(
    {Feature.REQUIRED_REVIEWERS, Feature.WAIT_TIMER, Feature.PREVENT_SELF_REVIEW, Feature.NO_ADMIN_BYPASS}
)
_PUSHES = frozenset({Feature.PUSH_RULESETS})
_ENTERPRISE = frozenset({Feature.METADATA_RULES, Feature.EVALUATE})

TABLE: Mapping[str, Mapping[str, frozenset[Feature]]] = {
    # price plan -> visibility -> features. Internal repositories exist on Enterprise only.
    "free": {"public": _BRANCHES | _GATES, "private": _NOTHING, "internal": _NOTHING},
    "pro": {"public": _BRANCHES | _GATES, "private": _BRANCHES, "internal": _NOTHING},
    "team": {"public": _BRANCHES | _GATES, "private": _BRANCHES | _PUSHES, "internal": _NOTHING},
    "enterprise": {
        "public": _BRANCHES | _GATES | _ENTERPRISE,
        "private": _BRANCHES | _GATES | _PUSHES | _ENTERPRISE,
        "internal": _BRANCHES | _GATES | _PUSHES | _ENTERPRISE,
    },
}
PRICE_PLANS = tuple(TABLE)


def offers(store: Store, repository: Repository, feature: Feature) -> bool:
    """Whether the repository has the feature now."""
    return feature in TABLE[store.accounts[repository.owner_id].price_plan][repository.visibility]


def in_force(store: Store, repository: Repository, environment: EnvironmentRecord) -> EnvironmentRecord:
    """A copy of the environment with what the price plan enforces; what it does not have, GitHub ignores.

    Source: GitHub, "Managing environments for deployment": after a downgrade, or when a public repository becomes
    private, configured protection rules and environment secrets are ignored until the plan has them again.
    """

    def has(feature: Feature) -> bool:
        return offers(store, repository, feature)

    environments = has(Feature.ENVIRONMENTS)
    return replace(
        environment,
        branch_policy=environment.branch_policy if has(Feature.DEPLOYMENT_BRANCH_POLICY) else None,
        reviewers=environment.reviewers if has(Feature.REQUIRED_REVIEWERS) else [],
        wait_timer=environment.wait_timer if has(Feature.WAIT_TIMER) else 0,
        prevent_self_review=environment.prevent_self_review and has(Feature.PREVENT_SELF_REVIEW),
        can_admins_bypass=environment.can_admins_bypass or not has(Feature.NO_ADMIN_BYPASS),
        secrets=environment.secrets if environments else {},
        variables=environment.variables if environments else {},
    )
