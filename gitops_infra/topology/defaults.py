"""What an environment means where the topology leaves something out."""

from gitops_infra.topology.environment import Environment
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation

KIND_BY_NAME = {kind.value: kind for kind in EnvironmentKind}
"""The only three names from which a kind is inferred."""


def kind_of(environment: Environment) -> EnvironmentKind | None:
    """The kind, stated or inferred from the exact name; None where it must be stated and is not."""
    return environment.kind or KIND_BY_NAME.get(environment.name)


def identity_of(environment: Environment) -> str:
    """The name of which branch, state repository and key are made: a renamed environment keeps them."""
    return environment.formerly or environment.name


def branch_of(environment: Environment) -> str | None:
    """The environment branch; None for review."""
    if kind_of(environment) is EnvironmentKind.REVIEW:
        return None
    return environment.branch or f"env/{identity_of(environment)}"


def state_repository_name(application: str, environment: Environment) -> str:
    """Name of the state repository that the environment has or would have."""
    return environment.state_repository or f"{application}-env-{identity_of(environment)}"


def state_repository_of(application: str, environment: Environment) -> str | None:
    """Name of the repository that holds the environment branch; None for review.

    Under any isolation but `repository` that is the application repository itself.
    """
    if kind_of(environment) is EnvironmentKind.REVIEW:
        return None
    if environment.isolation is not Isolation.REPOSITORY:
        return application
    return state_repository_name(application, environment)


def per_repository(topology: Topology) -> tuple[Topology, ...]:
    """The topology as one for each of its repositories, that of `application` first."""
    first = topology.model_copy(update={"repositories": None})
    others = (first.model_copy(update={"application": each}) for each in topology.repositories or ())
    return (first, *others)
