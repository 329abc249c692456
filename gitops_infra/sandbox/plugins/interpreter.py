"""Which Python runs a program, and what is installed beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.plugins import installed

# What the language host does with the `runtime.options` of Pulumi.yaml.
KNOWN_OPTIONS = {"virtualenv", "toolchain"}
TOOLCHAINS = {"pip", "uv"}

_ANSWER_SECONDS = 60


class OptionError(ValueError):
    """A runtime option of Pulumi.yaml that cannot be honoured: which, why, and the remedy."""


@dataclass(frozen=True)
class Installed:
    """One installed package; `needed` if another installed package requires it."""

    name: str
    version: str
    needed: bool


def choose(options: Mapping[str, Any], root: Path) -> Path:
    """The interpreter for a project at `root`.

    `virtualenv` names an environment, relative to the project. With `toolchain: uv` it is `UV_PROJECT_ENVIRONMENT` or
    `.venv`, if there. Without either it is the interpreter that runs gitops-infra, whatever the toolchain.

    Raises OptionError for an option that is not implemented, and for a virtual environment that does not exist.
    """
    unknown = sorted(set(options) - KNOWN_OPTIONS)
    if unknown:
        raise OptionError(
            f"Pulumi.yaml: runtime option {unknown[0]!r} is not implemented by the sandbox's language host. "
            f"Remove it, or use the official Pulumi CLI"
        )
    toolchain = options.get("toolchain", "pip")
    if toolchain not in TOOLCHAINS:
        raise OptionError(
            f"Pulumi.yaml: toolchain {toolchain!r} is not implemented by the sandbox's language host. "
            f"Use pip or uv, with the option virtualenv naming the environment, or use the official Pulumi CLI"
        )
    if named := options.get("virtualenv"):
        python = root / str(named) / "bin" / "python"
        if not python.exists():
            raise OptionError(
                f"Pulumi.yaml: there is no virtual environment {root / str(named)}. "
                f"Make it with: python -m venv {named} and install the project's requirements, "
                f"or remove the option virtualenv to use {sys.executable}"
            )
        return python
    if toolchain == "uv":
        python = root / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv") / "bin" / "python"
        if python.exists():
            return python
    return Path(sys.executable)


def packages(python: Path) -> list[Installed]:
    """Everything installed beside an interpreter, by name."""
    return [Installed(*row) for row in _ask(python, "packages")]


def plugins(python: Path) -> list[dict[str, Any]]:
    """The plugins that the installed SDK packages ask for: their `pulumi-plugin.json` files."""
    return [row for row in _ask(python, "plugins") if row.get("resource", True) and row.get("name")]


def version(python: Path) -> str:
    """The interpreter's own version, such as `3.11.9`."""
    return str(_ask(python, "version"))


def _ask(python: Path, question: str) -> Any:
    """The answer of `installed`. The engine asks in each command and without a limit of time."""
    if python == Path(sys.executable):
        return installed.QUESTIONS[question]()
    command = [str(python), "-P", installed.__file__, question]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=_ANSWER_SECONDS
    )
    return json.loads(done.stdout)
