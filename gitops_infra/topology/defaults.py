"""What an environment means where the topology leaves something out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

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


def namespace_of(application: str, environment: Environment) -> str:
    """The Kubernetes namespace that the environment has or would have, for one repository of the application."""
    made = f"{application}-{identity_of(environment)}".lower()
    return environment.namespace or re.sub(r"[^a-z0-9]+", "-", made).strip("-")


GITHUB_COM = "github.com"


def forge_host(known_hosts: Sequence[str]) -> str:
    """`host`, or `[host]:port`, of the forge's SSH server: the first one whose key is pinned, else github.com."""
    return known_hosts[0].split(" ")[0].split(",")[0] if known_hosts else GITHUB_COM


def per_repository(topology: Topology) -> tuple[Topology, ...]:
    """The topology as one for each of its repositories, that of `application` first."""
    first = topology.model_copy(update={"repositories": None})
    others = (first.model_copy(update={"application": each}) for each in topology.repositories or ())
    return (first, *others)


class Stage(NamedTuple):
    """What counts of an environment for the promotion that it gets where none is written down."""

    name: str
    kind: EnvironmentKind
    paths: frozenset[str]


def is_moved(environment: Environment) -> bool:
    """Whether anything moves the environment's branch: it is no review, not retired, and has a credential."""
    return (
        kind_of(environment) is not EnvironmentKind.REVIEW
        and not environment.retired
        and environment.write_credential is not False
    )


def usual_sources(stages: Iterable[Stage]) -> Mapping[str, tuple[str, ...]]:
    """Where each stage takes its commit from: nothing is the default branch, several mean that it is not clear.

    Stages follow each other in the order in which they are listed, among those with the same `paths`: each staging
    takes what the staging before it runs, the first one the default branch. Productions are parallel: each takes what
    the staging before it runs. A production whose `paths` no staging has takes what any staging runs, and with
    different ones it is not clear which.
    """
    listed = tuple(stages)
    return {stage.name: _usual_source(stage, listed[:position], listed) for position, stage in enumerate(listed)}


def _usual_source(stage: Stage, before: Sequence[Stage], listed: Sequence[Stage]) -> tuple[str, ...]:
    if stage.kind is EnvironmentKind.STAGING:
        return tuple(_stagings(before)[stage.paths][-1:])
    for stagings in (_stagings(before), _stagings(listed)):
        if stage.paths in stagings:
            return (stagings[stage.paths][-1],)
    return tuple(names[-1] for names in _stagings(listed).values())


def _stagings(stages: Iterable[Stage]) -> defaultdict[frozenset[str], list[str]]:
    """Names of the stagings among them, by paths."""
    found: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for stage in stages:
        if stage.kind is EnvironmentKind.STAGING:
            found[stage.paths].append(stage.name)
    return found
