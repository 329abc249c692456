"""A Pulumi project of a test: a scratch folder that stands for the user's, so that nothing is written there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

FILES = ("Pulumi.yaml", "Pulumi.yml")
FUNCTION_PROJECT = "test"
"""Name of the project of a program function."""

# They name places or accounts of the user's, which a test must not use.
NOT_TAKEN = ("backend", "stackConfigDir", "options")


@dataclass
class Project:
    """Where a stack's files are."""

    folder: Path
    """Of Pulumi.yaml and the stack file."""
    name: str
    stack: str = ""

    @property
    def state(self) -> Path:
        """Folder of the backend."""
        return self.folder / "state"

    @classmethod
    def of(cls, source: Path, folder: Path) -> "Project":
        """The project in `source`, to be run from `folder`. Raises ValueError when it is none, or not in Python."""
        source = source.resolve()
        path = next((source / name for name in FILES if (source / name).is_file()), None)
        if path is None:
            raise ValueError(f"{source} is no Pulumi project: it has no {FILES[0]}")
        document = _load(path)
        runtime = document.get("runtime")
        name, options = (runtime.get("name"), runtime.get("options")) if isinstance(runtime, dict) else (runtime, None)
        if name != "python":
            raise ValueError(f"{path}: runtime {name!r} cannot be tested here: the sandbox runs Python programs")
        document = {key: value for key, value in document.items() if key not in NOT_TAKEN}
        document["main"] = str((source / str(document.get("main", "."))).resolve())
        if options and options.get("virtualenv"):
            document["runtime"]["options"]["virtualenv"] = str(source / options["virtualenv"])
        return cls._written(folder, document)

    @classmethod
    def _written(cls, folder: Path, document: Mapping[str, Any]) -> "Project":
        folder.mkdir(parents=True)
        _dump(folder / FILES[0], document)
        return cls(folder, str(document["name"]))

    def key(self, name: str) -> str:
        """The key in full: `namespace:name`."""
        return name if ":" in name else f"{self.name}:{name}"

    def configure(self, values: Mapping[str, Any]) -> None:
        """Sets values of any shape in the stack file, beside what is there: it holds the salt of the encryption."""
        path = self.folder / f"Pulumi.{self.stack}.yaml"
        document = _load(path) if path.exists() else {}
        present = document.get("config") or {}
        document["config"] = {**present, **{self.key(name): value for name, value in values.items()}}
        _dump(path, document)


def function_project(folder: Path) -> Project:
    """The project of a program that is a function."""
    return Project._written(folder, {"name": FUNCTION_PROJECT, "runtime": "python"})  # noqa: SLF001 - same module


def read_settings(path: Path) -> dict[str, Any]:
    """The `config` of a stack file. Raises ValueError when it cannot be read, or has secrets: their key is not here."""
    if not path.is_file():
        raise ValueError(f"there is no stack file {path}")
    config = _load(path).get("config") or {}
    sealed = sorted(key for key, value in config.items() if isinstance(value, dict) and set(value) == {"secure"})
    if sealed:
        raise ValueError(
            f"{path}: {', '.join(sealed)} can be opened only with the passphrase or key of that stack: "
            f"pass the other values as `config`, and made-up ones for these as `secrets`"
        )
    return dict(config)


def _load(path: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is no mapping")  # noqa: TRY004 - what is wrong is the file, not an argument's type
    return document


def _dump(path: Path, document: Mapping[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(dict(document), file)
