"""Random sequences of attempts on random topologies: how many, how long, and what did not agree.

A sequence that fails is shrunk: what is reported is a small topology and few attempts, in words.
"""

import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gitops_infra.plan.build import plans
from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology
from guarantee.oracle.choices import Step
from guarantee.oracle.objects import Objects
from guarantee.oracle.play import Play, ViolationError
from guarantee.oracle.settled import Settled
from guarantee.oracle.shrinking import Tried, smallest
from guarantee.oracle.topologies import topologies

LEAST = 20
"""Attempts of one sequence at least."""
MOST = 26
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@dataclass(frozen=True)
class Result:
    """What a run of many sequences came to."""

    topologies: int
    operations: int
    violations: tuple[str, ...]
    """Each a small reproduction in words; empty when everything agreed."""
    seconds: float
    answers: Mapping[str, int] = field(default_factory=dict)
    """Attempts by sentence and answer of the oracle, and by what came of them."""

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.topologies} topologies, {self.operations} attempts, {len(self.violations)} violations, "
            f"{self.seconds:.0f} s"
        )


STEPS = st.lists(
    st.builds(Step, st.integers(0, 1_000_000), st.integers(0, 10_000), st.integers(0, 100)),
    min_size=LEAST,
    max_size=MOST,
)


def run(examples: int = 500, *, start: int = 1, workers: int | None = None) -> Result:
    """At least `examples` random topologies with a random sequence on each; the same for the same `start`.

    `workers` processes share them, by default one per core; another number of workers draws other examples.
    """
    begin, count = time.monotonic(), workers or min(os.cpu_count() or 1, examples)
    shares = [(examples // count + (number < examples % count), start * 1000 + number) for number in range(count)]
    if count == 1:
        results = [_share(*shares[0])]
    else:
        # Spawned: a fork of a process with threads, such as one with a running forge, may hang.
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            results = list(pool.map(_share, *zip(*shares, strict=True)))
    return Result(
        topologies=sum(each.topologies for each in results),
        operations=sum(each.operations for each in results),
        violations=tuple(violation for each in results for violation in each.violations),
        seconds=time.monotonic() - begin,
        answers=sum((Counter(each.answers) for each in results), Counter()),
    )


def _share(examples: int, start: int) -> Result:
    """One worker's part."""
    begin, tried = time.monotonic(), Counter[str]()
    seen = itertools.count()
    violations: list[str] = []
    with workplace() as workshop:

        @seed(start)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # it is made small by attempts and keys, not by numbers
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(topologies(), STEPS)
        def play(topology: Topology, steps: Sequence[Step]) -> None:
            next(seen)
            with workshop.settled(topology) as settled:
                game = Play(settled, settled.plans)
                try:
                    for step in steps:
                        game.take(step)
                except ViolationError as violation:
                    violations.append(_small(workshop, topology, game, str(violation)))
                    raise
                tried.update(game.tried)

        with suppress(ViolationError):
            play()
    operations = sum(number for answer, number in tried.items() if ": " in answer)
    return Result(next(seen), operations, tuple(violations[:1]), time.monotonic() - begin, tried)


def _small(workshop: "Workplace", topology: Topology, game: Play, words: str) -> str:
    """The failure of a play as a small reproduction."""

    def fails(less: Topology, attempts: Sequence[Tried]) -> str | None:
        with workshop.settled(less) as settled:
            try:
                Play(settled, settled.plans).repeat(attempts)
            except ViolationError as violation:
                return str(violation)
        return None

    if fails(topology, game.taken) is None:
        return f"{words}\nin: {described(topology)}"
    small, _, told = smallest(topology, game.taken, fails)
    return f"{told}\nin: {described(small)}"


class Workplace:
    """A folder in which one forge after the other is settled. Their git objects are common: each is written once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = Objects(folder / "objects")
        self._numbers = itertools.count(1)

    @contextmanager
    def settled(self, topology: Topology, weaker: Sequence[Plan] | None = None) -> Iterator[Settled]:
        """The topology on a forge, which is gone afterwards. With `weaker`, those plans stand there and not its own."""
        made, folder = weaker or plans(topology), self.folder / f"forge-{next(self._numbers)}"
        forge = Settled(folder, topology, made, self.objects, moved_default=weaker is not None)
        try:
            yield forge
        finally:
            forge.close()


@contextmanager
def workplace() -> Iterator[Workplace]:
    """A workplace in memory where the machine has room there, else on disk; removed afterwards."""
    where = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="gitops-infra-guarantee-", dir=where) as folder:
        yield Workplace(Path(folder))


def described(topology: Topology) -> str:
    """The topology as users write it, without what is default."""
    return str(topology.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True))
