"""Where commands take kubeconfigs from."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_infra.cli.failure import UserError, clear

if TYPE_CHECKING:
    from gitops_infra.audit.kubeconfigs import Kubeconfigs
    from gitops_infra.recovery.pulumi_cli import Pulumi
    from gitops_infra.topology.topology import Topology

HELP = "CLUSTER=FILE: kubeconfig of that cluster of the topology. Repeatable."


def open_stack(stack: str, cwd: Path) -> "Pulumi":
    """`pulumi` on that stack. Raises UserError where `cwd` is no folder."""
    from gitops_infra.recovery.pulumi_cli import Pulumi  # noqa: PLC0415 - `--help` need not load it

    if not cwd.is_dir():
        raise UserError(f"{cwd} is no folder. Give --cwd the folder of the Pulumi project")
    return Pulumi(cwd, stack)


def read_key(pulumi: "Pulumi", key: str) -> str | None:
    """The secret value of the stack's configuration, through a pipe; None where it has none. Raises UserError."""
    from gitops_infra.apps.vault import Vault  # noqa: PLC0415 - as above
    from gitops_infra.recovery.pulumi_cli import PulumiFailed  # noqa: PLC0415 - as above

    with clear(PulumiFailed):
        vault = Vault(pulumi, key)
        return vault.read() if vault.is_set() else None


def find_kubeconfigs(given: Sequence[str], topology: "Topology", pulumi: "Pulumi | None") -> "Kubeconfigs":
    """The files of `--kubeconfig`, the stack's configuration, and kubectl's own. Raises UserError."""
    from gitops_infra.audit.kubeconfigs import Kubeconfigs  # noqa: PLC0415 - as above

    files: dict[str, Path] = {}
    known = [cluster.name for cluster in topology.clusters or ()]
    for each in given:
        name, equals, path = each.partition("=")
        if not equals or not path:
            raise UserError(f"--kubeconfig {each!a} is no CLUSTER=FILE")
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            raise UserError(f"--kubeconfig {each!a}: the topology has no cluster {name!a}; {there}")
        files[name] = Path(path)
    return Kubeconfigs(files, None if pulumi is None else partial(read_key, pulumi))
