"""Documents (plain dicts) -> YAML text."""

import io
from typing import Any, Self

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import LiteralScalarString

_WIDTH = 4096
"""Columns before a long plain line is folded: never, in practice."""


class Noted(str):
    """A text with a remark that stands beside it as a YAML comment. Equal to the text alone."""

    __slots__ = ("note",)
    note: str

    def __new__(cls, text: str, note: str) -> Self:
        """`text` with `note`, one line."""
        made = super().__new__(cls, text)
        made.note = note
        return made


def to_yaml(document: dict[str, Any], heading: str = "") -> str:
    """The document as YAML 1.2: keys in their order, texts of several lines as literal blocks.

    `heading` becomes comment lines at the top. Equal documents give equal text.
    """
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_node(document), text)
    return "".join(f"# {line}\n" for line in heading.splitlines()) + text.getvalue()


def _node(value: Any) -> Any:
    if isinstance(value, dict):
        mapping = CommentedMap((key, _node(each)) for key, each in value.items())
        for key, each in value.items():
            if isinstance(each, Noted):
                mapping.yaml_add_eol_comment(each.note, key)
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq(_node(each) for each in value)
        for position, each in enumerate(value):
            if isinstance(each, Noted):
                sequence.yaml_add_eol_comment(each.note, position)
        return sequence
    if isinstance(value, str):
        return LiteralScalarString(value) if "\n" in value else str(value)
    return value
