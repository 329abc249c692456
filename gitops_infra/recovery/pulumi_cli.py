"""Calls of the `pulumi` command."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

TAIL = 12
STACKS = 100
"""Stacks that are read when another one is looked for."""
PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")


class PulumiFailed(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """A call did not succeed. The text holds the call and Pulumi's own last lines."""


@dataclass(frozen=True)
class Pulumi:
    """`pulumi` on one stack of the project in `directory`."""

    directory: Path
    stack: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard output of a non-interactive call. Raises PulumiFailed."""
        command = shutil.which("pulumi", path=self.environment.get("PATH"))
        if command is None:
            raise PulumiFailed("there is no `pulumi` on PATH; install it, or put the sandbox's on PATH")
        done = subprocess.run(
            [command, *arguments, "--non-interactive", "--color", "never"],
            cwd=self.directory,
            env={**self.environment, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise PulumiFailed("\n".join([f"`pulumi {' '.join(arguments)}` failed:", *_telling(lines)]))
        return done.stdout

    def on_stack(self, *arguments: str, stdin: str | None = None) -> str:
        """As `run`, with `--stack`."""
        return self.run(*arguments, "--stack", self.stack, stdin=stdin)

    def export(self) -> dict[str, Any]:
        """The exported stack; secrets stay encrypted. Raises PulumiFailed."""
        document: dict[str, Any] = json.loads(self.on_stack("stack", "export"))
        return document

    def export_with_secrets(self) -> dict[str, Any]:
        """The same with secrets in plain text: for memory alone, never for a file. Raises PulumiFailed."""
        document: dict[str, Any] = json.loads(self.on_stack("stack", "export", "--show-secrets"))
        return document

    def others(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """`project/stack` and export of each other stack of the backend, 100 at most. Raises PulumiFailed."""
        project, own = self.project(), self.stack.rpartition("/")[2]
        for entry in json.loads(self.run("stack", "ls", "--all", "--json"))[:STACKS]:
            name = str(entry.get("name"))
            # A stack of the project that one is in is listed by its bare name.
            full = "/".join([project, *name.split("/")][-2:])
            if full != f"{project}/{own}":
                yield full, json.loads(self.run("stack", "export", "--stack", name))

    def import_file(self, file: Path) -> None:
        """`pulumi import` of a file, unprotected and without generated code. Raises PulumiFailed."""
        flags = ("--yes", "--skip-preview", "--protect=false", "--generate-code=false")
        self.on_stack("import", "--file", str(file), *flags)

    def backend(self) -> str:
        """Address of the backend that is logged in to. Raises PulumiFailed."""
        return str(json.loads(self.run("whoami", "--json")).get("url", ""))

    def project(self) -> str:
        """Name of the project that `directory` is in. Raises PulumiFailed."""
        for folder in (self.directory, *self.directory.resolve().parents):
            for name in PROJECT_FILES:
                if (folder / name).is_file():
                    return _project_name(folder / name)
        raise PulumiFailed(f"{self.directory} is not in a Pulumi project: no Pulumi.yaml in it or above it")


def _telling(lines: list[str]) -> list[str]:
    """The lines that name an error, else the last ones: outputs of the stack can be long, and stand at the end."""
    errors = [line.strip() for line in lines if "error: " in line]
    return list(dict.fromkeys(errors))[:TAIL] or lines[-TAIL:]


def _project_name(path: Path) -> str:
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        raise PulumiFailed(f"{path} cannot be read: {type(error).__name__}") from None
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(name, str):
        raise PulumiFailed(f"{path} has no `name`")
    return name
