"""Clusters in a process of their own: found again, killed without a trace, back with their data."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.cluster import daemon
from gitops_infra.sandbox.cluster.api import Api
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.cluster.failure import ClusterError
from gitops_infra.sandbox.ports import HOST, Ports

Wait = Callable[..., Any]
CONFIG_MAP = "/api/v1/namespaces/default/configmaps/kept"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "sandbox"
    daemon.down(tmp_path / "sandbox")


@contextlib.contextmanager
def api(sandbox: Path, state: daemon.State) -> Iterator[Api]:
    folder = sandbox / daemon.FOLDER / "staging" / "pki"
    found = Api("staging", state.clusters[0].server, (folder / "ca.crt").read_text(), folder / "admin.pem")
    yield found
    found.close()


def processes_below(folder: Path) -> list[int]:
    """Processes whose command line names the folder: all of a cluster's have a file or a flag in it."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,command="], capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if str(folder) in line]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_kill_leaves_nothing_and_the_next_start_has_data_and_ports(sandbox: Path, eventually: Wait) -> None:
    state = daemon.up(sandbox, ["staging"])
    assert daemon.up(sandbox, ["staging"]) == state
    assert Path(state.clusters[0].kubeconfig) == sandbox / "clusters" / "staging" / "kubeconfig"
    with api(sandbox, state) as cluster:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}}
        cluster.apply(CONFIG_MAP, body)
    running = processes_below(sandbox)
    assert len(running) >= 5, "etcd, Kubernetes, Flux and the daemon"
    os.kill(state.pid, signal.SIGKILL)
    eventually(lambda: all(is_gone(pid) for pid in running))
    assert processes_below(sandbox) == []
    assert daemon.status(sandbox) is None

    with ThreadPoolExecutor(2) as pool:  # two commands at once: one starts them, the other finds them
        again, same = pool.map(lambda _: daemon.up(sandbox, ["staging"]), range(2))
    assert again == same
    assert again.clusters == state.clusters
    with api(sandbox, again) as cluster:
        assert cluster.get(CONFIG_MAP)
    assert daemon.down(sandbox)
    assert not daemon.down(sandbox)
    eventually(lambda: processes_below(sandbox) == [])
    daemon.forget(sandbox)
    assert not (sandbox / "clusters" / "etcd").exists()
    assert (sandbox / "clusters" / "staging" / "ports.json").exists()


def test_a_start_goes_around_ports_that_are_taken_before_and_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first choice of etcd's port is somebody else's although it seemed free: a race, lost."""
    with socket.create_server((HOST, 0)) as somebody:
        taken = somebody.getsockname()[1]
        real = Ports._take
        choices: list[str] = []

        def lose_once(ports: Ports, name: str, preferred: int) -> None:
            real(ports, name, preferred)
            if name == "etcd" and "etcd" not in choices:
                ports.numbers[name] = taken
            choices.append(name)

        monkeypatch.setattr(Ports, "_take", lose_once)
        with Clusters(["production"], tmp_path) as clusters:
            assert clusters["production"].api.ready()
        assert choices.count("etcd") == 2


def test_a_start_that_fails_says_why(sandbox: Path) -> None:
    (sandbox / "clusters").mkdir(parents=True)
    (sandbox / "clusters" / "etcd").write_text("a file where a folder must be")
    with pytest.raises(ClusterError) as caught:
        daemon.up(sandbox, ["staging"])
    assert caught.value.what == "etcd"
    assert caught.value.why.startswith("ended (exit code 1), log ")
    assert "not a directory" in caught.value.why
    assert daemon.status(sandbox) is None
    assert processes_below(sandbox) == []
