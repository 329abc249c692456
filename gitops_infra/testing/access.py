"""What was tried on a ref, and what came of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitops_infra.plan.actors import Operation
from gitops_infra.testing.actors import Actor


@dataclass(frozen=True)
class Attempt:
    """One real push (or merge) with one credential."""

    actors: tuple[Actor, ...]
    """Whoever holds the credential; several when it lies in several places."""
    credential: str
    """What it is, in words, such as `deploy key 'gitops-infra shop staging g1'`. Never its value."""
    operation: Operation
    allowed: bool
    why: str
    """The rule that refused or let pass, in the forge's words."""


@dataclass(frozen=True)
class Access:
    """Everything that was tried on one ref by every actor of the forge."""

    repository: str
    """`owner/name`."""
    ref: str
    """In full, `refs/heads/...`."""
    attempts: tuple[Attempt, ...]

    def able(self, *operations: Operation) -> frozenset[Actor]:
        """Who can do at least one of the operations; of any that was tried, when none is named."""
        return frozenset(actor for each in self._allowed(operations) for actor in each.actors)

    def actors(self) -> frozenset[Actor]:
        """Everybody who tried."""
        return frozenset(actor for each in self.attempts for actor in each.actors)

    def of(self, actor: Actor, *, allowed: bool | None = None) -> tuple[Attempt, ...]:
        """The attempts of one actor; only those with this result, unless that is None."""
        return tuple(e for e in self.attempts if actor in e.actors and allowed in {None, e.allowed})

    def _allowed(self, operations: tuple[Operation, ...]) -> Iterator[Attempt]:
        return (each for each in self.attempts if each.allowed and (not operations or each.operation in operations))


def listed(words: Iterable[object], none: str = "nobody") -> str:
    """`a, b, c` in order, or `none`."""
    return ", ".join(sorted(map(str, words))) or none
