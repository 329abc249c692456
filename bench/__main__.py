"""`python -m bench [--quick] [--json FILE] [--only CELL]`: every goal, what was measured, and whether it is met.

The exit code is 1 if a goal is missed.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

# `python bench` puts this folder first on the path instead of the one that holds the package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.cells.imports import imports
from bench.cells.programs import programs
from bench.cells.ups import against_bare, against_defaults, calls
from bench.rounds import Goal
from gitops_infra.sandbox.engine import Engine

WITHOUT_ENGINE: dict[str, Callable[..., list[Goal]]] = {"imports": imports, "program": programs}
WITH_ENGINE: dict[str, Callable[..., list[Goal]]] = {
    "bare": against_bare,
    "defaults": against_defaults,
    "calls": calls,
}
DIGITS = {"x": 2, "s": 2, "MB": 1, "ms": 0, "calls": 0}


def main() -> int:
    """Runs the cells; the exit code."""
    parser = argparse.ArgumentParser(prog="bench", description="time, memory and forge calls, as ratios in one run")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every value to FILE")
    cells = [*WITHOUT_ENGINE, *WITH_ENGINE]
    parser.add_argument("--only", choices=cells, action="append", help="only this cell; may be repeated")
    options = parser.parse_args()
    goals: list[Goal] = []
    for name in options.only or cells:
        if name in WITHOUT_ENGINE:
            goals += WITHOUT_ENGINE[name](quick=options.quick)
        else:
            goals += WITH_ENGINE[name](Engine.prepare(), quick=options.quick)
    print(table(goals))
    if options.json:
        rows = [{**dataclasses.asdict(goal), "met": goal.met} for goal in goals]
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(any(goal.met is False for goal in goals))


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


def _shown(value: float, unit: str) -> str:
    return f"{value:.{DIGITS[unit]}f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
