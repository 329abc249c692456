"""How long the Python program takes, and how much memory: ours against the one by hand."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rounds import Goal, difference, interleaved, ratio, tell, unsettled

ROOT = Path(__file__).parents[2]
MEGABYTE = 1e6
CONTESTANTS = ("ours", "bare")
LARGE, SMALL = (30, 100), 3
MOST_RATIO, MOST_SECONDS, MOST_MEGABYTES = 1.10, 0.20, 20.0


@dataclass(frozen=True)
class Run:
    """One run of one program, in seconds and bytes; `cpu` is user and system time."""

    wall: float
    cpu: float
    peak: int
    registered: int


@contextmanager
def interpreter() -> Iterator[dict[str, str]]:
    """The environment of a fresh interpreter with compiled modules in a place of their own, as after an installation.

    Without them each run would compile every SDK anew, on both sides, and hide the difference.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-bench-") as cache:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        # `github_provider` wants a credential; nothing is called with it.
        yield {**kept, "PYTHONPYCACHEPREFIX": cache, "GITHUB_TOKEN": "not-used"}


def programs(*, quick: bool) -> list[Goal]:
    """Ratios at the large sizes, differences at the small one."""
    goals: list[Goal] = []
    with interpreter() as environment:
        for contestant in CONTESTANTS:
            tell(f"program: warm-up, {contestant}")
            run(contestant, SMALL, environment)
        for size in (SMALL, *LARGE):
            goals += _small(environment, quick=quick) if size == SMALL else _large(size, environment, quick=quick)
    return goals


def run(contestant: str, environments: int, environment: dict[str, str]) -> Run:
    """One run in a fresh process, from its start to its end. Raises CalledProcessError with what it wrote."""
    command = [sys.executable, "-m", "bench.child", contestant, str(environments)]
    with tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    told = json.loads(text.splitlines()[-1])
    return Run(wall, usage.ru_utime + usage.ru_stime, told["peak"], told["registered"])


def _runs(size: int, rounds: int, environment: dict[str, str]) -> dict[str, list[Run]]:
    contestants = {name: (lambda name=name: run(name, size, environment)) for name in CONTESTANTS}
    found = interleaved(contestants, rounds, cell=f"program, {size} environments")
    counts = {one.registered for runs in found.values() for one in runs}
    if len(counts) != 1:
        raise RuntimeError(f"the contestants registered different numbers of resources: {sorted(counts)}")
    return found


def _large(size: int, environment: dict[str, str], *, quick: bool) -> list[Goal]:
    rounds = 3 if quick else 5
    found = _runs(size, rounds, environment)
    if unsettled(*_column(found, "wall"), MOST_RATIO):
        tell(f"program, {size} environments: unsettled, as many rounds again")
        again = _runs(size, rounds, environment)
        found = {name: [*found[name], *again[name]] for name in found}
    where = f"program, {size} environments ({found['ours'][0].registered} resources)"
    goals = [
        Goal(f"{where}: wall time, ours / bare", ratio(*_column(found, "wall")), MOST_RATIO, values=_values(found)),
        Goal(f"{where}: processor time, ours / bare", ratio(*_column(found, "cpu")), None),
        Goal(f"{where}: peak memory, ours / bare", ratio(*_column(found, "peak")), MOST_RATIO),
    ]
    goals[0] = _noted(goals[0], found)
    return goals


def _small(environment: dict[str, str], *, quick: bool) -> list[Goal]:
    found = _runs(SMALL, 5 if quick else 9, environment)
    where = f"program, {SMALL} environments ({found['ours'][0].registered} resources)"
    ours, bare = _column(found, "peak")
    seconds = difference(*_column(found, "wall"))
    return [
        _noted(Goal(f"{where}: wall time, ours - bare", seconds, MOST_SECONDS, "s", values=_values(found)), found),
        Goal(f"{where}: processor time, ours - bare", difference(*_column(found, "cpu")), None, "s"),
        Goal(f"{where}: peak memory, ours - bare", difference(ours, bare) / MEGABYTE, MOST_MEGABYTES, "MB"),
    ]


def _column(found: dict[str, list[Run]], name: str) -> tuple[list[float], list[float]]:
    ours, bare = ([float(getattr(one, name)) for one in found[contestant]] for contestant in CONTESTANTS)
    return ours, bare


def _values(found: dict[str, list[Run]]) -> dict[str, list[float]]:
    return {name: [one.wall for one in runs] for name, runs in found.items()}


def _noted(goal: Goal, found: dict[str, list[Run]]) -> Goal:
    walls = {name: sorted(one.wall for one in runs)[len(runs) // 2] for name, runs in found.items()}
    note = ", ".join(f"{name} {wall:.2f} s" for name, wall in walls.items())
    return Goal(goal.name, goal.measured, goal.limit, goal.unit, note, goal.values)
