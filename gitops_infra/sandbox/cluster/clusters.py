"""Starts clusters side by side and ends them together."""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.failure import ClusterError, PortTakenError
from gitops_infra.sandbox.cluster.folder import LOCK, NAMES
from gitops_infra.sandbox.cluster.processes import Processes
from gitops_infra.sandbox.cluster.programs import CLUSTER_PORTS, ETCD_PORTS, Place, etcd
from gitops_infra.sandbox.cluster.start import Starter
from gitops_infra.sandbox.ports import Ports
from gitops_infra.sandbox.toolchain.build import ensure
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.progress import Progress, Silent
from gitops_infra.sandbox.toolchain.recipes import CLUSTER, ETCD

PORTS_FILE = "ports.json"

_ATTEMPTS = 3
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_RESERVED = {ETCD.name}


class Clusters:
    """Real clusters with Flux, by name. A context manager: all are ready when it is entered, and gone when it is left.

    Gone they are too when this process is killed. Without `directory` they are fresh and leave nothing; with one, their
    data and, if they are free, their ports are those of the last time.
    """

    def __init__(
        self,
        names: Sequence[str] = NAMES,
        directory: Path | None = None,
        *,
        progress: Progress | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Starts nothing yet. Raises ClusterError for a name that no folder and no etcd prefix should have."""
        wrong = [name for name in names if not _NAME.fullmatch(name) or name in _RESERVED]
        if wrong or not names or len(set(names)) < len(names):
            raise ClusterError(
                f"clusters {', '.join(names)}",
                "names must differ and be of lower-case letters, digits and hyphens, at most 40",
                "Use others",
            )
        self.names = tuple(names)
        self.directory = (directory or Path()).resolve()
        self._temporary = directory is None
        self._progress, self._cache = progress or Silent(), cache
        self._clusters: dict[str, Cluster] = {}
        self._open: ExitStack | None = None
        self.processes = Processes()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Cluster:
        if name not in self._clusters:
            raise KeyError(f"no cluster {name!r} runs; there are: {', '.join(self._clusters) or 'none'}")
        return self._clusters[name]

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self._clusters.values())

    def __len__(self) -> int:
        return len(self._clusters)

    def start(self) -> Self:
        """Starts all, building what is missing. Raises ClusterError or ToolError; then nothing is left running."""
        if self._open is not None:
            raise ClusterError("the clusters", "they run already", "Stop them first")
        binaries = ensure(*(recipe.name for recipe in CLUSTER), progress=self._progress, cache=self._cache)
        with ExitStack() as stack:
            self._take_directory(stack)
            with self._progress.step(f"starting {', '.join(self.names)}", 10) as tick:
                for attempt in range(1, _ATTEMPTS + 1):
                    try:
                        self._start(stack, binaries, fresh_ports=attempt > 1)
                        break
                    except PortTakenError:
                        if attempt == _ATTEMPTS:
                            raise
                        tick("a port was taken in between: again with others")
            self._open = stack.pop_all()
        return self

    def stop(self) -> None:
        """Ends all. Stopping twice is allowed."""
        stack, self._open = self._open, None
        self._clusters = {}
        if stack is not None:
            stack.close()

    def _start(self, outer: ExitStack, binaries: Mapping[str, Path], *, fresh_ports: bool) -> None:
        with ExitStack() as stack:
            self.processes = stack.enter_context(Processes(self.directory if self._temporary else None))
            folders = {name: self.directory / name for name in self.names}
            shared = stack.enter_context(_ports(self.directory, ETCD_PORTS, fresh=fresh_ports))
            ports = {
                name: stack.enter_context(_ports(folder, CLUSTER_PORTS, fresh=fresh_ports))
                for name, folder in folders.items()
            }
            places = [
                Place(name, folder, binaries, ports[name].numbers, shared.numbers[ETCD.name])
                for name, folder in folders.items()
            ]
            starters = [Starter(place, ports[place.name], self.processes) for place in places]
            for starter in starters:
                stack.callback(starter.close)
            self._start_etcd(binaries[ETCD.name], shared)
            self._clusters = {cluster.name: cluster for cluster in self._side_by_side(starters)}
            outer.push(stack.pop_all())

    def _start_etcd(self, binary: Path, shared: Ports) -> None:
        program = etcd(binary, self.directory, shared.numbers)
        (self.directory / "tmp").mkdir(exist_ok=True)
        shared.release(*program.ports)
        log = self.directory / f"{ETCD.name}.log"
        self.processes.start(ETCD.name, program.command, program.environment, log, gentle=program.gentle)

    def _side_by_side(self, starters: Sequence[Starter]) -> list[Cluster]:
        with ThreadPoolExecutor(len(starters)) as pool:
            futures = [pool.submit(starter.start) for starter in starters]
            try:
                return [future.result() for future in futures]
            except BaseException:
                self.processes.close()  # the others wait for processes, and learn now that they are gone
                raise

    def _take_directory(self, stack: ExitStack) -> None:
        """A folder for us alone: two etcds over one would destroy the data."""
        if self._temporary:
            folder = tempfile.mkdtemp(prefix="gitops-infra-clusters-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.directory = Path(folder)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(
                f"clusters in {self.directory}", "they run already, in another process", "Stop them there first"
            ) from None


def _ports(folder: Path, names: Sequence[str], *, fresh: bool) -> Ports:
    """The ports of the last time where they are free, written down for the next."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / PORTS_FILE
    preferred: dict[str, int] = {}
    if not fresh:
        with suppress(OSError, ValueError):
            preferred = json.loads(path.read_text(encoding="utf-8"))
    try:
        ports = Ports(names, preferred)
    except OSError as error:
        raise ClusterError("ports for the clusters", str(error), "End what listens there") from error
    path.write_text(json.dumps(ports.numbers), encoding="utf-8")
    return ports
