"""What is printed."""

from conformance import report
from conformance.documented import Failure, Run
from conformance.modes import Client, Mode
from conformance.output import Outcome, Result

LABEL, FILE = "TestAccGithubIssueLabel/a", "TestAccGithubRepositoryFile/b"
RUNS = [
    Run(Mode.ORGANIZATION, Client.LEGACY, Result(LABEL, Outcome.PASSED, 1.5)),
    Run(Mode.ORGANIZATION, Client.LEGACY, Result(FILE, Outcome.FAILED, 2.0, "    x_test.go:1: Step 1\nError: no\n")),
    Run(Mode.TEAM, Client.NEW, Result(FILE, Outcome.SKIPPED, 0.0, "    x_test.go:2: Skipping as told")),
]


def test_a_line_tells_outcome_time_and_reason() -> None:
    assert report.line(7, RUNS[0]) == f"   7 passed     1.5 s  {LABEL}"
    assert report.line(8, RUNS[1]) == f"   8 failed     2.0 s  {FILE}: Error: no"


def test_the_table_counts_by_type_mode_and_client() -> None:
    assert report.counts(RUNS).splitlines() == [
        "passed / failed / skipped  organization, legacy  team, new",
        "IssueLabel                 1 / 0 / 0             -",
        "RepositoryFile             0 / 1 / 0             0 / 0 / 1",
        "all                        1 / 1 / 0             0 / 0 / 1",
    ]


def test_the_summary_counts_each_test_once_by_the_best_that_it_reached() -> None:
    passed_elsewhere = Run(Mode.TEAM, Client.NEW, Result(LABEL, Outcome.FAILED, 1.0))
    assert report.summary([*RUNS, passed_elsewhere]) == (
        "2 tests: 1 pass in a mode that was run, 1 fail, 0 are skipped by upstream in all of them"
    )


def test_each_failure_has_its_first_line_and_its_reason() -> None:
    assert report.failed(RUNS, [Failure(FILE, (Mode.ORGANIZATION,), "it is refused by name")]).splitlines() == [
        f"{FILE} (organization, legacy)",
        "    Error: no",
        "    it is refused by name",
    ]
    assert report.failed(RUNS, []).splitlines()[-1] == "    NOT DOCUMENTED"


def test_skipped_tests_are_counted_by_upstreams_reason() -> None:
    more = [Run(mode, Client.LEGACY, RUNS[2].result) for mode in (Mode.TEAM, Mode.ENTERPRISE)]
    assert report.skipped([*RUNS, *more]) == "3  team, enterprise  Skipping as told"
    assert report.skipped(RUNS[:2]) == ""


def test_a_long_error_is_cut() -> None:
    text = report.shortened("x" * 500)
    assert (len(text), text[-1]) == (report.WIDTH, "…")
