"""Stack files: whose they are, and how a writer is added to one without touching anything else in it."""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gitops_infra.recovery.pulumi_cli import PROJECT_FILES
from gitops_infra.topology.extends import CONFIGURATION_NAME

_NAME = re.compile(r"Pulumi\.(?P<stack>.+)\.ya?ml")
BESIDE = ("isolation", "name")
"""Keys that the writer is put behind: the first of them that is there."""


class NoStackFile(Exception):  # noqa: N818 - says what is; the name is read in messages
    """The stack file cannot be told. The text says what to give."""


def stack_of(file: Path) -> str | None:
    """`shop` for `Pulumi.shop.yaml`; None for a file of another name."""
    match = _NAME.fullmatch(file.name)
    return None if match is None else match["stack"]


def find(directory: Path, stack: str | None) -> Path:
    """The one stack file of the project that `directory` is in, or that of the stack. Raises NoStackFile."""
    for folder in (directory, *directory.resolve().parents):
        for name in PROJECT_FILES:
            if (folder / name).is_file():
                return _only(_config_folder(folder / name), stack)
    raise NoStackFile(f"{directory} is not in a Pulumi project. Give the stack file with --stack-file")


def _config_folder(project: Path) -> Path:
    """Where the project keeps its stack files. Source: Pulumi, "Project file reference", `stackConfigDir`."""
    try:
        said = _plain(project.read_text(encoding="utf-8"))
    except (OSError, YAMLError, ValueError):
        said = None
    folder = said.get("stackConfigDir") if isinstance(said, dict) else None
    return project.parent / folder if isinstance(folder, str) else project.parent


def _only(folder: Path, stack: str | None) -> Path:
    there = sorted(path for path in folder.glob("Pulumi.*.y*ml") if stack_of(path) is not None)
    wanted = None if stack is None else stack.rpartition("/")[2]
    found = [path for path in there if wanted in (None, stack_of(path))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(stack_of(path)) for path in there)
    if found:
        raise NoStackFile(f"{folder} has files of the stacks {names}. Say which with --stack")
    held = f"those of {names}" if there else "none"
    raise NoStackFile(f"{folder} has no file of {stack or 'a stack'}: it has {held}. Give it with --stack-file")


def writer_of_app(app: int, key: str) -> str:
    """What the environment gets in the topology: one line of YAML."""
    return f"writer: {{app: {app}, key: {key}}}"


def add_writer(file: Path, environment: str, app: int, key: str) -> bool:
    """Writes the writer into the file, wholly or not at all; False where `with_writer` cannot tell. Raises OSError."""
    target = file.resolve()
    with target.open(encoding="utf-8", newline="") as stream:
        text = with_writer(stream.read(), environment, app, key)
    if text is None:
        return False
    # Beside the file, then over it: a half-written stack file would have lost the key that was stored a moment ago.
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=target.parent, prefix=f".{target.name}.", delete=False
    ) as made:
        made.write(text)
    try:
        shutil.copymode(target, made.name)
        Path(made.name).replace(target)
    except BaseException:
        Path(made.name).unlink(missing_ok=True)
        raise
    return True


def with_writer(text: str, environment: str, app: int, key: str) -> str | None:
    """The text of a stack file or topology with the writer in that environment; everything else stays as it is.

    None where it cannot be told for sure: the environment is not in this file, has a writer, or is an alias.
    """
    try:
        node = _environment(YAML(typ="safe", pure=True).compose(text), environment)
        if node is None:
            return None
        pairs = {name.value: value for name, value in node.value}
        anchor = next(pairs[name] for name in BESIDE if name in pairs)
        addition = writer_of_app(app, key)
        if node.flow_style:
            at = anchor.end_mark.index
            made = f"{text[:at]}, {addition}{text[at:]}"
        else:
            made = _after_line(text, anchor.end_mark.line, " " * node.value[0][0].start_mark.column + addition)
        wanted = _plain(text)
        _in_data(wanted, environment)["writer"] = {"app": app, "key": key}
        return made if _plain(made) == wanted and "writer" not in pairs else None
    except (YAMLError, StopIteration, AttributeError, LookupError, TypeError, ValueError):
        return None


def _after_line(text: str, number: int, line: str) -> str:
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines[number].endswith("\r\n") else "\n"
    if not lines[number].endswith(("\n", "\r")):
        lines[number] += ending
    return "".join([*lines[: number + 1], line + ending, *lines[number + 1 :]])


def _plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _environment(root: Any, name: str) -> Any:
    """The node of the environment, or None."""
    config = _value(root, lambda key: key == "config")
    topology = root if config is None else _value(config, _is_topology)
    listed = None if topology is None else _value(topology, lambda key: key == "environments")
    for each in [] if listed is None else listed.value:
        own = _value(each, lambda key: key == "name")
        if own is not None and own.value == name:
            return each
    return None


def _value(node: Any, wanted: Callable[[str], bool]) -> Any:
    """The value of the first key of a mapping node that is wanted, or None."""
    return next((value for key, value in node.value if wanted(key.value)), None)


def _in_data(data: Any, name: str) -> Any:
    topology = data
    if "config" in data:
        topology = next(value for key, value in data["config"].items() if _is_topology(key))
    return next(each for each in topology["environments"] if each["name"] == name)


def _is_topology(key: str) -> bool:
    return str(key).rpartition(":")[2] == CONFIGURATION_NAME
