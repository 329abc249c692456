"""The measured matrix as an artefact: every cell as JSON, and one table for each ref as Markdown."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from guarantee.matrix.cells import LEFT_OUT, Cell
from guarantee.matrix.measure import Matrix

FOLDER = "GITOPS_GUARANTEE_OUT"
"""Environment variable with the folder that artefacts are written to."""
FORMAT = 1
"""Of the JSON file; raised when a field changes its meaning."""

_MARKS = {(True, True): "yes", (False, False): "-", (True, False): "**refused**", (False, True): "**ALLOWED**"}
"""(predicted, observed) -> what stands in the table; bold is what must not be."""


def folder(default: Path) -> Path:
    """Where artefacts go: the folder that the environment names, else the default. Made if absent."""
    found = Path(os.environ.get(FOLDER) or default)
    found.mkdir(parents=True, exist_ok=True)
    return found


def write(matrix: Matrix, into: Path) -> tuple[Path, Path]:
    """Writes `matrix-<mode>.json` and `.md` into the folder; their paths."""
    name = f"matrix-{matrix.mode.value}"
    as_json, as_markdown = into / f"{name}.json", into / f"{name}.md"
    as_json.write_text(json.dumps(document(matrix), indent=1) + "\n", encoding="utf-8")
    as_markdown.write_text(markdown(matrix), encoding="utf-8")
    return as_json, as_markdown


def document(matrix: Matrix) -> dict[str, object]:
    """Everything as plain values. No credential is in it."""
    return {
        "format": FORMAT,
        "mode": matrix.mode.value,
        "cells": [asdict(cell) for cell in matrix.cells],
        "mismatches": len(matrix.mismatches),
        "left_out": [
            {"rule": rule, "cells": number, "reason": LEFT_OUT[rule]} for rule, number in matrix.left_out.items()
        ],
        "seconds": round(matrix.seconds, 1),
    }


def markdown(matrix: Matrix) -> str:
    """A page for people: what each actor can do, and which rules stop the others."""
    lines = [
        f"# Who can do what: isolation {matrix.mode.value}",
        "",
        f"{len(matrix.cells)} cells, each predicted from the plan and tried for real; {len(matrix.mismatches)} differ.",
        "`yes` is allowed and `-` refused, both as predicted; bold is a difference.",
        "",
        "Left out:",
        "",
        *(f"- {number} cells: {rule}. {LEFT_OUT[rule]}" for rule, number in matrix.left_out.items()),
    ]
    for (repository, ref), cells in groupby(matrix.cells, key=lambda each: (each.repository, each.ref)):
        lines += ["", f"## {repository} `{ref}`", "", *_table(tuple(cells))]
    return "\n".join(lines) + "\n"


def _table(cells: Sequence[Cell]) -> Iterator[str]:
    """Actors down, operations across; below it what the forge said to those whom it refused."""
    operations = list(dict.fromkeys(cell.operation for cell in cells))
    marks = {(c.actor, c.credential, c.operation): _MARKS[c.predicted, c.observed] for c in cells}
    yield f"| who | {' | '.join(operations)} |"
    yield f"|---|{'---|' * len(operations)}"
    for actor, credential in dict.fromkeys((cell.actor, cell.credential) for cell in cells):
        row = (marks.get((actor, credential, operation), "") for operation in operations)
        yield f"| {actor} ({credential}) | {' | '.join(row)} |"
    yield ""
    for operation in operations:
        said = dict.fromkeys(f"{c.rule} / {c.said}" for c in cells if c.operation == operation and not c.observed)
        if said:
            yield f"- {operation}, refused by (plan / forge): {'; '.join(said)}"
