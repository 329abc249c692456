"""Reads one YAML file (1.2, UTF-8) of limited size, and knows on which line everything is."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops_infra.topology.problems import Problem, TopologyError, inside
from gitops_infra.topology.secret_shapes import secret_shape, shown

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

MAX_BYTES = 1024 * 1024
"""Size of a file; a topology of 100 environments has about 30 KB."""
MAX_VALUES = 100_000
"""Values after aliases are expanded; more than a file of that size has without them."""
MAX_DEPTH = 20
"""Levels inside each other; a topology in a stack file has eight. An alias of itself has no end."""

TOO_DEEP = ("bad-yaml", "it is nested too deeply", "A topology has eight levels; look for an alias inside itself")
"""Code, reason and remedy."""


class Document(NamedTuple):
    """What a file says, and on which line each place is."""

    data: Any
    lines: dict[str, int]


def read(file: Path) -> Document:
    """The document in a file. Raises TopologyError with what is wrong with the file itself."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused(file, 0, "not-utf-8", "the file is not UTF-8 text", "Save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise refused(file, 0, "unreadable-file", f"cannot read it: {reason}", "Correct the path") from None
    if len(content) > MAX_BYTES:
        reason = f"the file is larger than {MAX_BYTES:,} bytes"
        raise refused(file, 0, "file-too-large", reason, "Split the topology into several stacks")
    return _parse(text, file)


def _parse(text: str, file: Path) -> Document:
    # Imported here: whoever builds a topology in Python pays nothing for YAML.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            raise refused(file, 1, "empty-file", "the file says nothing", "Write a topology")
        lines = _lines(node, file)
        data = yaml.constructor.construct_document(node)
    except TopologyError:
        raise
    except RecursionError:
        raise refused(file, 0, *TOO_DEEP) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = str(error.problem or error.context or "").partition("\n")[0]
        reason = f"not valid YAML: {told}" if told and not secret_shape(told) else "not valid YAML"
        raise refused(file, mark.line + 1 if mark else 0, "bad-yaml", reason, "Correct it; quotes often help") from None
    except (YAMLError, ValueError, OverflowError) as error:
        kind = type(error).__name__
        raise refused(file, 0, "bad-yaml", f"not valid YAML ({kind})", "Correct it; quotes often help") from None
    return Document(data, lines)


def _lines(node: "Node", file: Path) -> dict[str, int]:
    """Place -> line, counted from 1. Refuses duplicate keys and what aliases blow up."""
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    waiting: list[tuple[str, Node, int]] = [("", node, 0)]
    visited = 0
    while waiting:
        outer, here, depth = waiting.pop()
        visited += 1
        if visited > MAX_VALUES:
            line = here.start_mark.line + 1
            raise refused(file, line, "too-many-values", "aliases expand to too many values", "Write fewer aliases")
        if depth > MAX_DEPTH:
            raise refused(file, here.start_mark.line + 1, *TOO_DEEP)
        first_line: dict[str | int, int] = {}
        for part, child, line in _children(here):
            place = inside(outer, part)
            if part in first_line:
                reason = f"key {shown(str(part))} is given twice, first on line {first_line[part]}"
                problems.append(Problem(f"{file}:{line} {place}", "duplicate-key", reason, "Keep one of the two"))
            first_line.setdefault(part, line)
            lines.setdefault(place, line)
            waiting.append((place, child, depth + 1))
    if problems:
        raise TopologyError(problems)
    return lines


def _children(node: Any) -> Iterator[tuple[str | int, "Node", int]]:
    """Key or index, value and line of everything directly inside a YAML node."""
    if node.id == "mapping":
        for key, value in node.value:
            yield str(key.value) if key.id == "scalar" else "?", value, key.start_mark.line + 1
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            yield index, value, value.start_mark.line + 1


def refused(file: Path, line: int, code: str, reason: str, remedy: str) -> TopologyError:
    """One problem of the file itself; line 0 where there is no line."""
    return TopologyError([Problem(f"{file}:{line}" if line else str(file), code, reason, remedy)])
