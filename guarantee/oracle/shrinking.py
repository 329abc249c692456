"""Makes a sequence that failed small enough to read: fewer attempts, and a topology without what they do not need."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gitops_infra.plan.actors import Operation
from gitops_infra.topology.problems import TopologyError
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate
from guarantee.oracle.parties import Party

KEPT = frozenset({"name", "kind", "isolation", "writer", "accept_shared_bypass", "allow_degraded"})
"""Keys of an environment without which it would be another one."""


@dataclass(frozen=True)
class Tried:
    """One attempt as it can be repeated, also where less is around it."""

    party: Party
    repository: str
    ref: str
    operation: Operation
    how: int


Fails = Callable[[Topology, Sequence[Tried]], str | None]
"""What goes wrong with these attempts on this topology, told in words; None when nothing does."""


def smallest(topology: Topology, attempts: Sequence[Tried], fails: Fails) -> tuple[Topology, Sequence[Tried], str]:
    """A part of both that still fails, and how. Raises ValueError when the whole does not fail."""
    words = fails(topology, attempts)
    if words is None:
        raise ValueError("nothing goes wrong when this is repeated")
    while True:
        for fewer, less in _smaller(topology, attempts):
            told = fails(fewer, less)
            if told is not None:
                topology, attempts, words = fewer, less, told
                break
        else:
            return topology, attempts, words


def _smaller(topology: Topology, attempts: Sequence[Tried]) -> Iterator[tuple[Topology, Sequence[Tried]]]:
    """Everything that is smaller by one step, the largest steps first."""
    half = len(attempts) // 2
    for size in dict.fromkeys((half, half // 2, 1)):
        if size:
            for start in range(0, len(attempts) - size, size):  # the last attempt is the one that fails
                yield topology, (*attempts[:start], *attempts[start + size :])
    for given in _less(topology.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)):
        try:
            yield validate(given), attempts
        except TopologyError:
            continue


def _less(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The topology without one of its parts; some of these are refused."""
    for name in ("repositories", "environments"):
        for position in range(len(given.get(name) or ())):
            less = copy.deepcopy(given)
            del less[name][position]
            yield less
    for holder in ("environments", "repositories"):
        for position, each in enumerate(given.get(holder) or ()):
            for key in each.keys() - KEPT:
                less = copy.deepcopy(given)
                del less[holder][position][key]
                yield less
    for key in sorted(given["application"].keys() - {"name", "existing", "visibility"}):
        less = copy.deepcopy(given)
        del less["application"][key]
        yield less
    for key in ("promotions", "clusters"):
        if given.get(key):
            yield {name: value for name, value in given.items() if name != key}
