"""The forge as a process of its own, and steering it from outside."""

import contextlib
import json
import os
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gitops_infra.sandbox import ports
from gitops_infra.sandbox.forge import daemon
from gitops_infra.sandbox.forge.control import RemoteError, RemoteSandbox
from gitops_infra.sandbox.forge.faults import Fault
from gitops_infra.sandbox.forge.jobs import JobGrant, JobRefused
from gitops_infra.sandbox.forge.ledger import CallTotal
from gitops_infra.sandbox.forge.model import App


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "forge"
    daemon.down(tmp_path / "forge")


def test_up_is_ready_when_it_returns_and_idempotent(directory: Path) -> None:
    state = daemon.up(directory)
    assert httpx.get(f"{state.api_url}/meta", trust_env=False).status_code == 200
    assert daemon.up(directory) == state == daemon.status(directory)
    assert (directory / daemon.STATE).stat().st_mode & 0o077 == 0
    assert state.control_token not in repr(state)
    assert daemon.down(directory) is True
    assert daemon.status(directory) is None
    assert daemon.down(directory) is False


def test_a_remote_sandbox_does_what_a_local_one_does(directory: Path) -> None:
    state = daemon.up(directory)
    remote = RemoteSandbox(state.url, state.control_token)
    assert remote.status()["pid"] == state.pid
    remote.add_repository("acme/shop", auto_init=True)
    remote.grant("acme/shop", "dana", "write")
    headers = {"Authorization": f"Bearer {remote.token('dana')}"}
    assert httpx.get(f"{state.api_url}/repos/acme/shop", headers=headers, trust_env=False).status_code == 200
    granted = remote.job(repository="acme/shop", event="push", ref="refs/heads/main", actor="dana")
    assert isinstance(granted, JobGrant)
    remote.finish(granted, "success")
    refused = remote.job(repository="acme/shop", event="push", ref="refs/heads/main", actor="otto")
    assert isinstance(refused, JobRefused)


def test_apps_and_credentials_are_managed_from_outside(directory: Path) -> None:
    state = daemon.up(directory)
    remote = RemoteSandbox(state.url, state.control_token)
    remote.add_repository("acme/shop", auto_init=True)
    app = remote.create_app("acme", "robot", {"contents": "write"})
    assert isinstance(app, App)
    with pytest.raises(RemoteError, match=r"^app 'robot' is not installed on acme$"):
        remote.app_token(app)
    installed = remote.install(app, "acme", ["acme/shop"])
    assert remote.installation("robot") == installed
    assert remote.app_key(app).startswith("-----BEGIN RSA PRIVATE KEY-----")
    remote.set_app_permissions(app, {"contents": "read"})
    assert remote.installation("robot").permissions == {"contents": "read", "metadata": "read"}
    value = remote.app_token(app, repositories=["acme/shop"])
    headers = {"Authorization": f"Bearer {value}"}
    path = f"{state.api_url}/repos/acme/shop"
    assert httpx.get(path, headers=headers, trust_env=False).status_code == 200
    remote.uninstall(app)
    assert httpx.get(path, headers=headers, trust_env=False).status_code == 401
    assert remote.configure_account("acme", price_plan="team", approves_tokens=True).price_plan == "team"
    remote.approve_token(remote.token("dana", {"contents": "read"}, owner="acme"))
    remote.revoke_app_keys(app)


def test_a_pull_request_travels_and_is_merged_from_outside(directory: Path) -> None:
    state = daemon.up(directory)
    remote = RemoteSandbox(state.url, state.control_token)
    remote.add_repository("acme/shop", auto_init=True)
    remote.grant("acme/shop", "acme/developers", "write")
    remote.grant("acme/shop", "acme/platform", "write")
    headers = {"Authorization": f"Bearer {remote.token('dana')}"}
    with httpx.Client(base_url=f"{state.api_url}/repos/acme/shop", headers=headers, trust_env=False) as dana:
        sha = dana.get("/git/ref/heads/main").json()["object"]["sha"]
        dana.post("/git/refs", json={"ref": "refs/heads/topic", "sha": sha})
        dana.put("/contents/a", json={"message": "m", "content": "", "branch": "topic"})
        pull = remote.open_pull_request("acme/shop", "dana", "topic", "main")
        remote.review(pull, "rita")
        result = remote.merge(pull, "mara")
        assert result.verdict.allowed
        assert dana.get("/git/ref/heads/main").json()["object"]["sha"] == result.sha


def test_a_refused_call_says_why_and_a_wrong_token_calls_nothing(directory: Path) -> None:
    state = daemon.up(directory)
    with pytest.raises(RemoteError, match=r"^no user 'nobody'$"):
        RemoteSandbox(state.url, state.control_token).token("nobody")
    with pytest.raises(RemoteError, match=r"^the control token is missing or wrong$"):
        RemoteSandbox(state.url, "guess").token("dana")
    with pytest.raises(AttributeError, match="RemoteSandbox has no stop"):
        RemoteSandbox(state.url, state.control_token).stop()


