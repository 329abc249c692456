"""Topologies whose branches an agent follows in a cluster: what the cell `delivery` provisions."""

from dataclasses import dataclass
from typing import Any

from bench.subject import APPLICATION, OWNER, Subject

KUBECONFIG = "clusterKubeconfig"
"""Key of the stack's configuration with the kubeconfig, for every cluster of a topology: there is only one."""

OURS, POLLED, BARE = "ours", "polled", "bare"


@dataclass(frozen=True)
class Followed(Subject):
    """Stagings `e1`, `e2`, ..., each followed by Flux in the one cluster, which hears of every push."""

    known_hosts: str = ""
    receiver_url: str = ""

    @property
    def names(self) -> list[str]:
        """Names of all environments, in order."""
        return [f"e{number}" for number in range(1, self.environments + 1)]

    @property
    def config_keys(self) -> list[str]:
        """The kubeconfig's alone: writers are deploy keys."""
        return [KUBECONFIG]

    @property
    def topology(self) -> dict[str, Any]:
        """As a user of the components writes it."""
        return {
            "owner": OWNER,
            "github_plan": "enterprise",
            "known_hosts": [self.known_hosts],
            "clusters": self._clusters(),
            "application": {"name": APPLICATION, "existing": True, "visibility": "private", "code_owners": True},
            "environments": [{"name": name, "kind": "staging", **self._place(name)} for name in self.names],
        }

    def _clusters(self) -> list[dict[str, Any]]:
        return [{"name": OURS, "kubeconfig": KUBECONFIG, "receiver_url": self.receiver_url}]

    def _place(self, name: str) -> dict[str, Any]:
        """Rarely polled: what is measured is an `up`, not a hundred agents that read branches nobody made yet."""
        return {"cluster": OURS, "namespace": f"many-{name}", "sync": {"poll_seconds": 3600}}


@dataclass(frozen=True)
class Raced(Followed):
    """One environment for each contestant: told of pushes, polled every minute, and followed by nobody.

    The same cluster is described twice, for whether the forge tells it is a property of a cluster.
    """

    @property
    def names(self) -> list[str]:
        """The contestants."""
        return [OURS, POLLED, BARE]

    def _clusters(self) -> list[dict[str, Any]]:
        return [*super()._clusters(), {"name": POLLED, "kubeconfig": KUBECONFIG}]

    def _place(self, name: str) -> dict[str, Any]:
        if name == BARE:
            return {}
        sync = {"poll_seconds": 60} if name == POLLED else {}
        return {"cluster": name, "namespace": name, "sync": sync}
