"""The whole matrix of a world: every actor, every ref, every operation, predicted and tried."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.replica import replica
from guarantee.matrix.cast import Means, cast
from guarantee.matrix.cells import Cell, Question, not_asked, questions
from guarantee.matrix.modes import Mode
from guarantee.matrix.stage import Stage
from guarantee.matrix.trial import Trial
from guarantee.matrix.world import World

WORKERS = 2
"""Copies of the forge that are asked at the same time."""


@dataclass(frozen=True)
class Matrix:
    """What was predicted and what happened in one world."""

    mode: Mode
    cells: tuple[Cell, ...]
    left_out: Mapping[str, int]
    """Rule of `cells.LEFT_OUT` -> how many cells it left out."""
    seconds: float

    @property
    def mismatches(self) -> tuple[Cell, ...]:
        """Cells that did not come as predicted."""
        return tuple(cell for cell in self.cells if not cell.agrees)


def measure(world: World, workers: int = WORKERS) -> Matrix:
    """Tries everything, in copies of the world's forge: that itself stays as it is, but for its clock.

    Raises NotAskedError when the forge did not decide about something.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        copy = stack.enter_context(replica(world.forge))
        means = cast(world, copy)
        forges = [copy, *(stack.enter_context(replica(copy)) for _ in range(workers - 1))]
        cells, left_out = ask(world, forges, means, tuple(questions(world.plan)))
    left_out |= {rule: number * len(means) for rule, number in not_asked(world.plan).items()}
    return Matrix(world.mode, cells, left_out, time.monotonic() - started)


def ask(
    world: World, forges: Sequence[Sandbox], means: Sequence[Means], asked: Sequence[Question]
) -> tuple[tuple[Cell, ...], dict[str, int]]:
    """Cells of the questions, and how many each rule left out. Everything that happens is taken back.

    The forges are equal; each is asked by a thread of its own, one ref of one repository at a time. `means` are those
    of the first.
    """
    groups = [tuple(group) for _, group in groupby(asked, key=lambda each: (each.repository, each.ref))]
    waiting = iter(enumerate(groups))
    cells: dict[int, tuple[Cell, ...]] = {}
    left_out: Counter[str] = Counter()
    guard = threading.Lock()

    def work(forge: Sandbox, folder: Path) -> None:
        own = tuple(each.at(forge) for each in means)
        trials: dict[str, Trial] = {}
        while True:
            with guard:
                number, group = next(waiting, (-1, ()))
            if not group:
                break
            name = group[0].repository
            if name not in trials:
                trials[name] = Trial(world.plan, Stage(world, forge, name, folder), own)
            cells[number] = tuple(trials[name].cells(group))
        with guard:
            for trial in trials.values():
                left_out.update(trial.left_out)

    with tempfile.TemporaryDirectory(prefix="gitops-infra-matrix-") as scratch, ThreadPoolExecutor(len(forges)) as pool:
        running = [pool.submit(work, forge, Path(scratch, f"{n}")) for n, forge in enumerate(forges)]
        for each in running:
            each.result()
    return tuple(cell for number in sorted(cells) for cell in cells[number]), dict(left_out)
