"""Everybody who tries something on a topology: roles, the jobs of each repository, what each environment has."""

from collections.abc import Iterator
from dataclasses import dataclass

from gitops_infra.plan.actors import OF_ENVIRONMENT, Actor, ActorKind
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation
from guarantee.oracle.oracle import JOBS
from guarantee.oracle.places import Environments, Holder, has_credential, kind_of


@dataclass(frozen=True)
class Party:
    """An actor; `application` names the repository that its job or credential belongs to, None: to no single one."""

    actor: Actor
    application: str | None = None
    holder: Holder | None = None
    """Whose credential it is, of an actor of an environment."""

    def __str__(self) -> str:
        return f"{self.actor} ({self.application})" if self.application else str(self.actor)


def parties(known: Environments) -> tuple[Party, ...]:
    """Everybody, in a fixed order."""
    single = (kind for kind in ActorKind if kind not in OF_ENVIRONMENT | JOBS)
    jobs = (Party(Actor(kind), application) for application in known.applications for kind in sorted(JOBS))
    return (*(Party(Actor(kind)) for kind in single), *jobs, *dict.fromkeys(_of_environments(known)))


def _of_environments(known: Environments) -> Iterator[Party]:
    for application in known.applications:
        for environment in known.topology.environments:
            if kind_of(environment) is EnvironmentKind.REVIEW:
                continue
            holder = known.holder(application, environment.name)
            if has_credential(environment):
                shared_by_all = environment.isolation is Isolation.BRANCH
                mine = None if shared_by_all else application
                yield Party(Actor(ActorKind.CREDENTIAL, environment.name), mine, holder)
                if not shared_by_all and (environment.generation or 1) > 1:
                    yield Party(Actor(ActorKind.ROTATED_OUT, environment.name), application, holder)
            if environment.cluster is not None:
                reader = known.reader(application, environment.name)
                yield Party(Actor(ActorKind.CLUSTER_KEY, environment.name), application, reader)
