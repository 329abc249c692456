"""What the demo prints."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from gitops_infra.sandbox.demo.observe import Cell

LOG_WIDTH = 140


class Screen:
    """Numbered chapters with timed steps, for a terminal or a log."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = LOG_WIDTH  # the rows of a log are not cut at 80 columns
        self.started = time.monotonic()
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """The next heading."""
        self._chapter += 1
        self.console.print(f"\n[bold]{self._chapter}. {title}[/bold]")

    def say(self, text: str) -> None:
        """A line below the heading."""
        self.console.print(f"   {text}", markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Times what happens inside; what is appended to the list ends up on its line."""
        started, notes = time.monotonic(), list[str]()
        try:
            yield notes
        except BaseException:
            self.console.print(f"   [red]failed[/red]  {title}")
            raise
        took = f"{time.monotonic() - started:.1f} s"
        self.console.print(f"   [green]ok[/green] {title}{': ' if notes else ''}{'; '.join(notes)} [dim]({took})[/dim]")

    def cells(self, cells: Iterable[Cell]) -> None:
        """One row for each actor and branch, one column for each operation: what happened, if as predicted."""
        rows: dict[tuple[str, str], dict[str, str]] = {}
        operations: dict[str, None] = {}
        for cell in cells:
            ref = cell.ref.removeprefix("refs/heads/")
            row = rows.setdefault((str(cell.actor), f"{cell.repository.partition('/')[2]} {ref}"), {})
            row[cell.operation.value] = _verdict(cell)
            operations.setdefault(cell.operation.value)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in ("   actor", "repository and branch", *operations):
            table.add_column(title)
        for (actor, target), row in rows.items():
            table.add_row(f"   {actor}", target, *(row.get(operation, "") for operation in operations))
        self.console.print(table, soft_wrap=True)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started


def _verdict(cell: Cell) -> str:
    if not cell.agrees:
        predicted = "allowed" if cell.predicted else "refused"
        return f"[red]WRONG: predicted {predicted}[/red]"
    return "[green]allowed[/green]" if cell.observed.allowed else "refused"
