"""Inputs that several commands read: the topology, the token."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_infra.cli.failure import UserError, clear
from gitops_infra.topology.problems import TopologyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_infra.plan.model import Plan
    from gitops_infra.topology.topology import Topology

LONGEST_TOKEN = 4096


def read_plans(file: Path) -> "tuple[Topology, tuple[Plan, ...]]":
    """The topology in the file and the plan of each of its repositories. Raises UserError with every problem."""
    from gitops_infra.plan.build import plans  # noqa: PLC0415 - `--help` need not load pydantic
    from gitops_infra.topology.load import load  # noqa: PLC0415 - as above

    with clear(TopologyError):
        topology = load(file)
        return topology, plans(topology)


def read_part(file: Path, environments: "Iterable[str]") -> str | None:
    """What of the topology the stack of that file makes: its configuration value `<namespace>:part`; None: everything.

    For a file that `read_plans` has read, and the names of its environments. Raises UserError for an unknown part.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - as above

    document = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8-sig"))
    config = document.get("config") if isinstance(document, dict) else None
    values = config.items() if isinstance(config, dict) else ()
    part = next((str(value) for key, value in values if str(key).partition(":")[2] == "part"), None)
    names = tuple(environments)
    if part not in {None, "foundation", *names}:
        raise UserError(f"{file}: the part {part!a} is neither `foundation` nor one of {', '.join(names)}")
    return part


def read_token(file: Path | None) -> str:
    """The forge token: from the file if one is given, else from GITHUB_TOKEN; never from the command line.

    Raises UserError.
    """
    if file is None:
        token = os.environ.get("GITHUB_TOKEN", "").strip()
        if not token:
            raise UserError("there is no token. Set GITHUB_TOKEN, or name a file that holds it with --token-file")
        return token
    try:
        text = file.read_text(encoding="utf-8", errors="replace")[: LONGEST_TOKEN + 1].strip()
    except OSError as error:
        raise UserError(f"the token file {file} cannot be read: {error.strerror}") from None
    if not text:
        raise UserError(f"the token file {file} is empty")
    return text
