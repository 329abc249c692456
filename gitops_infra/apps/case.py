"""What the topology and the stack say of one environment's App."""

import re
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.apps.manifest import WantedApp
from gitops_infra.apps.stack_file import stack_of
from gitops_infra.apps.vault import Vault
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.topology.defaults import branch_of, per_repository
from gitops_infra.topology.environment import Environment, Writer
from gitops_infra.topology.load import load
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import Isolation

TOLERATED = ("writer-missing",)
"""What is wrong with a topology whose App is about to be made."""


class NoAppHere(Exception):  # noqa: N818 - says what is; the name is read in messages
    """The environment is not moved by an App, or the stack cannot be told. The text says what to do."""


@dataclass(frozen=True)
class Case:
    """One environment of one stack."""

    file: Path
    wanted: WantedApp
    writer: Writer | None
    """What the topology has; None before the App is made."""
    vault: Vault


def case(file: Path, environment: str, *, stack: str | None = None, directory: Path | None = None) -> Case:
    """The case of that environment in a stack file or topology.

    The stack is the one that the file is for, unless it is named; its project is looked for from `directory` upwards,
    by default from the file's own folder. Raises TopologyError, except for what is tolerated, and NoAppHere.
    """
    topology = load(file, tolerate=TOLERATED)
    found = _moved_by_an_app(topology, environment)
    own = stack_of(file)
    name = stack or own
    if name is None:
        raise NoAppHere(f"{file} is not the file of a stack (Pulumi.<stack>.yaml). Name the stack with --stack")
    if own is not None and name.rpartition("/")[2] != own:
        raise NoAppHere(f"{file} is the file of stack {own}, and --stack says {name}. Give the file of that stack")
    place = directory or (file.parent if own is not None else Path())
    if not place.is_dir():
        raise NoAppHere(f"{place} is no folder. Give --cwd the folder of the Pulumi project")
    wanted = WantedApp(
        owner=topology.owner,
        environment=environment,
        branch=branch_of(found) or "",
        repositories=tuple(each.application.name for each in per_repository(topology)),
    )
    key = found.writer.key if found.writer is not None else default_key(environment)
    return Case(file, wanted, found.writer, Vault(Pulumi(place, name), key, file if own is not None else None))


def default_key(environment: str) -> str:
    """`prodEuAppKey` for `prod-eu`: the configuration key of the App's private key."""
    first, *others = re.split(r"[^A-Za-z0-9]+", environment)
    return "".join([first, *(part.capitalize() for part in others)]) + "AppKey"


def _moved_by_an_app(topology: Topology, name: str) -> Environment:
    found = next((each for each in topology.environments if each.name == name), None)
    if found is None:
        names = ", ".join(each.name for each in topology.environments)
        raise NoAppHere(f"the topology has no environment {name!a}. It has {names}")
    if branch_of(found) is None:
        raise NoAppHere(f"{name} is of kind review: it has no branch that an App could move")
    if found.isolation is not Isolation.BRANCH:
        raise NoAppHere(
            f"the isolation of {name} is `{found.isolation}`, where a deploy key moves its branch. An App does so "
            "under `isolation: branch`"
        )
    if found.retired or found.write_credential is False:
        raise NoAppHere(f"nobody moves the branch of {name}: it is retired, or `write_credential` is false")
    if found.writer is not None and found.writer.app is None:
        raise NoAppHere(f"machine user {found.writer.user} moves the branch of {name}. An App would replace `writer`")
    return found
