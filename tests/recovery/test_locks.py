"""Locks of the file backend: whose they are, and whether the holder lives."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from gitops_infra.recovery.locks import locks, state_folder


def put(folder: Path, content: object, stack: str = "dev") -> None:
    path = folder / ".pulumi" / "locks" / "organization" / "shop" / stack / "0b1c.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def held(pid: int, host: str | None = None) -> dict[str, object]:
    return {
        "pid": pid,
        "username": "dana",
        "hostname": host or socket.gethostname(),
        "timestamp": "2026-11-21T09:50:54Z",
    }


def test_a_lock_names_its_holder(tmp_path: Path) -> None:
    put(tmp_path, held(7, "build-3"))
    (lock,) = locks(tmp_path, "shop", "dev")
    assert str(lock) == "process 7 of dana on build-3, since 2026-11-21T09:50:54Z"
    assert not lock.local


def test_locks_of_other_stacks_do_not_count(tmp_path: Path) -> None:
    put(tmp_path, held(7), stack="production")
    assert locks(tmp_path, "shop", "dev") == ()


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    put(tmp_path, held(ended.pid))
    (lock,) = locks(tmp_path, "shop", "dev")
    assert lock.local
    assert not lock.alive


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="only Linux tells what a process is")
def test_a_process_that_is_not_pulumi_got_an_old_number(tmp_path: Path) -> None:
    """This test's own process lives and is no Pulumi."""
    put(tmp_path, held(os.getpid()))
    (lock,) = locks(tmp_path, "shop", "dev")
    assert not lock.alive


@pytest.mark.parametrize("content", ["", "[]", '{"pid": "many"}', "{}"])
def test_a_file_that_is_no_lock_is_judged_as_somebody_elses(tmp_path: Path, content: str) -> None:
    put(tmp_path, content)
    (lock,) = locks(tmp_path, "shop", "dev")
    assert str(lock) == "process 0 of nobody on an unknown host, since an unknown time"
    assert not lock.local


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("https://app.pulumi.com/acme", None),
        ("s3://states", None),
        ("file:///srv/states", Path("/srv/states")),
        ("file:///srv/our%20states", Path("/srv/our states")),
        ("file://~", Path.home()),
    ],
)
def test_only_a_file_backend_has_a_folder(backend: str, expected: Path | None, tmp_path: Path) -> None:
    assert state_folder(backend, tmp_path) == (expected and expected.resolve())


def test_a_relative_folder_is_the_projects(tmp_path: Path) -> None:
    assert state_folder("file://./state", tmp_path) == tmp_path.resolve() / "state"
