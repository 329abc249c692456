"""Ref patterns as GitHub reads them: Ruby's `File.fnmatch` with `FNM_PATHNAME`."""

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        at_segment = position == 0 or pattern[position - 1] == "/"
        if at_segment and rest.startswith("**/"):
            parts.append("(?:[^/]+/)*")
            position += 3
        elif rest[0] == "*":
            parts.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif rest[0] == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                return None  # Ruby: an unclosed set matches nothing
            parts.append(_character_set(pattern[position + 1 : end]))
            position = end + 1
        else:
            if rest[0] == "\\" and len(rest) > 1:
                position += 1
            parts.append(re.escape(pattern[position]))
            position += 1
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return None


def _character_set(inside: str) -> str:
    negated = inside[0] in "!^"
    members = "".join("\\" + c if c in "\\[]&|~" else c for c in inside[1 if negated else 0 :])
    return f"(?!/)[{'^' if negated else ''}{members}]"


def fnmatch(pattern: str, text: str) -> bool:
    r"""Whether the pattern matches the whole text.

    `*` and `?` do not match `/`; `**/` matches any number of folders, none included; `[a-z]` and `[!a-z]` match one
    character; `\` takes the next character literally; `{a,b}` is literal. Case counts. A pattern that is not well
    formed matches nothing.
    """
    compiled = _compiled(pattern)
    return compiled is not None and compiled.fullmatch(text) is not None
