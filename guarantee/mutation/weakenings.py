"""Every weakening of a world, one at a time, and whether each generated protection has one."""

from collections.abc import Iterator

from guarantee.matrix.world import World
from guarantee.mutation.protections import protections
from guarantee.mutation.weak_clusters import of_clusters
from guarantee.mutation.weak_rulesets import of_rulesets
from guarantee.mutation.weak_settings import of_settings
from guarantee.mutation.weakening import ClusterWeakening, Weakening


def on_the_forge(world: World) -> tuple[Weakening, ...]:
    """All that an owner could change at the REST interface."""
    return (*of_rulesets(world), *of_settings(world))


def in_the_cluster(world: World) -> tuple[ClusterWeakening, ...]:
    """All that an administrator of the cluster could change."""
    return tuple(of_clusters(world))


def unweakened(world: World) -> Iterator[str]:
    """Generated protections for which there is no weakening: then nothing shows that they matter."""
    made: tuple[Weakening | ClusterWeakening, ...] = (*on_the_forge(world), *in_the_cluster(world))
    weakened = {each.protection for each in made}
    return (name for name in protections(world.plan) if name not in weakened)
