"""Tables as text for a terminal: at most 100 columns, without colour, the same everywhere."""

from collections.abc import Iterable, Sequence
from io import StringIO

from rich.box import Box
from rich.console import Console
from rich.table import Column, Table

WIDTH = 100
RULER = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
"""A line of dashes under the head, and nothing else: it can be read in a log and copied."""


class Page:
    """Lines, tables and lists, one below the other."""

    def __init__(self) -> None:
        self._out = StringIO()
        self._console = Console(
            file=self._out,
            width=WIDTH,
            color_system=None,
            force_terminal=False,
            markup=False,
            highlight=False,
            emoji=False,
        )

    def line(self, text: str) -> None:
        """A line of text, wrapped."""
        self._console.print(text)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table under its head."""
        table = Table(box=RULER, pad_edge=False, show_edge=False)
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def entry(self, text: str) -> None:
        """An entry of a list, whose wrapped lines are indented."""
        grid = Table.grid("mark", Column("line", overflow="fold"), padding=(0, 1))
        grid.add_row(" -", text)
        self._console.print(grid)

    def __str__(self) -> str:
        return "".join(f"{line.rstrip()}\n" for line in self._out.getvalue().splitlines())
