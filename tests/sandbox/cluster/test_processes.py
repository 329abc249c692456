"""Children do not outlive those who started them, and one that dies says why."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.cluster.failure import ClusterError, PortTakenError
from gitops_infra.sandbox.cluster.processes import Processes

Wait = Callable[[Callable[[], Any]], Any]
ENVIRONMENT = {"PATH": os.defpath}
PARENT = """
import sys, time
from pathlib import Path
from gitops_infra.sandbox.cluster.processes import Processes
folder = Path(sys.argv[1]).with_name("temporary")
folder.mkdir()
with Processes(folder) as processes:
    for name in ("one", "two"):
        processes.start(name, ["sleep", "600"], {"PATH": "/usr/bin:/bin"}, Path(sys.argv[1]), gentle=name == "two")
    print(processes._supervisor.pid, *processes.pids.values(), flush=True)
    time.sleep(600)
"""


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A zombie that nobody has reaped yet does nothing any more.
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_the_end_of_the_block_ends_all(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        for name in ("one", "two"):
            processes.start(name, ["sleep", "600"], ENVIRONMENT, tmp_path / "log", gentle=name == "two")
        pids = list(processes.pids.values())
        assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)
    assert tmp_path.exists()


@pytest.mark.parametrize("victim", ["parent", "supervisor"])
def test_nothing_is_left_when_somebody_is_killed(tmp_path: Path, eventually: Wait, victim: str) -> None:
    if victim == "supervisor" and sys.platform != "linux":
        pytest.skip("only Linux ends the children of a killed supervisor before its parent looks")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        supervisor, *children = map(int, parent.stdout.readline().split())
        os.kill(parent.pid if victim == "parent" else supervisor, signal.SIGKILL)
        eventually(lambda: all(map(is_gone, [supervisor, *children])))
        assert (tmp_path / "temporary").exists() == (victim == "supervisor"), "a living parent removes it itself"
        parent.kill()


def test_a_process_that_dies_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    with Processes() as processes:
        script = "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; exit 3"
        processes.start("staging/kube", ["sh", "-c", script], ENVIRONMENT, tmp_path / "log")
        with pytest.raises(ClusterError) as caught:
            processes.wait(["staging/kube"], lambda: False, 20, "the API server")
    assert caught.value.what == "staging/kube"
    assert caught.value.why.startswith(f"ended (exit code 3), log {tmp_path / 'log'}:\n  line 2\n")
    assert "line 9" in caught.value.why


def test_a_taken_port_is_an_error_of_its_own(tmp_path: Path) -> None:
    script = "echo listen tcp 127.0.0.1:1: bind: address already in use; exit 1"
    with Processes() as processes:
        processes.start("etcd", ["sh", "-c", script], ENVIRONMENT, tmp_path / "log")
        with pytest.raises(PortTakenError):
            processes.wait(["etcd"], lambda: False, 20, "etcd")


def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with Processes() as processes:
        processes.start("etcd", [str(tmp_path / "nothing")], ENVIRONMENT, tmp_path / "log")
        with pytest.raises(ClusterError, match="No such file or directory"):
            processes.check("etcd")


def test_what_does_not_come_is_told_after_its_time(tmp_path: Path) -> None:
    with Processes() as processes:
        processes.start("etcd", ["sh", "-c", "echo still busy; sleep 60"], ENVIRONMENT, tmp_path / "log")
        started = time.monotonic()
        with pytest.raises(ClusterError, match=r"not there after 0 s:\netcd:\n  still busy"):
            processes.wait(["etcd"], lambda: time.monotonic() - started > 60, 0.3, "etcd")


def test_one_process_is_killed_and_the_other_stays(tmp_path: Path) -> None:
    with Processes() as processes:
        for name in ("one", "two"):
            processes.start(name, ["sleep", "600"], ENVIRONMENT, tmp_path / "log")
        processes.kill("one", "three")
        assert list(processes.pids) == ["two"]
        processes.start("one", ["sleep", "600"], ENVIRONMENT, tmp_path / "log")
        processes.check("one", "two")


def test_a_killed_supervisor_is_noticed(tmp_path: Path, eventually: Wait) -> None:
    with Processes() as processes:
        processes.start("etcd", ["sleep", "600"], ENVIRONMENT, tmp_path / "log")
        assert processes._supervisor is not None
        processes._supervisor.kill()
        with pytest.raises(ClusterError, match=r"etcd: ended \(exit code -9\)"):
            processes.wait(["etcd"], lambda: False, 20, "etcd")
        with pytest.raises(ClusterError, match="their supervisor was killed"):
            processes.start("kwok", ["sleep", "600"], ENVIRONMENT, tmp_path / "log")
