"""Clusters that outlive the command that starts them: a process of their own, found again through `state.json`."""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gitops_infra.sandbox.cluster.failure import ClusterError
from gitops_infra.sandbox.cluster.folder import LOCK
from gitops_infra.sandbox.toolchain.failure import ToolError

# This module is also what callers import to ask "do they run?": the rest is imported only by the daemon itself.

MODULE = "gitops_infra.sandbox.cluster.daemon"
FOLDER = "clusters"
"""Below the directory of the sandbox."""
STATE, LOG = "state.json", "daemon.log"
START_TIMEOUT = 300.0
STOP_TIMEOUT = 15.0
POLL = 0.05


@dataclass(frozen=True)
class RunningCluster:
    """One cluster, as others find it."""

    name: str
    server: str
    kubeconfig: str
    """Path of its administrator's file."""
    receiver_url: str


@dataclass(frozen=True)
class State:
    """Which clusters run, and in which process."""

    pid: int
    clusters: tuple[RunningCluster, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the clusters, in order."""
        return tuple(cluster.name for cluster in self.clusters)


def status(sandbox: Path) -> State | None:
    """The clusters that run in the directory of a sandbox, or None."""
    folder = sandbox.resolve() / FOLDER
    try:
        content = json.loads((folder / STATE).read_text(encoding="utf-8"))
        state = State(content["pid"], tuple(RunningCluster(**cluster) for cluster in content["clusters"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return state if _is_held(folder / LOCK) and _lives(state.pid) else None


def up(sandbox: Path, names: Sequence[str]) -> State:
    """Starts clusters of these names, or finds them running; ready when it returns.

    Others that run in this sandbox are stopped first, with their data kept. Raises ClusterError.
    """
    running = status(sandbox)
    if running is not None:
        if running.names == tuple(names):
            return running
        down(sandbox)
    folder = sandbox.resolve() / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_held(folder / LOCK):
        (folder / STATE).unlink(missing_ok=True)  # of one that was killed
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(folder), *names],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # Reaps the child should it end while this process lives; it outlives this process otherwise.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + START_TIMEOUT
    try:
        while time.monotonic() < deadline:
            state = status(sandbox)
            if state is not None and state.names == tuple(names):
                return state
            # Ours ends at once where another command has just begun the same: then that one is waited for.
            if process.poll() is not None and not _is_held(folder / LOCK):
                raise _why(folder / LOG)
            time.sleep(POLL)
    except KeyboardInterrupt:
        process.terminate()
        raise
    process.terminate()
    raise ClusterError("the clusters", f"not there after {START_TIMEOUT:.0f} s", f"Look into {folder / LOG}")


def down(sandbox: Path) -> bool:
    """Stops the clusters, whose data stays; False when none ran. Raises ClusterError if they do not end."""
    state = status(sandbox)
    if state is None:
        return False
    folder = sandbox.resolve() / FOLDER
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        # The lock is held, so the process is ours: a pid may be another program's only after its end.
        os.kill(state.pid, wanted)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            if not _is_held(folder / LOCK):
                (folder / STATE).unlink(missing_ok=True)
                return True
            time.sleep(POLL)
    raise ClusterError(f"the clusters (process {state.pid})", "do not end", f"Kill process {state.pid} by hand")


def forget(sandbox: Path) -> None:
    """Stops the clusters and removes their data, but not their ports: the next ones have the same if they are free."""
    down(sandbox)
    folder = sandbox.resolve() / FOLDER
    ports = {path: path.read_bytes() for path in folder.rglob("ports.json")}
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in ports.items():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content)


def _is_held(lock: Path) -> bool:
    """Whether a process runs clusters here: it holds this lock, which the kernel frees when it ends."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _why(log: Path) -> ClusterError:
    """What a daemon that ended has said: its last line is the error in its parts, or anything at a bad accident."""
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    try:
        return ClusterError(*json.loads(said.rpartition("\n")[2]))
    except (ValueError, TypeError):
        return ClusterError("the clusters", f"did not start:\n{said}\n", "Remove the cause and repeat it")


def _run(folder: Path, names: Sequence[str]) -> None:
    from gitops_infra.sandbox.cluster.authority import write_private  # noqa: PLC0415  (see the top)
    from gitops_infra.sandbox.cluster.clusters import Clusters  # noqa: PLC0415

    stopped = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # also in the middle of a start
    with Clusters(names, folder) as clusters:
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        found = (
            RunningCluster(cluster.name, cluster.server, str(cluster.kubeconfig_file), cluster.receiver_url)
            for cluster in clusters
        )
        write_private(folder / STATE, json.dumps(asdict(State(os.getpid(), tuple(found))), indent=2))
        stopped.wait()
        (folder / STATE).unlink(missing_ok=True)


def main() -> None:
    """Runs clusters in the foreground until SIGTERM; an error is one line of JSON in the log, for `up` to show."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    given = parser.parse_args()
    try:
        _run(given.folder, given.names)
    except (ClusterError, ToolError) as error:
        sys.exit(json.dumps([error.what, error.why, error.remedy]))


if __name__ == "__main__":
    main()
