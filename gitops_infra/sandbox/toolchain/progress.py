"""Shows what is being built and for how long: a spinner on a terminal, a plain line every ten seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

Tick = Callable[[str], None]
"""Called often while a step runs, with a detail such as Go's last line; may do nothing."""

_EVERY = 10.0
_MINUTE = 60.0


class Progress(Protocol):
    """Where the toolchain tells what it does."""

    def say(self, line: str) -> None:
        """Shows one line for good."""

    def step(self, title: str, expected: float) -> AbstractContextManager[Tick]:
        """Shows a running step; `expected` is in seconds, 0 if unknown."""


class Silent:
    """Shows nothing."""

    def say(self, line: str) -> None:
        """Drops the line."""

    @contextmanager
    def step(self, title: str, expected: float) -> Iterator[Tick]:  # noqa: ARG002  the protocol's signature
        """Runs the step unseen."""
        yield lambda _detail: None


class Plain:
    """Lines for logs: one when a step starts, one every ten seconds, one when it ends."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock

    def say(self, line: str) -> None:
        """Writes the line at once."""
        print(line, file=self._stream, flush=True)

    @contextmanager
    def step(self, title: str, expected: float) -> Iterator[Tick]:
        """Tells start, progress and end of one step."""
        started = shown = self._clock()
        self.say(title + (f" (about {duration(expected)})" if expected else ""))

        def tick(_detail: str) -> None:
            nonlocal shown
            now = self._clock()
            if now - shown >= _EVERY:
                shown = now
                self.say(f"{title}: {elapsed(now - started, expected)}")

        try:
            yield tick
        except BaseException:
            self.say(f"{title}: stopped after {duration(self._clock() - started)}")
            raise
        self.say(f"{title}: done in {duration(self._clock() - started)}")


class Terminal:
    """A spinner with title, elapsed and expected time."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  rich costs 60 ms, only a terminal needs it

        self._console = Console(stderr=True)

    def say(self, line: str) -> None:
        """Prints the line above the spinner."""
        self._console.print(line, markup=False, highlight=False)

    @contextmanager
    def step(self, title: str, expected: float) -> Iterator[Tick]:
        """Spins until the step ends, then leaves one line."""
        from rich.markup import escape  # noqa: PLC0415  as above

        started = time.monotonic()
        with self._console.status(escape(title)) as status:

            def tick(detail: str) -> None:
                tail = f"  [dim]{escape(detail[:60])}[/dim]" if detail else ""
                status.update(f"{escape(title)}: {elapsed(time.monotonic() - started, expected)}{tail}")

            yield tick
        self.say(f"{title}: done in {duration(time.monotonic() - started)}")


def default_progress() -> Progress:
    """A spinner if standard error is a terminal, plain lines otherwise."""
    return Terminal() if sys.stderr.isatty() else Plain(sys.stderr)


def elapsed(seconds: float, expected: float) -> str:
    """`1:20 of about 4:36`, or `1:20` if nothing is expected."""
    return duration(seconds) + (f" of about {duration(expected)}" if expected else "")


def duration(seconds: float) -> str:
    """`42 s`, or `4:36 min` from one minute on."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{int(seconds // _MINUTE)}:{int(seconds % _MINUTE):02d} min"
