"""The failures that are known, each with its reason: one data file, which docs/sandbox.md shows."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from conformance.modes import Client, Mode
from conformance.output import Outcome, Result

FILE = Path(__file__).parent / "failures.toml"


@dataclass(frozen=True)
class Failure:
    """A test that fails, with both clients, in `modes`; `reason` says why it may."""

    test: str
    modes: tuple[Mode, ...]
    reason: str


@dataclass(frozen=True)
class Run:
    """One result and where it was obtained."""

    mode: Mode
    client: Client
    result: Result


def load(path: Path = FILE) -> tuple[Failure, ...]:
    """The documented failures. Raises ValueError for a mode that does not exist and a test that is listed twice."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("failure", [])
    failures = tuple(
        Failure(entry["test"], tuple(Mode(mode) for mode in entry["modes"]), entry["reason"]) for entry in entries
    )
    names = [failure.test for failure in failures]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: listed twice: {', '.join(twice)}")
    return failures


def surprises(runs: Iterable[Run], failures: Iterable[Failure]) -> list[str]:
    """One sentence for each failure that is not documented, and for each documented one that passes; none: all well.

    A documented failure that was not run, or that was skipped, is no surprise.
    """
    known = {(failure.test, mode) for failure in failures for mode in failure.modes}
    sentences = []
    for run in runs:
        place = f"{run.result.test} ({run.mode}, {run.client} client)"
        listed = (run.result.test, run.mode) in known
        if run.result.outcome is Outcome.FAILED and not listed:
            sentences.append(f"{place} failed: {run.result.headline}")
        elif run.result.outcome is Outcome.PASSED and listed:
            sentences.append(f"{place} passes now: take it out of {FILE.name} and docs/sandbox.md")
    return sentences
