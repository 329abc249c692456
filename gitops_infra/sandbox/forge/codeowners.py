"""CODEOWNERS: who owns a changed path.

Source: GitHub, "About code owners": the last matching line wins, a line without owners owns nothing, `*` does not
match `/`, and `docs/*` means the files directly in `docs` only.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitops_infra.sandbox.forge.git.bare import BareRepository

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where the file may lie; the first that exists counts."""


@dataclass(frozen=True)
class Line:
    """A line of the file: pattern and owners (`@login`, `@org/team`, or a mail address)."""

    pattern: re.Pattern[str]
    owners: tuple[str, ...]


def read(git: BareRepository, revision: str) -> list[Line]:
    """The lines of the file at a revision; none without a file. Lines that GitHub cannot read are skipped."""
    for location in LOCATIONS:
        content = git.file(revision, location)
        if content is not None:
            return parse(content.decode("utf-8", "replace"))
    return []


def parse(text: str) -> list[Line]:
    """The readable lines of a CODEOWNERS file."""
    result = []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        words = re.findall(r"(?:\\.|\S)+", line)
        if not words or words[0].startswith("!") or "[" in words[0] or not all("@" in word for word in words[1:]):
            continue
        result.append(Line(_pattern(words[0].replace("\\ ", " ")), tuple(words[1:])))
    return result


def owners(lines: Sequence[Line], path: str) -> tuple[str, ...]:
    """The owners of a path: those of the last line that matches it."""
    return next((line.owners for line in reversed(lines) if line.pattern.fullmatch(path)), ())


def owner_groups(lines: Sequence[Line], paths: Iterable[str]) -> list[tuple[str, ...]]:
    """The different sets of owners of the paths, unowned ones left out."""
    return list(dict.fromkeys(found for path in paths if (found := owners(lines, path))))


def _pattern(text: str) -> re.Pattern[str]:
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
