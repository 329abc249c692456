"""Reads a topology from a YAML file: one of its own, or the stack file of a Pulumi project."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops_infra.topology.problems import ROOT, Problem, TopologyError, inside, path
from gitops_infra.topology.secret_shapes import secret_shape, shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

MAX_BYTES = 1024 * 1024
"""Size of a file; a topology of 100 environments has about 30 KB."""
MAX_VALUES = 100_000
"""Values after aliases are expanded; more than a file of that size has without them."""
MAX_DEPTH = 20
"""Levels inside each other; a topology in a stack file has eight. An alias of itself has no end."""
CONFIGURATION_NAME = "topology"
"""Name of the configuration value: `<namespace>:topology`, where the namespace is the project."""

_TOO_DEEP = ("bad-yaml", "it is nested too deeply", "A topology has eight levels; look for an alias inside itself")


class _Document(NamedTuple):
    """What a file says, and on which line each place is."""

    data: Any
    lines: dict[str, int]


def load(file: Path, *, tolerate: Collection[str] = ()) -> Topology:
    """The topology in a YAML file (YAML 1.2, UTF-8, at most 1 MiB).

    The file is a topology, or a stack file (`Pulumi.<stack>.yaml`) whose `config` has one `<namespace>:topology`.
    `tolerate` is as for `validate`. Raises TopologyError with every problem; `where` is `file:line path` as far as the
    place is in the file.
    """
    document = _read(file)
    data, root = _topology_in(document, file)
    try:
        return validate(data, tolerate=tolerate)
    except TopologyError as error:
        problems = [_placed(problem, file, document.lines, root) for problem in error.problems]
    raise TopologyError(problems)


def _topology_in(document: _Document, file: Path) -> tuple[Any, tuple[str, ...]]:
    """The topology, and where in the file it is."""
    data = document.data
    if not isinstance(data, dict) or "config" not in data:
        return data, ()
    config = data["config"]
    keys = [key for key in config if _names_topology(key)] if isinstance(config, dict) else []
    if len(keys) != 1:
        where = f"{file}:{document.lines.get('config', 1)} config"
        found = "there is none" if not keys else f"there are {len(keys)}"
        raise TopologyError(
            [
                Problem(
                    where,
                    "no-topology",
                    f"a stack file has one configuration value `<namespace>:{CONFIGURATION_NAME}`, and {found}",
                    f"Add `gitops-infra:{CONFIGURATION_NAME}:` under `config:`" if not keys else "Keep one of them",
                )
            ]
        )
    value = config[keys[0]]
    if isinstance(value, dict) and set(value) == {"secure"}:
        where = f"{file}:{document.lines.get(path('config', keys[0]), 1)} {path('config', keys[0])}"
        reason = "the topology is encrypted, and a plan that nobody can read cannot be reviewed"
        remedy = "Write it as plain YAML; secrets are named in it by the key of another configuration value"
        raise TopologyError([Problem(where, "encrypted-topology", reason, remedy)])
    return value, ("config", keys[0])


def _names_topology(key: object) -> bool:
    return isinstance(key, str) and key.rpartition(":")[2] == CONFIGURATION_NAME and ":" in key


def _placed(problem: Problem, file: Path, lines: dict[str, int], root: tuple[str, ...]) -> Problem:
    """The problem with file and line: of its place, or of the nearest place around it that the file has."""
    prefix = path(*root) if root else ""
    inner = "" if problem.where == ROOT else problem.where
    place = f"{prefix}.{inner}" if prefix and inner and inner[0] != "[" else prefix + inner
    while place and place not in lines:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return Problem(f"{file}:{lines.get(place, 1)} {problem.where}", problem.code, problem.reason, problem.remedy)


def _read(file: Path) -> _Document:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(file, 0, "not-utf-8", "the file is not UTF-8 text", "Save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise _refused(file, 0, "unreadable-file", f"cannot read it: {reason}", "Correct the path") from None
    if len(content) > MAX_BYTES:
        reason = f"the file is larger than {MAX_BYTES:,} bytes"
        raise _refused(file, 0, "file-too-large", reason, "Split the topology into several stacks")
    return _parse(text, file)


def _parse(text: str, file: Path) -> _Document:
    # Imported here: whoever builds a topology in Python pays nothing for YAML.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            raise _refused(file, 1, "empty-file", "the file says nothing", "Write a topology")
        lines = _lines(node, file)
        data = yaml.constructor.construct_document(node)
    except TopologyError:
        raise
    except RecursionError:
        raise _refused(file, 0, *_TOO_DEEP) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = str(error.problem or error.context or "").partition("\n")[0]
        reason = f"not valid YAML: {told}" if told and not secret_shape(told) else "not valid YAML"
        raise _refused(
            file, mark.line + 1 if mark else 0, "bad-yaml", reason, "Correct it; quotes often help"
        ) from None
    except (YAMLError, ValueError, OverflowError) as error:
        kind = type(error).__name__
        raise _refused(file, 0, "bad-yaml", f"not valid YAML ({kind})", "Correct it; quotes often help") from None
    return _Document(data, lines)


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
            raise _refused(file, line, "too-many-values", "aliases expand to too many values", "Write fewer aliases")
        if depth > MAX_DEPTH:
            raise _refused(file, here.start_mark.line + 1, *_TOO_DEEP)
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


def _refused(file: Path, line: int, code: str, reason: str, remedy: str) -> TopologyError:
    """One problem of the file itself; line 0 where there is no line."""
    return TopologyError([Problem(f"{file}:{line}" if line else str(file), code, reason, remedy)])
