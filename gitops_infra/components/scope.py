"""What the components of one environment are told about it, and what the plan makes of that."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Optional

from gitops_infra.components.inputs import Args, decided
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.passphrase import open_state
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import Enforcement
from gitops_infra.plan.model import Environment as PlannedEnvironment
from gitops_infra.topology.application import Application
from gitops_infra.topology.cluster import TargetCluster
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import check
from gitops_infra.topology.vocabulary import OwnerKind, PricePlan, Protection

# A default branch is the application's, so an environment alone neither makes nor claims its protection.
ELSEWHERE = (Protection.REVIEWED_DEFAULT_BRANCH, Protection.CODE_OWNERS)


class EnvironmentScope(Args):
    """One environment of one application."""

    owner: str
    """Organisation or user that owns the repositories."""
    github_plan: PricePlan
    """The owner's price plan, as billed. Decides what can be enforced."""
    application: Application
    """The application that the environment belongs to."""
    environment: Environment
    """The environment."""
    owner_kind: Optional[OwnerKind] = OwnerKind.ORGANIZATION
    """Default: an organisation."""


class DeliveredScope(EnvironmentScope):
    """One environment of one application, and where it runs."""

    cluster: Optional[TargetCluster] = None
    """The cluster that the environment names."""
    known_hosts: Optional[list[str]] = None
    """Host key lines of the forge's SSH server, for any server but github.com, whose key is known."""


@dataclass(frozen=True)
class OneEnvironment:
    """One environment, decided."""

    environment: PlannedEnvironment
    enforcement: Enforcement


def check_scope(args: EnvironmentScope) -> tuple[Problem, ...]:
    """What is wrong with the environment, by the rules of a topology that has no other."""
    return tuple(
        replace(problem, where=re.sub(r"^(environment|cluster)s\[0\]", r"\1", problem.where))
        for problem in check(_topology(args))
    )


def plan_scope(args: EnvironmentScope, *, default_branch_protected: bool = False) -> OneEnvironment:
    """The plan of the one environment. Protections that somebody else has to make count only when they do.

    Raises ConfigurationError.
    """
    one = decided(lambda: plan(_topology(args)))
    name = args.environment.name
    enforcement = one.enforcement[name]
    if not default_branch_protected:
        unknown = (
            f"Whether {args.application.default_branch} is protected is not known here: protect it with "
            "ApplicationRepository or by hand, and set `default_branch_protected`."
        )
        enforcement = replace(
            enforcement,
            achieved=tuple(protection for protection in enforcement.achieved if protection not in ELSEWHERE),
            why=(*enforcement.why, unknown),
        )
    return OneEnvironment(one.environment(name), enforcement)


def refuse_open_state(environments: Iterable[PlannedEnvironment]) -> None:
    """Raises ConfigurationError where a credential would come into a state that everybody can read."""
    if any(each.credential or each.secrets or each.delivery for each in environments) and (found := open_state()):
        raise ConfigurationError(found)


def _topology(args: EnvironmentScope) -> Topology:
    delivered = args if isinstance(args, DeliveredScope) else None
    cluster = delivered.cluster if delivered else None
    environment = args.environment
    if delivered is None:
        # Where it runs is somebody else's to say.
        environment = environment.model_copy(update={"cluster": None, "namespace": None, "sync": None})
    return Topology(
        owner=args.owner,
        owner_kind=args.owner_kind,
        github_plan=args.github_plan,
        application=args.application,
        environments=[environment],
        clusters=[cluster] if cluster else None,
        known_hosts=delivered.known_hosts if delivered else None,
        promotions=[],
    )
