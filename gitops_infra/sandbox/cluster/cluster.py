"""One running cluster: where it is, who may use it, and how it becomes unreachable for a while."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitops_infra.sandbox.cluster import kubeconfig
from gitops_infra.sandbox.cluster.api import Api
from gitops_infra.sandbox.cluster.authority import Authority

_DAY = 86_400


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes cluster with Flux, and one played machine on which pods become ready without containers."""

    name: str
    server: str
    """`https://127.0.0.1:PORT` of its API server."""
    receiver_url: str
    """`http://127.0.0.1:PORT` of Flux's receivers; a Receiver's `.status.webhookPath` goes behind it."""
    kubeconfig: str = field(repr=False)
    """Of its administrator: a file's text, complete in itself."""
    kubeconfig_file: Path
    directory: Path
    """With the logs of its processes in `logs/`."""
    authority: Authority = field(repr=False)
    api: Api = field(repr=False)
    """As its administrator."""
    _stop_api: Callable[[], None] = field(repr=False)
    _start_api: Callable[[], None] = field(repr=False)

    @property
    def ca(self) -> str:
        """What clients of `server` must trust, in PEM."""
        return self.authority.certificate

    def user(self, name: str, groups: Sequence[str] = (), *, expired: bool = False) -> str:
        """A kubeconfig of another user, who has no right until a binding gives one.

        Proved by a client certificate that this cluster's authority signs; an `expired` one was good until yesterday.
        """
        credential = self.authority.client(name, groups, expired=expired)
        return kubeconfig.with_certificate(self.name, self.server, self.ca, name, credential)

    def service_account_kubeconfig(self, namespace: str, name: str, *, seconds: int = _DAY) -> str:
        """A kubeconfig of a service account, by a token of so many seconds (600 at least). Raises ClusterError."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        token: str = self.api.post(path, request)["status"]["token"]
        user = f"system:serviceaccount:{namespace}:{name}"
        return kubeconfig.with_token(self.name, self.server, self.ca, user, token)

    def stop_api(self) -> None:
        """Kills its API server: connections are refused until `start_api`. Nothing of its data is lost."""
        self._stop_api()

    def start_api(self) -> None:
        """Brings the API server back on the same port; ready when it returns. Raises ClusterError."""
        self._start_api()
