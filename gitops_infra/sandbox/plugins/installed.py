"""What is installed beside an interpreter: asked of itself, or by `python -P installed.py WHAT` of another one.

It needs nothing but the standard library, for it runs in the project's environment, where gitops-infra may not be
installed.
"""

import importlib.metadata
import json
import platform
import re
import sys
from pathlib import Path
from typing import Any


def packages() -> list[tuple[str, str, bool]]:
    """Name, version, and whether another installed package needs it; by name."""
    needed: set[str] = set()
    rows: dict[str, tuple[str, str]] = {}
    for found in importlib.metadata.distributions():
        rows.setdefault(_key(found.name), (found.name, found.version))
        for requirement in found.requires or []:
            if "extra ==" not in requirement and (name := re.match(r"[\w.-]+", requirement)):
                needed.add(_key(name[0]))
    return [(*row, key in needed) for key, row in sorted(rows.items())]


def plugins() -> list[dict[str, Any]]:
    """The `pulumi-plugin.json` files of the SDK packages."""
    files = [file for entry in sys.path for file in sorted(Path(entry or ".").glob("*/pulumi-plugin.json"))]
    return [json.loads(file.read_text("utf-8")) for file in files]


def version() -> str:
    """Of the interpreter, such as `3.11.9`."""
    return platform.python_version()


QUESTIONS = {"packages": packages, "plugins": plugins, "version": version}


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    json.dump(QUESTIONS[sys.argv[1]](), sys.stdout)
