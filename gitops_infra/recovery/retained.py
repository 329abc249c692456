"""What a destroy kept: the stack's output `retained`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT = "retained"
LARGEST = 16 * 1024 * 1024
"""Bytes of a file; a stack of a hundred environments has some 100 KB."""


class NoRetained(Exception):  # noqa: N818 - says what was found; the name is read in messages
    """The input is no such output. The text is one line and says what it should be."""


@dataclass(frozen=True)
class Retained:
    """One resource that is still on the forge, and the id by which it is imported."""

    type: str
    name: str
    id: str


def read_retained(file: Path) -> tuple[Retained, ...]:
    """The resources in a file: `pulumi stack output --json`, or its `retained` alone. Raises NoRetained."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise NoRetained(f"{file} is larger than {LARGEST:,} bytes: it is no output of a stack")
        data = json.loads(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise NoRetained(f"{file} cannot be read: {reason}. Write it with `pulumi stack output --json`") from None
    return parse_retained(data, str(file))


def parse_retained(data: Any, where: str) -> tuple[Retained, ...]:
    """The resources in the outputs of a stack, or in its output `retained`. Raises NoRetained."""
    found = data.get(OUTPUT) if isinstance(data, Mapping) else data
    if not isinstance(found, list):
        raise NoRetained(
            f"{where} has no list `{OUTPUT}`. Write it with `pulumi stack output --json` before `pulumi destroy`, in a "
            "program that exports `retained` of its GitOpsTopology"
        )
    return tuple(_one(entry, where) for entry in found)


def _one(entry: Any, where: str) -> Retained:
    values = [entry.get(key) for key in ("type", "name", "id")] if isinstance(entry, Mapping) else []
    kind, name, number = (*(value for value in values if isinstance(value, str) and value), None, None, None)[:3]
    if kind is None or name is None or number is None:
        raise NoRetained(f"{where} has an entry of `{OUTPUT}` without `type`, `name` or `id`")
    return Retained(kind, name, number)
