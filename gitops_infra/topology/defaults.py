"""What an environment means where the topology leaves something out."""

from gitops_infra.topology.environment import Environment
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation

KIND_BY_NAME = {kind.value: kind for kind in EnvironmentKind}
"""The only three names from which a kind is inferred."""


def kind_of(environment: Environment) -> EnvironmentKind | None:
    """The kind, stated or inferred from the exact name; None where it must be stated and is not."""
    return environment.kind or KIND_BY_NAME.get(environment.name)


def branch_of(environment: Environment) -> str | None:
    """The environment branch; None for review."""
    if kind_of(environment) is EnvironmentKind.REVIEW:
        return None
    return environment.branch or f"env/{environment.name}"


def state_repository_of(application: str, environment: Environment) -> str | None:
    """Name of the repository that holds the environment branch; None for review.

    Under any isolation but `repository` that is the application repository itself.
    """
    if kind_of(environment) is EnvironmentKind.REVIEW:
        return None
    if environment.isolation is not Isolation.REPOSITORY:
        return application
    return environment.state_repository or f"{application}-env-{environment.name}"
