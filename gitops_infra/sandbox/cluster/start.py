"""How one cluster comes up: certificates, API server, what it is furnished with, controllers, Flux."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from cryptography.hazmat.primitives.asymmetric import ec

from gitops_infra.sandbox.cluster import kubeconfig
from gitops_infra.sandbox.cluster.api import Api
from gitops_infra.sandbox.cluster.authority import Authority, private_pem, public_pem, write_private
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.furnish import furnish, lives
from gitops_infra.sandbox.cluster.processes import Processes
from gitops_infra.sandbox.cluster.programs import (
    CONTROLLER_MANAGER,
    FLUX_USER,
    KWOK_USER,
    SCHEDULER,
    Place,
    Program,
    api_server,
    controllers,
    flux,
)
from gitops_infra.sandbox.ports import HOST, Ports
from gitops_infra.sandbox.toolchain.recipes import ETCD

TIMEOUT = 90.0
"""Seconds for each step, on a machine that has much else to do."""

ADMINISTRATORS = "system:masters"
# kubeconfig -> (user, groups). Flux has its rights from a binding, as its installation does.
_IDENTITIES = {
    "kube-controller-manager": (CONTROLLER_MANAGER, ()),
    "kube-scheduler": (SCHEDULER, ()),
    "kwok": (KWOK_USER, (ADMINISTRATORS,)),
    "flux": (FLUX_USER, ()),
}


class Starter:
    """Starts one cluster in its place."""

    def __init__(self, place: Place, ports: Ports, processes: Processes) -> None:
        self._place, self._ports, self._processes = place, ports, processes
        self._resources = ExitStack()

    def close(self) -> None:
        """Closes connections; the processes are the caller's."""
        self._resources.close()

    def start(self) -> Cluster:
        """The cluster, when all of it is ready. Raises ClusterError, PortTakenError if another choice would help."""
        place = self._place
        authority = self._write_files()
        admin = authority.client("admin", (ADMINISTRATORS,))
        identity = place.folder / "pki" / "admin.pem"
        write_private(identity, admin.certificate + admin.key)
        api = Api(place.name, place.server, authority.certificate, identity)
        self._resources.callback(api.close)
        text = kubeconfig.with_certificate(place.name, place.server, authority.certificate, "admin", admin)
        write_private(place.folder / "kubeconfig", text)
        self._start_api(api)
        established = furnish(api, place.binaries)
        started = self._launch(controllers(place))
        self._processes.wait(started, established, TIMEOUT, f"Flux's definitions in {place.name}")
        started += self._launch(flux(place))
        self._processes.wait(started, self._flux_is_ready, TIMEOUT, f"Flux in {place.name}")
        self._processes.wait(started, lambda: lives(api), TIMEOUT, f"service accounts and machine in {place.name}")
        return Cluster(
            name=place.name,
            server=place.server,
            receiver_url=f"http://{place.listen('receiver')}",
            kubeconfig=text,
            kubeconfig_file=place.folder / "kubeconfig",
            directory=place.folder,
            authority=authority,
            api=api,
            _stop_api=lambda: self._processes.kill(self._name(api_server(place))),
            _start_api=lambda: self._start_api(api),
        )

    def _start_api(self, api: Api) -> None:
        server = api_server(self._place)
        if self._name(server) not in self._processes.pids:
            self._launch([server])
        self._processes.wait([ETCD.name, self._name(server)], api.ready, TIMEOUT, f"API server of {self._place.name}")

    def _launch(self, programs: Sequence[Program]) -> list[str]:
        for program in programs:
            self._ports.release(*program.ports)
            log = self._place.folder / "logs" / f"{program.name}.log"
            self._processes.start(self._name(program), program.command, program.environment, log)
        return [self._name(program) for program in programs]

    def _name(self, program: Program) -> str:
        return f"{self._place.name}/{program.name}"

    def _flux_is_ready(self) -> bool:
        return all(_is_ready(port) for name, port in self._place.ports.items() if name.endswith("-health"))

    def _write_files(self) -> Authority:
        """Certificates and kubeconfigs. The authority and the key of the accounts' tokens stay from the last time."""
        place, folder = self._place, self._place.folder / "pki"
        for name in ("pki", "logs", "artifacts", "tmp"):
            (place.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = Authority.kept(folder, place.name)
        server = authority.server()
        (folder / "server.crt").write_text(server.certificate, encoding="ascii")
        write_private(folder / "server.key", server.key)
        if not (folder / "accounts.key").exists():
            key = ec.generate_private_key(ec.SECP256R1())
            (folder / "accounts.pub").write_text(public_pem(key), encoding="ascii")
            write_private(folder / "accounts.key", private_pem(key))
        for name, (user, groups) in _IDENTITIES.items():
            credential = authority.client(user, groups)
            text = kubeconfig.with_certificate(place.name, place.server, authority.certificate, user, credential)
            write_private(folder / f"{name}.kubeconfig", text)
        return authority


def _is_ready(port: int) -> bool:
    with closing(HTTPConnection(HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
