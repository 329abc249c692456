"""`python -m bench [--quick] [--json FILE] [--only CELL]`: every goal, what was measured, and whether it is met.

The exit code is 1 if a goal is missed.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

# `python bench` puts this folder first on the path instead of the one that holds the package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.cells.calls import calls
from bench.cells.clients import clients, parallel
from bench.cells.delivery import delivery
from bench.cells.imports import imports
from bench.cells.lives import SIZES, growth, lives
from bench.cells.programs import programs
from bench.contestants import Bench
from bench.rounds import Goal, tell
from bench.stacks import StepFailed
from gitops_infra.sandbox.cluster.failure import ClusterError
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.toolchain.failure import ToolError

Cell = Callable[..., list[Goal]]
WITHOUT_ENGINE: dict[str, Cell] = {"imports": imports, "program": programs}
WITH_ENGINE: dict[str, Cell] = {
    "calls": calls,
    **{f"lives-{size}": partial(lives, environments=size) for size in SIZES},
    "growth": growth,
    "clients": clients,
    "parallel": parallel,
    "delivery": delivery,
}
LONG = frozenset({"lives-100", "parallel"})
"""Left out by `--quick`."""
DIGITS = {"x": 2, "s": 2, "MB": 1, "kB": 1, "ms": 0, "calls": 1, "e": 2}


def main() -> int:
    """Runs the cells; the exit code."""
    parser = argparse.ArgumentParser(prog="bench", description="time, memory and forge calls, as ratios in one run")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every value to FILE")
    cells = [*WITHOUT_ENGINE, *WITH_ENGINE]
    parser.add_argument("--only", choices=cells, action="append", help="only this cell; may be repeated")
    options = parser.parse_args()
    goals: list[Goal] = []
    try:
        for found in _measured(
            options.only or [cell for cell in cells if not (options.quick and cell in LONG)], options
        ):
            goals += found
            if options.json:
                _write(options.json, goals)
    except (ClusterError, StepFailed, ToolError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(goals))
    return int(any(goal.met is False for goal in goals))


def _measured(cells: Iterable[str], options: argparse.Namespace) -> Iterator[list[Goal]]:
    """What each cell found, as soon as it has."""
    bench: Bench | None = None
    for name in cells:
        tell(f"cell {name}")
        if name in WITHOUT_ENGINE:
            yield WITHOUT_ENGINE[name](quick=options.quick)
        else:
            bench = bench or Bench(Engine.prepare())
            yield WITH_ENGINE[name](bench, quick=options.quick)


def _write(path: Path, goals: list[Goal]) -> None:
    """After each cell, so that what was measured is not lost with a run that is ended."""
    rows = [{**dataclasses.asdict(goal), "met": goal.met} for goal in goals]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def table(goals: list[Goal]) -> str:
    """One line for each goal: name, measured, limit, verdict, note."""
    rows = [("goal", "measured", "limit", "verdict", "medians")]
    verdicts = {True: "met", False: "MISSED", None: "reported"}
    rows += [
        (
            goal.name,
            _shown(goal.measured, goal.unit),
            "" if goal.limit is None else _shown(goal.limit, goal.unit),
            verdicts[goal.met],
            goal.note,
        )
        for goal in goals
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _shown(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.{DIGITS[unit]}f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
