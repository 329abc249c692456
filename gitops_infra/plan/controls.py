"""What is known of a way round an environment's credential: whose it is, its steps, what is in the way."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from gitops_infra.plan.capabilities import Capability, capabilities
from gitops_infra.plan.model import Environment, Plan, PullRequestRule


class Control(StrEnum):
    """What stands in the way of an indirect move, or shows it afterwards."""

    REVIEW = "review"
    """A pull request into the default branch needs an approval."""
    APPROVAL = "approval"
    """The environment's approvers must let the job start."""
    PROMOTION_JOB = "promotion job"
    """It moves the branch to commits of the default branch only."""
    AGENT = "agent"
    """It applies commits with a good signature only."""
    AUDIT = "audit"
    """`gitops-infra verify` shows it: changed settings and keys, and commits that are not of the default branch."""


@dataclass(frozen=True)
class Indirect:
    """One way round the credential: who has it, in which steps, and what is in the way."""

    who: str
    how: tuple[str, ...]
    """Steps, in order."""
    reaches: tuple[str, ...]
    """Environments; empty where no environment is reached, and only something beside them."""
    controls: tuple[Control, ...]
    """Empty: nothing stops it, and nothing shows it."""
    sentences: tuple[str, ...] = ()
    """What the stack's output says of it; empty where it is the ordinary way."""


def grouped(ways: Iterable[Indirect]) -> tuple[Indirect, ...]:
    """The ways, with those of the same people, steps and controls made one that reaches the environments of all."""
    found: dict[tuple[str, tuple[str, ...], tuple[Control, ...]], Indirect] = {}
    for way in ways:
        key = (way.who, way.how, way.controls)
        known = found.get(key)
        found[key] = (
            way
            if known is None
            else replace(
                known,
                reaches=tuple(dict.fromkeys((*known.reaches, *way.reaches))),
                sentences=(*known.sentences, *way.sentences),
            )
        )
    return tuple(found.values())


def review_rule(plan: Plan) -> PullRequestRule | None:
    """The rule about pull requests into the default branch; None where nothing enforces one."""
    application = plan.application
    if Capability.BRANCH_RULESETS not in capabilities(plan.price_plan, application.visibility):
        return None
    return next((each.rules.pull_request for each in application.rulesets if each.key == "default-branch"), None)


def review(plan: Plan) -> tuple[Control, ...]:
    """Whether a change of the default branch needs an approval."""
    rule = review_rule(plan)
    return (Control.REVIEW,) if rule is not None and rule.approvals else ()


def approval(environment: Environment) -> tuple[Control, ...]:
    """Whether a job of the environment needs one."""
    return (Control.APPROVAL,) if environment.policy.approvers else ()


def held(environment: Environment) -> tuple[Control, ...]:
    """What is left in the way of somebody who has the credential."""
    signed = environment.delivery is not None and environment.delivery.signed_by
    return (Control.AGENT, Control.AUDIT) if signed else (Control.AUDIT,)
