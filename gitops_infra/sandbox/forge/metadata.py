"""Metadata rules: what names, messages and mail addresses have to look like.

Source: GitHub, "Available rules for rulesets", metadata restrictions, which only the Enterprise plan has.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "regex": lambda text, pattern: re.search(pattern, text) is not None,
}
"""`operator` -> whether the text fits the pattern. GitHub's regular expressions are RE2, these are Python's."""

SUBJECTS: Mapping[str, str] = {
    "branch_name_pattern": "Branch name",
    "tag_name_pattern": "Tag name",
    "commit_message_pattern": "Commit message",
    "commit_author_email_pattern": "Commit author email",
    "committer_email_pattern": "Committer email",
}
"""Rule type -> what it looks at, as a refused push names it."""

_WORDS = {
    "starts_with": "start with a matching pattern",
    "ends_with": "end with a matching pattern",
    "contains": "contain a matching pattern",
    "regex": "match a given regex pattern",
}


def fits(parameters: Mapping[str, Any], text: str) -> bool:
    """Whether the text is as the rule wants it."""
    return OPERATORS[parameters["operator"]](text, parameters["pattern"]) is not bool(parameters.get("negate"))


def sentence(kind: str, parameters: Mapping[str, Any]) -> str:
    """What a refused push is told. GitHub's exact words are not confirmed."""
    must = "must not" if parameters.get("negate") else "must"
    return f"{SUBJECTS[kind]} {must} {_WORDS[parameters['operator']]}: {parameters['pattern']}"


def fault(kind: str, parameters: Mapping[str, Any]) -> str | None:
    """What is wrong with the parameters of a metadata rule taken together; None for any other rule."""
    if kind in SUBJECTS and parameters.get("operator") == "regex":
        try:
            re.compile(str(parameters.get("pattern")))
        except re.error:
            return "Invalid parameter pattern: is not a regular expression"
    return None
