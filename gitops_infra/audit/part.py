"""The part of a topology that one stack makes: its repositories (`foundation`), or one environment."""

from dataclasses import replace

from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology

FOUNDATION = "foundation"
"""The part with the repositories and the protection of their default branches; `GitOpsTopologyArgs.part`."""


def narrowed(topology: Topology, plan: Plan, part: str | None) -> tuple[Topology, Plan]:
    """Topology and plan of one repository, with only what the stack of that part makes; None: everything."""
    if part is None:
        return topology, plan
    environments = [each for each in topology.environments if each.name == part]
    planned = tuple(each for each in plan.environments if each.name == part)
    application = plan.application
    if part != FOUNDATION:
        # Made by the stack of the foundation, and there when this one runs.
        application = replace(
            application, existing=True, imported=False, files=(), rulesets=(), access=(), labels=(), actions=None
        )
    narrow = replace(plan, environments=planned, application=application)
    return topology.model_copy(update={"environments": environments}), narrow


def makes(part: str | None, environment: str) -> bool:
    """Whether the stack of that part makes the environment."""
    return part in {None, environment}