def test_state_survives_a_kill(directory: Path) -> None:
    state = daemon.up(directory)
    RemoteSandbox(state.url, state.control_token).add_repository("acme/shop")
    os.kill(state.pid, signal.SIGKILL)
    while daemon.status(directory) is not None:
        pass
    again = daemon.up(directory)
    assert again.pid != state.pid
    assert again.known_hosts.split()[1:] == state.known_hosts.split()[1:]
    with pytest.raises(RemoteError, match="Repository creation failed"):
        RemoteSandbox(again.url, again.control_token).add_repository("acme/shop")


def test_a_state_file_of_another_program_is_not_believed(directory: Path) -> None:
    """A pid is given to another program in time: nothing but our own forge is ever killed."""
    directory.mkdir()
    foreign = daemon.State(os.getpid(), "http://127.0.0.1:1", 1, "", "t", str(directory))
    daemon._write_state(directory, foreign)
    assert daemon.down(directory) is False
    assert not (directory / daemon.STATE).exists()
    (directory / daemon.STATE).write_text("{", encoding="utf-8")
    assert daemon.status(directory) is None


def test_reset_forgets_everything_and_keeps_the_ports(directory: Path) -> None:
    state = daemon.up(directory)
    RemoteSandbox(state.url, state.control_token).add_user("zoe")
    again = daemon.reset(directory)
    assert (again.url, again.ssh_port) == (state.url, state.ssh_port)
    assert httpx.get(f"{again.api_url}/users/zoe", trust_env=False).status_code == 404


def test_reset_touches_no_folder_that_is_not_a_forges(directory: Path) -> None:
    directory.mkdir()
    (directory / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(daemon.DaemonError, match="holds no sandbox forge, so nothing there is removed"):
        daemon.reset(directory)
    assert (directory / "thesis.txt").exists()


def test_its_ports_are_none_that_another_program_is_given_while_it_starts_anew(directory: Path) -> None:
    state = daemon.up(directory, tls=True)
    for port in (*(int(url.rpartition(":")[2]) for url in (state.url, state.tls_url)), state.ssh_port):
        assert ports.FIRST <= port < ports.LAST


def test_a_taken_port_is_one_line(directory: Path) -> None:
    state = daemon.up(directory)
    other = directory.with_name("other")
    with pytest.raises(daemon.DaemonError, match=r"did not start: error: .*in use"):
        daemon.up(other, http_port=int(state.url.rpartition(":")[2]))


def test_tokens_are_not_in_the_files_of_a_fresh_forge(directory: Path) -> None:
    state = daemon.up(directory)
    value = RemoteSandbox(state.url, state.control_token).token("dana")
    daemon.down(directory)
    for path in directory.rglob("*"):
        if path.is_file():
            assert value.encode() not in path.read_bytes()
    assert json.dumps(value) not in (directory / daemon.LOG).read_text(encoding="utf-8")


def test_trouble_is_switched_from_outside(directory: Path) -> None:
    state = daemon.up(directory)
    remote = RemoteSandbox(state.url, state.control_token)
    remote.add_repository("acme/shop", auto_init=True)
    with httpx.Client(base_url=state.api_url, trust_env=False) as anonymous:
        fault = remote.fault(Fault.STATUS_BEFORE, path="/meta", status=503, times=2)
        assert [anonymous.get("/meta").status_code for _ in range(3)] == [503, 503, 200]
        assert fault.hits == 2
        fault.remove()
        remote.limits(primary=1)
        assert [anonymous.get("/meta").status_code for _ in range(2)] == [200, 403]
        remote.unlimited()
        assert remote.calls() == [CallTotal("GET", "/meta", counted=4, uncounted=1)]
        assert remote.calls(since=4) == [CallTotal("GET", "/meta", counted=0, uncounted=1)]


def test_a_forge_that_refuses_connections_is_back_after_a_while(directory: Path) -> None:
    """It cannot be asked to come back, so it must be told for how long beforehand."""
    state = daemon.up(directory)
    remote = RemoteSandbox(state.url, state.control_token)
    with pytest.raises(RemoteError, match="fault refused needs seconds here: nobody could switch it off again"):
        remote.fault(Fault.REFUSED)
    remote.fault(Fault.REFUSED, seconds=0.3)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{state.api_url}/meta", trust_env=False)
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(httpx.ConnectError):
            assert httpx.get(f"{state.api_url}/meta", trust_env=False).status_code == 200
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_tls_is_kept_by_a_reset_and_not_begun_while_one_runs(directory: Path) -> None:
    daemon.up(directory)
    with pytest.raises(daemon.DaemonError, match="runs without TLS: stop it first, then start it so"):
        daemon.up(directory, tls=True)
    daemon.down(directory)
    state = daemon.up(directory, tls=True)
    again = daemon.reset(directory)
    assert again is not None
    assert (again.tls_url, again.url) == (state.tls_url, state.url)
    trusting = ssl.create_default_context(cafile=again.ca_file)
    assert httpx.get(f"{again.tls_url}/api/v3/meta", verify=trusting, trust_env=False).status_code == 200
