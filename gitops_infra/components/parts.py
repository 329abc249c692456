"""Stack layouts: everything in one stack, or a foundation and one stack for each environment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

import pulumi

from gitops_infra.components.stack_outputs import outputs_of, own_outputs
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.plan.access import undoers
from gitops_infra.plan.model import Plan
from gitops_infra.plan.transition import problems
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.translate import nearest

FOUNDATION = "foundation"
"""The part that has the repositories and the protection of their default branches, and no environment."""

OUTPUT = "foundation"
"""Output of the stack of the foundation, by repository: `GitOpsTopology.foundation`."""

ENVIRONMENTS = "environments"
"""Output of a stack that says which environments it has: `GitOpsTopology.environments`."""


@dataclass(frozen=True)
class Part:
    """What of a topology one stack makes. `name` None: everything."""

    name: Optional[str] = None

    @property
    def foundation(self) -> bool:
        """Whether the repositories themselves are made here."""
        return self.name in {None, FOUNDATION}

    def makes(self, environment: str) -> bool:
        """Whether the environment is made here."""
        return self.name in {None, environment}


def undoers_of(part: Part, plan: Plan) -> tuple[str, ...]:
    """Who can undo the rules of what one stack makes, one sentence each.

    Keys of other environments are in other states; but whoever makes those administers the application's repository.
    """
    if part.name is None:
        return undoers(plan)
    here = replace(plan, environments=tuple(each for each in plan.environments if part.makes(each.name)))
    others = f"The tokens or Apps of the topology's other stacks administer {plan.application.full_name} as well."
    return (*undoers(here), others)


def part_problems(part: Optional[str], foundation: Optional[str], environments: Iterable[str]) -> tuple[Problem, ...]:
    """What is wrong with the choice of a part."""
    names = list(environments)
    if part == FOUNDATION and FOUNDATION in names:
        reason = (
            f"an environment of the topology is called `{FOUNDATION}` too, so it is not clear what this stack makes"
        )
        remedy = "Give the environment another name: with `formerly` it keeps its branch, repository and key"
        return (Problem("part", "ambiguous-part", reason, remedy),)
    if part not in {None, FOUNDATION, *names}:
        near = nearest(part or "", [FOUNDATION, *names])
        remedy = f"Did you mean `{near}`?" if near else f"Give `{FOUNDATION}` or one of {', '.join(names)}"
        reason = f"{shown(part or '')} is neither `{FOUNDATION}` nor an environment of the topology"
        return (Problem("part", "unknown-part", reason, remedy),)
    alone = part not in {None, FOUNDATION}
    if alone and not foundation:
        reason = f"environment {shown(part or '')} alone needs to know which stack protects the default branch"
        return (
            Problem(
                "foundation",
                "foundation-missing",
                reason,
                "Give the full name of the stack of the part `foundation`, such as `organization/project/stack`",
            ),
        )
    if foundation and not alone:
        reason = "`foundation` names another stack's, and this one makes its own"
        return (Problem("foundation", "foundation-unused", reason, "Remove it, or set `part` to one environment"),)
    return ()


def protected_by(foundation: Optional[str], plans: Iterable[Plan]) -> Mapping[str, Any]:
    """The protected refs that the stack of the foundation exports, by repository.

    Raises ConfigurationError where it does not protect a repository of the plans: a job of an unprotected default
    branch could read what is made here.
    """
    try:
        found = outputs_of(foundation or "").get(OUTPUT)
    except Exception as error:  # noqa: BLE001 - the engine's own, which has no type
        raise ConfigurationError([_unreadable(foundation or "", error)]) from None
    protected = found if isinstance(found, Mapping) else {}
    missing = [name for each in plans if (name := each.application.full_name) not in protected]
    if missing:
        raise ConfigurationError(
            [
                Problem(
                    "foundation",
                    "foundation-incomplete",
                    f"stack {foundation} does not say that it protects {', '.join(missing)}",
                    "Run `pulumi up` there first, with `part: foundation` and the output `foundation`",
                )
            ]
        )
    return protected


def refuse_losses(part: Part, plans: tuple[Plan, ...], released: Iterable[str] = ()) -> None:
    """Raises ConfigurationError where this stack would lose an environment that nobody retired.

    The stack's own output `environments` tells what it has; a program that does not export it is not checked. Those
    that are `released`, by name, belong to another stack now.
    """
    try:
        found = own_outputs().get(ENVIRONMENTS)
    except Exception as error:  # noqa: BLE001 - as above
        pulumi.log.warn(f"the stack's own outputs cannot be read, so removed environments are not noticed: {error}")
        return
    if not isinstance(found, Mapping):
        return
    let_go = set(released)
    before = {
        key: said for key, said in found.items() if isinstance(said, Mapping) and key.rpartition("/")[2] not in let_go
    }
    leaving = [key for key, said in before.items() if not part.makes(_now(key, plans)) and not said.get("retired")]
    lost = (*map(_leaving, leaving), *problems({key: before[key] for key in before.keys() - set(leaving)}, *plans))
    if lost:
        raise ConfigurationError(lost)


def _now(key: str, plans: tuple[Plan, ...]) -> str:
    """The name of the environment today, by its key in the outputs."""
    name = key.rpartition("/")[2]
    renamed = {each.formerly: each.name for plan in plans for each in plan.environments if each.formerly}
    return renamed.get(name, name)


def _leaving(key: str) -> Problem:
    return Problem(
        f"environment '{key}'",
        "environment-leaves-stack",
        "this stack has it, and the part that it makes has not",
        "Move its resources to its new stack with `pulumi state move` and name it under `released`, or retire it first",
    )


def _unreadable(stack: str, error: Exception) -> Problem:
    # The engine tells of the call first, twice.
    told = str(error).strip().split("\n")[-1].rpartition("returned an error: ")[2][:200]
    return Problem(
        "foundation",
        "foundation-unreadable",
        f"the outputs of stack {shown(stack)} cannot be read: {told}",
        "Run `pulumi up` there first; give its full name, `organization/project/stack`, and a backend that holds it",
    )
