"""CODEOWNERS: who owns a changed path.

Source: GitHub, "About code owners": the last matching line wins, a line without owners owns nothing, `*` does not
match `/`, and `docs/*` means the files directly in `docs` only.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitops_infra.sandbox.forge.git.bare import BareRepository

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where the file may lie; the first that exists counts."""

OWNER = re.compile(r"@[\w-]+(/[\w.-]+)?|[^@\s]+@[^@\s]+")
"""`@login`, `@org/team` or a mail address."""


@dataclass(frozen=True)
class Line:
    """A line of the file: pattern and owners (`@login`, `@org/team`, or a mail address)."""

    pattern: re.Pattern[str]
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Something in the file that GitHub complains about, with its line and column, counted from 1."""

    line: int
    column: int
    kind: str
    """`Invalid pattern`, `Invalid owner` or `Unknown owner`."""
    source: str
    """The line as it stands in the file."""
    suggestion: str | None


def find(git: BareRepository, revision: str) -> tuple[str, str] | None:
    """Path and text of the file that counts at a revision; None without one."""
    for location in LOCATIONS:
        content = git.file(revision, location)
        if content is not None:
            return location, content.decode("utf-8", "replace")
    return None


def read(git: BareRepository, revision: str) -> list[Line]:
    """The lines of the file at a revision; none without a file. Lines that GitHub cannot read are skipped."""
    found = find(git, revision)
    return [] if found is None else parse(found[1])


def parse(text: str) -> list[Line]:
    """The readable lines of a CODEOWNERS file."""
    result = []
    for _, words in _words(text):
        names = [word for _, word in words]
        if not _readable(names[0]) or not all("@" in name for name in names[1:]):
            continue
        result.append(Line(pattern(names[0].replace("\\ ", " ")), tuple(names[1:])))
    return result


def problems(text: str, suggestion: Callable[[str], str | None]) -> list[Problem]:
    """What GitHub finds wrong in the file, in order. `suggestion` says what an owner (`@name`) lacks, or None."""
    lines = text.splitlines()
    found = []
    for number, words in _words(text):
        source = lines[number - 1]
        (column, pattern), *named = words
        if not _readable(pattern):
            found.append(Problem(number, column, "Invalid pattern", source, None))
            continue
        for place, owner in named:
            if not OWNER.fullmatch(owner):
                found.append(Problem(number, place, "Invalid owner", source, None))
            elif owner.startswith("@") and (lacking := suggestion(owner)) is not None:
                found.append(Problem(number, place, "Unknown owner", source, lacking))
    return found


def _words(text: str) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """Number of each line that is not empty, and its words with their columns, comments left out."""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*", "", raw)
        words = [(match.start() + 1, match[0]) for match in re.finditer(r"(?:\\.|\S)+", line)]
        if words:
            yield number, words


def _readable(pattern: str) -> bool:
    return not pattern.startswith("!") and "[" not in pattern and "***" not in pattern


def owners(lines: Sequence[Line], path: str) -> tuple[str, ...]:
    """The owners of a path: those of the last line that matches it."""
    return next((line.owners for line in reversed(lines) if line.pattern.fullmatch(path)), ())


def owner_groups(lines: Sequence[Line], paths: Iterable[str]) -> list[tuple[str, ...]]:
    """The different sets of owners of the paths, unowned ones left out."""
    return list(dict.fromkeys(found for path in paths if (found := owners(lines, path))))


def pattern(text: str) -> re.Pattern[str]:
    """What matches the whole of each path that a line with this pattern is about; a folder means all that is in it."""
    folder_only = text.endswith("/")
    inner = text.strip("/")
    anchored = text.startswith("/") or "/" in inner
    parts = []
    position = 0
    while position < len(inner):
        if inner.startswith("**/", position) and (position == 0 or inner[position - 1] == "/"):
            parts.append("(?:[^/]+/)*")
            position += 3
        elif inner.startswith("**", position):
            parts.append(".*")
            position += 2
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(inner[position]) or re.escape(inner[position]))
            position += 1
    beginning = "" if anchored else "(?:.*/)?"
    last = inner.rsplit("/", 1)[-1]
    below = "/.*" if folder_only else "" if anchored and last == "*" else "(?:/.*)?"
    return re.compile(beginning + "".join(parts) + below, re.DOTALL)
