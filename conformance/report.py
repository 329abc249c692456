"""What is printed: a line while it runs, tables at the end."""

from collections import Counter
from collections.abc import Iterable, Sequence

from conformance.documented import Failure, Run
from conformance.modes import Client, Mode
from conformance.output import Outcome
from conformance.scope import TESTS, type_of

WIDTH = 160
"""Characters of a line that quotes an error."""


def line(number: int, run: Run) -> str:
    """One result as it comes: running number, outcome, seconds, test, and the reason unless it passed."""
    result = run.result
    why = "" if result.outcome is Outcome.PASSED else f": {result.headline}"
    return shortened(f"{number:4} {result.outcome:7} {result.seconds:6.1f} s  {result.test}{why}")


def counts(runs: Sequence[Run]) -> str:
    """Resource type x mode x client: passed / failed / skipped. `-` where nothing was run."""
    columns = list(dict.fromkeys((run.mode, run.client) for run in runs))
    counted = Counter((type_of(run.result.test), run.mode, run.client, run.result.outcome) for run in runs)

    def cell(name: str | None, column: tuple[Mode, Client]) -> str:
        names = [name] if name else list(TESTS)
        numbers = [sum(counted[each, *column, outcome] for each in names) for outcome in Outcome]
        return " / ".join(map(str, numbers)) if any(numbers) else "-"

    head = ["passed / failed / skipped", *(f"{mode}, {client}" for mode, client in columns)]
    types = {type_of(run.result.test) for run in runs}
    rows = [[name, *(cell(name, column) for column in columns)] for name in TESTS if name in types]
    return aligned([head, *rows, ["all", *(cell(None, column) for column in columns)]])


def summary(runs: Iterable[Run]) -> str:
    """How many different tests pass somewhere, else fail somewhere, else are skipped wherever they were run."""
    outcomes: dict[str, set[Outcome]] = {}
    for run in runs:
        outcomes.setdefault(run.result.test, set()).add(run.result.outcome)
    best = Counter(min(found, key=list(Outcome).index) for found in outcomes.values())
    return (
        f"{len(outcomes)} tests: {best[Outcome.PASSED]} pass in a mode that was run, "
        f"{best[Outcome.FAILED]} fail, {best[Outcome.SKIPPED]} are skipped by upstream in all of them"
    )


def failed(runs: Iterable[Run], failures: Iterable[Failure]) -> str:
    """Each failure with its first line, and its reason when it is documented."""
    reasons = {(failure.test, mode): failure.reason for failure in failures for mode in failure.modes}
    lines = []
    for run in runs:
        if run.result.outcome is Outcome.FAILED:
            reason = reasons.get((run.result.test, run.mode), "NOT DOCUMENTED")
            lines += [
                f"{run.result.test} ({run.mode}, {run.client})",
                f"    {run.result.headline}",
                f"    {reason}",
            ]
    return "\n".join(lines)


def skipped(runs: Iterable[Run]) -> str:
    """How many results upstream skipped, in which modes, by the reason that it prints."""
    modes: dict[str, list[Mode]] = {}
    for run in runs:
        if run.result.outcome is Outcome.SKIPPED:
            modes.setdefault(run.result.headline, []).append(run.mode)
    rows = [[str(len(found)), ", ".join(dict.fromkeys(found)), reason] for reason, found in sorted(modes.items())]
    return "\n".join(map(shortened, aligned(rows).splitlines()))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, each column as wide as its widest cell."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = (" ".join(cell.ljust(width + 1) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(text.rstrip() for text in padded)


def shortened(text: str) -> str:
    """The text, cut at `WIDTH`."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
