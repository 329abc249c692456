"""The programs of a cluster and their flags: a table. Why a flag is there, where it is not plain, stands beside it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.ports import HOST
from gitops_infra.sandbox.toolchain.build import files_of
from gitops_infra.sandbox.toolchain.recipes import ETCD, KUBERNETES, KWOK

FLUX_NAMESPACE = "flux-system"
ETCD_PORTS = ("etcd", "etcd-peer")
API_PORT = "api"
FLUX_PORTS = (
    "events",
    "receiver",
    "notification-health",
    "artifacts",
    "source-health",
    "kustomize-health",
    "helm-health",
)
CLUSTER_PORTS = (API_PORT, *FLUX_PORTS)
CONTROLLER_MANAGER, SCHEDULER, FLUX_USER, KWOK_USER = (
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "flux",
    "kwok",
)

_CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "resourcequota-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "endpointslice-controller",
    "endpoints-controller",
)
"""Not node-lifecycle-controller: played machines send no heartbeat, and it would declare them dead."""

_STAGES = ("node/fast/node-initialize", "pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete")


@dataclass(frozen=True)
class Program:
    """What is started: its command, its variables, and the names of the ports that it listens on."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ports: tuple[str, ...] = ()
    gentle: bool = False


@dataclass(frozen=True)
class Place:
    """Where one cluster lives: its folder, the paths of the programs, its ports and etcd's."""

    name: str
    folder: Path
    binaries: Mapping[str, Path]
    ports: Mapping[str, int]
    etcd_port: int

    @property
    def server(self) -> str:
        """Address of the API server."""
        return f"https://{HOST}:{self.ports[API_PORT]}"

    def file(self, name: str) -> str:
        """Path of a certificate, key or kubeconfig."""
        return str(self.folder / "pki" / name)

    def listen(self, port: str) -> str:
        """`127.0.0.1:PORT` of a port by its name."""
        return f"{HOST}:{self.ports[port]}"


def etcd(binary: Path, folder: Path, ports: Mapping[str, int]) -> Program:
    """One for all clusters: each keeps its objects below a prefix of its own."""
    client, peer = (f"http://{HOST}:{ports[name]}" for name in ETCD_PORTS)
    flags = (
        "--name=sandbox",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=sandbox={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Program(ETCD.name, (str(binary), *flags), _environment(folder), ETCD_PORTS, gentle=True)


def api_server(place: Place) -> Program:
    """The API server of one cluster."""
    flags = (
        f"--etcd-servers=http://{HOST}:{place.etcd_port}",
        f"--etcd-prefix=/{place.name}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={place.ports[API_PORT]}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--allow-privileged=true",
        "--authorization-mode=RBAC",
        f"--client-ca-file={place.file('ca.crt')}",
        f"--tls-cert-file={place.file('server.crt')}",
        f"--tls-private-key-file={place.file('server.key')}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={place.file('accounts.pub')}",
        f"--service-account-signing-key-file={place.file('accounts.key')}",
        "--profiling=false",
        # It taints every new node as not ready, and without node-lifecycle-controller nobody takes that away.
        "--disable-admission-plugins=TaintNodesByCondition",
    )
    return _kubernetes(place, "kube-apiserver", flags, (API_PORT,))


def controllers(place: Place) -> tuple[Program, ...]:
    """What makes objects live: Kubernetes' controllers, the scheduler, and the player of machines."""
    manager, scheduler = (place.file(f"{name}.kubeconfig") for name in ("kube-controller-manager", "kube-scheduler"))
    stages = files_of(place.binaries[KWOK.name]) / "kustomize" / "stage"
    return (
        _kubernetes(
            place,
            "kube-controller-manager",
            (
                f"--kubeconfig={manager}",
                "--secure-port=0",
                "--leader-elect=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={place.file('accounts.key')}",
                f"--root-ca-file={place.file('ca.crt')}",
                f"--controllers={','.join(_CONTROLLERS)}",
            ),
        ),
        _kubernetes(place, "kube-scheduler", (f"--kubeconfig={scheduler}", "--secure-port=0", "--leader-elect=false")),
        Program(
            KWOK.name,
            (
                str(place.binaries[KWOK.name]),
                f"--kubeconfig={place.file('kwok.kubeconfig')}",
                "--manage-all-nodes",
                f"--node-ip={HOST}",
                *(f"--config={stages / stage}.yaml" for stage in _STAGES),
            ),
            _environment(place.folder),
        ),
    )


def flux(place: Place) -> tuple[Program, ...]:
    """Flux's controllers, locked down as for tenants who do not trust each other."""
    events = f"--events-addr=http://{place.listen('events')}/"
    common = ("--metrics-addr=0", "--log-level=info")
    steady = ("--requeue-dependency=2s", "--interval-jitter-percentage=0", events)
    alone = "--no-cross-namespace-refs=true"
    tenant = "--default-service-account=default"
    artifacts = place.listen("artifacts")
    table: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "notification-controller": (
            (
                f"--events-addr={place.listen('events')}",
                f"--receiverAddr={place.listen('receiver')}",
                f"--health-addr={place.listen('notification-health')}",
                alone,
            ),
            ("events", "receiver", "notification-health"),
        ),
        "source-controller": (
            (
                *steady,
                f"--storage-path={place.folder / 'artifacts'}",
                f"--storage-addr={artifacts}",
                f"--storage-adv-addr={artifacts}",
                f"--health-addr={place.listen('source-health')}",
            ),
            ("artifacts", "source-health"),
        ),
        "kustomize-controller": (
            (
                *steady,
                f"--health-addr={place.listen('kustomize-health')}",
                alone,
                tenant,
                "--no-remote-bases=true",
                # Else a revision that never becomes healthy keeps the next one waiting until it times out.
                "--feature-gates=CancelHealthCheckOnNewRevision=true",
            ),
            ("kustomize-health",),
        ),
        "helm-controller": ((*steady, f"--health-addr={place.listen('helm-health')}", alone, tenant), ("helm-health",)),
    }
    environment = _environment(place.folder, KUBECONFIG=place.file("flux.kubeconfig"), RUNTIME_NAMESPACE=FLUX_NAMESPACE)
    return tuple(
        Program(name, (str(place.binaries[name]), *common, *flags), environment, ports)
        for name, (flags, ports) in table.items()
    )


def _kubernetes(place: Place, part: str, flags: tuple[str, ...], ports: tuple[str, ...] = ()) -> Program:
    return Program(part, (str(place.binaries[KUBERNETES.name]), part, *flags), _environment(place.folder), ports)


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of ours: a proxy or a kubeconfig of the user must not lead a cluster elsewhere.

    Go is told to be modest, for these are some thirty processes: else it keeps memory for each processor of a large
    machine, and lets garbage grow to the size of what is in use. Measured: a tenth less memory, no later start.
    """
    temporary = str(folder / "tmp")
    processors = str(min(4, os.cpu_count() or 1))
    modest = {"GOMAXPROCS": processors, "GOGC": "50"}
    return {"PATH": os.defpath, "HOME": temporary, "TMPDIR": temporary, **modest, **more}
