"""Puts the files that a topology extends under it: shared settings in one file, one stack for each application.

A topology says `extends: <file>`. The path starts at the project's folder, the one with `Pulumi.yaml`, as `main` and
`stackConfigDir` do there. It is the one folder that all know: a program that `pulumi up` runs is told it, but not which
stack file its configuration came from, and from a stack file it is found by going up.
"""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from gitops_infra.topology.merge import Part, merged, part
from gitops_infra.topology.problems import ROOT, Problem, TopologyError, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.translate import found
from gitops_infra.topology.yaml_file import TOO_DEEP, Document, read

EXTENDS = "extends"
"""Key under which a topology names the file that it is laid over."""

CONFIGURATION_NAME = "topology"
"""Name of the configuration value: `<namespace>:topology`, where the namespace is the project."""

MAX_BASES = 5
"""Files below a topology; a company, a department and a team need three."""

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
"""How the file of a Pulumi project may be called. Source: Pulumi, project file reference."""


def project_folder(file: Path) -> Path:
    """The nearest folder above the file, or the folder itself, that holds a Pulumi project; else where the file is."""
    start = file.resolve()
    start = start if start.is_dir() else start.parent
    holds = (folder for folder in (start, *start.parents) if any((folder / name).is_file() for name in PROJECT_FILES))
    return next(holds, start)


def extended(data: object, folder: Path) -> Part:
    """The topology of a stack's configuration with all that it extends below; `folder` is the project's.

    Raises TopologyError.
    """
    try:
        top = part(data, lambda _: "")
    except RecursionError:
        raise TopologyError([Problem(ROOT, *TOO_DEEP)]) from None
    return _extended(top, folder.resolve(), ())


def extended_file(file: Path) -> Part:
    """The topology of a file with all that it extends below. Raises TopologyError."""
    return _extended(_topology_of(file, str(file)), project_folder(file), (file.resolve(),))


def _extended(top: Part, folder: Path, files: tuple[Path, ...]) -> Part:
    layers = [top]
    while (base := _base(layers[-1], folder, files, len(layers))) is not None:
        files = (*files, base)
        layers.append(_mapping(_topology_of(base, str(base.relative_to(folder)))))
    return reduce(merged, reversed([_without_extends(layer) for layer in layers]))


def _mapping(layer: Part) -> Part:
    if not isinstance(layer.value, dict):
        raise TopologyError(
            [
                Problem(
                    layer.said,
                    "wrong-type",
                    f"expected a mapping, found {found(layer.value)}",
                    "Write `key: value` lines",
                )
            ]
        )
    return layer


def _without_extends(layer: Part) -> Part:
    if not isinstance(layer.value, dict):
        return layer
    return Part({key: item for key, item in layer.value.items() if key != EXTENDS}, layer.said)


def _base(layer: Part, folder: Path, files: tuple[Path, ...], depth: int) -> Path | None:
    """The file that the layer extends; None if it extends none."""
    wanted = layer.value.get(EXTENDS) if isinstance(layer.value, dict) else None
    if wanted is None or wanted.value is None:
        return None
    for code, reason, remedy in _refusals(wanted.value, folder, files, depth):
        raise TopologyError([Problem(f"{wanted.said} {EXTENDS}".strip(), code, reason, remedy)])
    return (folder / str(wanted.value)).resolve()


def _refusals(wanted: object, folder: Path, files: tuple[Path, ...], depth: int) -> Iterator[tuple[str, str, str]]:
    """Why that file cannot be extended: code, reason, remedy. The first one counts."""
    if not isinstance(wanted, str):
        what = "a mapping" if isinstance(wanted, dict) else found(wanted)
        yield "wrong-type", f"expected text, found {what}", "Give the path of one file, such as `stacks/base.yaml`"
        return
    try:
        file = (folder / wanted).resolve()
        exists, is_file = file.exists(), file.is_file()
    except (OSError, ValueError, RuntimeError):  # a name that is too long, a NUL, links in a circle
        yield "base-missing", f"{shown(wanted)} is no path", "Give a path such as `stacks/base.yaml`"
        return
    if Path(wanted).is_absolute() or not file.is_relative_to(folder):
        yield (
            "base-outside-of-project",
            f"{shown(wanted)} is outside of the project, and its settings would change without a review of this one",
            "Copy the file into the project, and give its path from the folder of `Pulumi.yaml`",
        )
    elif not is_file:
        reason = "is a folder or no plain file" if exists else "does not exist in the project"
        yield (
            "base-missing",
            f"{shown(wanted)} {reason}",
            "Give its path from the folder of `Pulumi.yaml`, such as `stacks/base.yaml`",
        )
    elif file in files:
        circle = [*files[files.index(file) :], file]
        names = " -> ".join(shown(str(one.relative_to(folder))) for one in circle)
        yield "cyclic-extends", f"files extend each other in a circle: {names}", "Remove `extends` from one of them"
    elif depth > MAX_BASES:
        yield (
            "too-many-bases",
            f"this is base {depth} of one topology, and {MAX_BASES} are the limit",
            "Merge some of the base files",
        )


def _topology_of(file: Path, name: str) -> Part:
    """The topology in a file; places are said as `name:line`."""
    try:
        document = read(file)
    except TopologyError as error:
        problems = error.problems
    else:
        return _located(document, name)
    renamed = [
        Problem(name + problem.where.removeprefix(str(file)), problem.code, problem.reason, problem.remedy)
        for problem in problems
    ]
    raise TopologyError(renamed)


def _located(document: Document, name: str) -> Part:
    data, outer = _topology_in(document, name)
    root = path(*outer) if outer else ""

    def said(place: str) -> str:
        full = f"{root}.{place}" if root and place and place[0] != "[" else root + place
        return f"{name}:{document.lines.get(full, 1)}"

    try:
        return part(data, said)
    except RecursionError:
        raise TopologyError([Problem(name, *TOO_DEEP)]) from None


def _topology_in(document: Document, name: str) -> tuple[Any, tuple[str, ...]]:
    """The topology, and where in the file it is: all of it, or one configuration value of a stack file."""
    data = document.data
    if not isinstance(data, dict) or "config" not in data:
        return data, ()
    config = data["config"]
    keys = [key for key in config if _names_topology(key)] if isinstance(config, dict) else []
    if len(keys) != 1:
        found_keys = "there is none" if not keys else f"there are {len(keys)}"
        raise TopologyError(
            [
                Problem(
                    f"{name}:{document.lines.get('config', 1)} config",
                    "no-topology",
                    f"a stack file has one configuration value `<namespace>:{CONFIGURATION_NAME}`, and {found_keys}",
                    f"Add `gitops-infra:{CONFIGURATION_NAME}:` under `config:`" if not keys else "Keep one of them",
                )
            ]
        )
    value, place = config[keys[0]], path("config", keys[0])
    if isinstance(value, dict) and set(value) == {"secure"}:
        raise TopologyError([encrypted(f"{name}:{document.lines.get(place, 1)} {place}")])
    return value, ("config", keys[0])


def encrypted(where: str) -> Problem:
    """The problem that a topology is an encrypted value."""
    reason = "the topology is encrypted, and a plan that nobody can read cannot be reviewed"
    remedy = "Write it as plain YAML; secrets are named in it by the key of another configuration value"
    return Problem(where, "encrypted-topology", reason, remedy)


def _names_topology(key: object) -> bool:
    return isinstance(key, str) and key.rpartition(":")[2] == CONFIGURATION_NAME and ":" in key
