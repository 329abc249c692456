"""The list of known failures is whole, has reasons, and is what the page shows."""

import re
from pathlib import Path

import pytest

from conformance.documented import FILE, Failure, Run, load, surprises
from conformance.modes import Client, Mode
from conformance.output import Outcome, Result
from conformance.scope import TYPE_OF

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"
ROW = re.compile(r"^\| `(?P<test>TestAcc[^|]+)` \| (?P<modes>[a-z, ]+) \| (?P<reason>.+) \|$", re.MULTILINE)
KNOWN = (Failure("TestA/x", (Mode.ORGANIZATION,), "refused by name"),)


def run(test: str, outcome: Outcome, mode: Mode = Mode.ORGANIZATION, client: Client = Client.NEW) -> Run:
    return Run(mode, client, Result(test, outcome, 1.0, "Error: why"))


def test_the_page_lists_exactly_the_documented_failures() -> None:
    rows = [(row["test"], row["modes"], row["reason"]) for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))]
    assert rows == [(known.test, ", ".join(known.modes), known.reason) for known in load()]


@pytest.mark.parametrize("failure", load(), ids=lambda failure: failure.test)
def test_every_documented_failure_is_of_a_test_that_is_run_and_has_a_reason(failure: Failure) -> None:
    assert failure.test.partition("/")[0] in TYPE_OF
    assert failure.modes
    assert len(failure.reason.split()) >= 5
    assert "|" not in failure.reason


def test_all_that_is_as_documented_is_no_surprise() -> None:
    runs = [run("TestA/x", Outcome.FAILED), run("TestB", Outcome.PASSED), run("TestC", Outcome.SKIPPED)]
    assert surprises(runs, KNOWN) == []
    assert surprises([run("TestB", Outcome.PASSED)], KNOWN) == []
    assert surprises([run("TestA/y", Outcome.PASSED, Mode.TEAM)], KNOWN) == []


def test_a_failure_that_is_not_documented_is_a_surprise_also_of_a_documented_test_in_another_mode() -> None:
    runs = [run("TestB", Outcome.FAILED), run("TestA/x", Outcome.FAILED, Mode.TEAM)]
    assert surprises(runs, KNOWN) == [
        "TestB (organization, new client) failed: Error: why",
        "TestA/x (team, new client) failed: Error: why",
    ]


@pytest.mark.parametrize(
    "runs",
    [
        [run("TestA/x", Outcome.PASSED)],
        [run("TestA/x", Outcome.SKIPPED)],
        [run("TestA/y", Outcome.PASSED)],
        [run("TestA/y", Outcome.PASSED), run("TestA/x", Outcome.FAILED, client=Client.LEGACY)],
    ],
    ids=["passes", "skipped", "gone", "passes with one client"],
)
def test_a_documented_failure_that_is_none_is_a_surprise(runs: list[Run]) -> None:
    assert surprises(runs, KNOWN) == [
        f"TestA/x (organization, new client) fails no longer: take it out of {FILE.name} and docs/sandbox.md"
    ]


def test_a_test_may_be_listed_once(tmp_path: Path) -> None:
    entry = '[[failure]]\ntest = "TestA"\nmodes = ["team"]\nreason = "so"\n'
    file = tmp_path / "failures.toml"
    file.write_text(entry)
    assert load(file) == (Failure("TestA", (Mode.TEAM,), "so"),)
    file.write_text(entry * 2)
    with pytest.raises(ValueError, match="listed twice: TestA"):
        load(file)
