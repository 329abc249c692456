"""The output of a Go test program becomes results. The samples are what Go 1.26 wrote."""

from conformance.output import Outcome, Reader, Result

V = "\x16"
NOBODY = f"{V}=== NAME  "
PARALLEL = f"""\
{V}=== RUN   TestParts
{V}=== PAUSE TestParts
{NOBODY}
{V}=== CONT  TestParts
{V}=== RUN   TestParts/good_one
{V}=== PAUSE TestParts/good_one
{V}=== NAME  TestParts
{V}=== RUN   TestParts/bad
{V}=== PAUSE TestParts/bad
{V}=== CONT  TestParts/good_one
{V}=== CONT  TestParts/bad
    x_test.go:4: Step 1/1 error: exit status 1

        Error: POST http://127.0.0.1/repos: 422 no
          with x
{V}=== NAME  TestParts/good_one
not the end of a line{V}--- PASS: TestParts/good_one (0.25s)
{V}--- FAIL: TestParts/bad (12.50s)
{V}--- FAIL: TestParts (12.51s)
"""
ALONE = f"""\
{V}=== RUN   TestAlone
    x_test.go:4: Skipping as test mode is not enterprise
{V}--- SKIP: TestAlone (0.00s)
{NOBODY}
{V}=== RUN   TestOwn
{V}=== RUN   TestOwn/fine
{V}--- PASS: TestOwn/fine (0.00s)
{V}=== NAME  TestOwn
    x_test.go:5: after
{V}--- FAIL: TestOwn (0.00s)
"""
PANIC = f"""\
{V}=== RUN   TestWaits
{V}=== PAUSE TestWaits
{NOBODY}
{V}=== RUN   TestPanic
{V}=== RUN   TestPanic/x
{V}--- FAIL: TestPanic/x (0.00s)
{V}--- FAIL: TestPanic (0.00s)panic: boom [recovered, repanicked]

goroutine 24 [running]:
"""


def read(text: str) -> list[Result]:
    return list(Reader().read(text.splitlines(keepends=True)))


def summary(text: str) -> list[tuple[str, str, float]]:
    return [(result.test, result.outcome, result.seconds) for result in read(text)]


def test_parts_that_ran_at_the_same_time_keep_their_outcome_and_output() -> None:
    assert summary(PARALLEL) == [("TestParts/good_one", "passed", 0.25), ("TestParts/bad", "failed", 12.5)]
    good, bad = read(PARALLEL)
    assert good.output == "not the end of a line"
    assert bad.output.startswith("    x_test.go:4: Step 1/1 error")


def test_the_headline_is_the_providers_error_and_else_the_first_line() -> None:
    assert read(PARALLEL)[1].headline == "Error: POST http://127.0.0.1/repos: 422 no"
    assert read(ALONE)[0].headline == "Skipping as test mode is not enterprise"
    assert Result("x", Outcome.FAILED, 0.0).headline == "no output"


def test_a_test_stands_for_itself_when_no_part_explains_it() -> None:
    assert summary(ALONE) == [
        ("TestAlone", "skipped", 0.0),
        ("TestOwn/fine", "passed", 0.0),
        ("TestOwn", "failed", 0.0),
    ]


def test_what_did_not_end_is_a_failure_that_says_why() -> None:
    """A crash must never look like a shorter list of good results."""
    assert summary(PANIC) == [("TestPanic/x", "failed", 0.0), ("TestWaits", "failed", 0.0)]
    assert read(PANIC)[1].headline == "panic: boom [recovered, repanicked]"
    stopped = read(PARALLEL.partition("not the end")[0])
    assert {result.headline for result in stopped} == {"the test program ended before this test did"}
    assert [result.test for result in stopped] == ["TestParts/good_one", "TestParts/bad"]


def test_a_line_that_a_test_wrote_is_not_taken_for_gos_own() -> None:
    text = f"{V}=== RUN   TestA\n--- PASS: TestB (0.00s)\n{V}--- FAIL: TestA (1.00s)\n"
    assert summary(text) == [("TestA", "failed", 1.0)]


def test_a_result_is_given_before_the_next_line_is_read() -> None:
    """Progress is shown while the tests run."""
    lines = iter(ALONE.splitlines())
    assert next(Reader().read(lines)).test == "TestAlone"
    assert next(lines) == NOBODY
