"""What a Go test program writes with `-test.v=test2json`, as results."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

MARK = "\x16"
"""Go puts it before each line of its own, so that nothing a test writes can be taken for one."""

UNFINISHED = "the test program ended before this test did"

_SWITCH = re.compile(r"=== (?:RUN|CONT|NAME|PAUSE) +(\S*)")
_RESULT = re.compile(r"--- (PASS|FAIL|SKIP): (\S+) \((\d+(?:\.\d+)?)s\)")
_PLACE = re.compile(r"^\w+\.go:\d+: ")


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


_OUTCOMES = {"PASS": Outcome.PASSED, "FAIL": Outcome.FAILED, "SKIP": Outcome.SKIPPED}


@dataclass(frozen=True)
class Result:
    """One test, or one part of a test (`Function/part`), that ended."""

    test: str
    outcome: Outcome
    seconds: float
    output: str = ""

    @property
    def function(self) -> str:
        """The name of the test without its part."""
        return self.test.partition("/")[0]

    @property
    def headline(self) -> str:
        """One line that says why: the first error of the provider if there is one, else the first line written."""
        lines = [_PLACE.sub("", line.strip(" \t│╷╵")) for line in self.output.splitlines()]
        lines = [line for line in lines if line]
        errors = (line for line in lines if line.startswith(("Error: ", "panic: ", UNFINISHED)))
        return next(errors, lines[0] if lines else "no output")


@dataclass
class Reader:
    """Takes the lines of one test program and gives a result as soon as a test ends."""

    _output: dict[str, list[str]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    _current: str = ""

    @property
    def stray(self) -> list[str]:
        """Lines that were written outside of any test."""
        return self._output.get("", [])

    def read(self, lines: Iterable[str]) -> Iterator[Result]:
        """Results in the order in which tests end.

        A test with parts stands for itself only when none of its parts explains its failure. What did not end, because
        the program crashed or was stopped, is a failure that says so.
        """
        failed: set[str] = set()
        for line in lines:
            result = self._take(line)
            if result is None:
                continue
            failed |= {result.test} if result.outcome is Outcome.FAILED else set()
            parts = [name for name in self._output if name.startswith(result.test + "/")]
            explained = result.outcome is not Outcome.FAILED or any(part in failed for part in parts)
            if not (parts and explained):
                yield result
        yield from self._unfinished()

    def _take(self, line: str) -> Result | None:
        text, marked, own = line.rstrip("\n").partition(MARK)
        if not marked:
            self._note(text)
            return None
        if text.strip():
            self._note(text)
        own = own.lstrip(MARK + " ")
        if switch := _SWITCH.match(own):
            self._current = switch[1]
            self._output.setdefault(self._current, [])
        elif ended := _RESULT.match(own):
            name = ended[2]
            self._ended.add(name)
            self._current = name
            if rest := own[ended.end() :].strip():  # a panic is written right behind
                self._output.setdefault("", []).append(rest)
            return Result(name, _OUTCOMES[ended[1]], float(ended[3]), "\n".join(self._output.setdefault(name, [])))
        return None

    def _note(self, text: str) -> None:
        self._output.setdefault(self._current, []).append(text)

    def _unfinished(self) -> Iterator[Result]:
        open_tests = [name for name in self._output if name and name not in self._ended]
        why = next(
            (text for lines in self._output.values() for text in lines if text.startswith("panic: ")),
            UNFINISHED,
        )
        for name in open_tests:
            if not any(other.startswith(name + "/") for other in self._output):
                yield Result(name, Outcome.FAILED, 0.0, "\n".join([why, *self._output[name]]))
