"""Contestants in turn, A B A B, and what the rounds say together."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Goal:
    """One promise: `measured` must not exceed `limit`. A result without a limit is only reported."""

    name: str
    measured: float | None
    """None: it could not be measured here, and the name says why."""
    limit: float | None
    unit: str = "x"
    """`x` is a ratio of two contestants in one run; else s, MB, kB, ms, calls, or e (an exponent)."""
    note: str = ""
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """What each contestant needed, round by round, in the cell's unit."""

    @property
    def met(self) -> bool | None:
        """None when nothing was promised, or nothing measured."""
        return None if self.limit is None or self.measured is None else self.measured <= self.limit


def tell(text: str) -> None:
    """A line of progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def interleaved(contestants: Mapping[str, Callable[[], T]], rounds: int, *, cell: str) -> dict[str, list[T]]:
    """What each contestant returned in each round. A round with the warm-up before it is not counted."""
    results: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, run in contestants.items():
            tell(f"{cell}: round {number + 1} of {rounds}, {name}")
            results[name].append(run())
    return results


def ratio(ours: Sequence[float], other: Sequence[float]) -> float:
    """Median of the ratios of neighbours: what slows the machine for a while slows both."""
    return statistics.median(a / b for a, b in zip(ours, other, strict=True))


def difference(ours: Sequence[float], other: Sequence[float]) -> float:
    """Median of the differences of neighbours."""
    return statistics.median(a - b for a, b in zip(ours, other, strict=True))


def unsettled(ours: Sequence[float], other: Sequence[float], limit: float) -> bool:
    """Whether the limit lies within the middle half of the rounds' ratios, so that more rounds are needed."""
    lower, _, upper = statistics.quantiles([a / b for a, b in zip(ours, other, strict=True)], n=4)
    return lower <= limit <= upper
