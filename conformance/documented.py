"""The failures that are known, each with its reason: one data file, which docs/sandbox.md shows."""

import tomllib
from collections.abc import Iterable, Sequence
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


def surprises(runs: Sequence[Run], failures: Iterable[Failure]) -> list[str]:
    """One sentence for each failure that is not documented and each documented one that is none; empty: all is well.

    A documented failure is none when it passes, when upstream skips it, or when its function ran without it.
    """
    known = [(failure.test, mode) for failure in failures for mode in failure.modes]
    sentences = [
        f"{run.result.test} ({run.mode}, {run.client} client) failed: {run.result.headline}"
        for run in runs
        if run.result.outcome is Outcome.FAILED and (run.result.test, run.mode) not in known
    ]
    for test, mode in known:
        ran = [run for run in runs if run.mode is mode and run.result.function == test.partition("/")[0]]
        failing = {run.client for run in ran if run.result.test == test and run.result.outcome is Outcome.FAILED}
        sentences += [
            f"{test} ({mode}, {client} client) fails no longer: take it out of {FILE.name} and docs/sandbox.md"
            for client in dict.fromkeys(run.client for run in ran)
            if client not in failing
        ]
    return sentences
