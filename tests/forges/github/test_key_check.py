"""A deploy key is tried against a forge's own SSH server, and leaves no trace on this machine."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from gitops_infra.forges.github import key_check
from gitops_infra.forges.github.key_check import KeyRefused, host_of, prove
from gitops_infra.sandbox import ports
from gitops_infra.sandbox.forge.server import Sandbox

REMEDY = (
    "The old key is still in use; see that deploy keys are allowed and that SSH reaches the server, then run "
    "`pulumi up` again"
)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    """The organisation acme with the empty repository state."""
    with Sandbox(tmp_path / "forge") as sandbox:
        sandbox.add_user("olivia")
        sandbox.add_organization("acme", owners=["olivia"])
        sandbox.add_repository("acme/state")
        yield sandbox


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, a folder that has a blank in its name."""
    folder = tmp_path / "temporary files"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an SSH key pair; the private key's path."""

    def make(name: str) -> Path:
        path = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        return path

    return make


@pytest.fixture
def add(forge: Sandbox) -> Callable[[Path], str]:
    """Makes the key a deploy key of the repository; the path to revoke it by."""
    headers = {"Authorization": f"Bearer {forge.token('olivia')}"}

    def add(key: Path) -> str:
        body = {"title": key.name, "key": Path(f"{key}.pub").read_text(), "read_only": False}
        made = httpx.post(f"{forge.api_url}/repos/acme/state/keys", json=body, headers=headers)
        assert made.status_code == 201, made.text
        return f"{forge.api_url}/repos/acme/state/keys/{made.json()['id']}"

    return add


def try_it(forge: Sandbox, key: Path, *known_hosts: str, url: str | None = None) -> None:
    asyncio.run(prove(url or forge.ssh_url("acme/state"), key.read_text(), known_hosts or (forge.known_hosts,)))


def refusal(forge: Sandbox, key: Path, *known_hosts: str, url: str | None = None) -> str:
    with pytest.raises(KeyRefused) as refused:
        try_it(forge, key, *known_hosts, url=url)
    return str(refused.value)


def test_a_deploy_key_of_the_repository_opens_it(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str], scratch: Path
) -> None:
    key = make_key("writer")
    add(key)
    try_it(forge, key)
    assert list(scratch.iterdir()) == []


def test_a_key_that_the_forge_does_not_know_is_refused(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str], scratch: Path
) -> None:
    add(make_key("writer"))
    told = refusal(forge, make_key("stranger"))
    assert told.startswith(f"the new key does not open {forge.ssh_url('acme/state')}: ")
    assert "Permission denied (publickey)" in told
    assert told.endswith(REMEDY)
    assert list(scratch.iterdir()) == []


def test_a_revoked_key_is_refused_though_it_worked_a_moment_ago(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str]
) -> None:
    key = make_key("writer")
    address = add(key)
    try_it(forge, key)
    httpx.delete(address, headers={"Authorization": f"Bearer {forge.token('olivia')}"}).raise_for_status()
    assert "Permission denied (publickey)" in refusal(forge, key)


def test_a_key_of_another_repository_is_refused(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str]
) -> None:
    forge.add_repository("acme/other")
    key = make_key("writer")
    add(key)
    assert "acme/other.git: " in refusal(forge, key, url=forge.ssh_url("acme/other"))


def test_a_server_with_another_host_key_is_not_believed(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str]
) -> None:
    key = make_key("writer")
    add(key)
    name = forge.known_hosts.split()[0]
    another = " ".join(Path(f"{make_key('host')}.pub").read_text().split()[:2])
    told = refusal(forge, key, f"{name} {another}")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED!" in told
    assert "@@" not in told
    assert "\n" not in told


def test_a_pinned_server_that_is_not_listed_is_not_believed(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str]
) -> None:
    key = make_key("writer")
    add(key)
    another = " ".join(Path(f"{make_key('host')}.pub").read_text().split()[:2])
    assert "Host key verification failed" in refusal(forge, key, f"forge.example {another}")


def test_a_server_that_nobody_pinned_is_believed(
    forge: Sandbox, make_key: Callable[[str], Path], add: Callable[[Path], str]
) -> None:
    """Nothing secret is sent to it: a key only signs."""
    key = make_key("writer")
    add(key)
    asyncio.run(prove(forge.ssh_url("acme/state"), key.read_text()))


def test_a_port_where_nobody_listens_is_named(forge: Sandbox, make_key: Callable[[str], Path]) -> None:
    with ports.bound() as silent:
        port = silent.getsockname()[1]
        told = refusal(forge, make_key("writer"), url=f"ssh://git@127.0.0.1:{port}/acme/state.git")
    assert f"connect to host 127.0.0.1 port {port}: Connection refused" in told
    assert told.endswith(REMEDY)


@pytest.fixture
def silent_server() -> Iterator[tuple[str, Event, list[int]]]:
    """Takes one connection and says nothing: its address, when it came, and (later) the end of it."""
    came = Event()
    read: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                came.set()
                while data := connection.recv(1024):
                    read.append(len(data))
            read.append(0)

        thread = Thread(target=serve)
        thread.start()
        yield f"ssh://git@127.0.0.1:{server.getsockname()[1]}/acme/state.git", came, read
        thread.join(20)
        assert not thread.is_alive(), "ssh still holds the connection"


def test_a_server_that_does_not_answer_is_given_up_with_ssh(
    silent_server: tuple[str, Event, list[int]],
    make_key: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    scratch: Path,
) -> None:
    """Not only git: an ssh that is left behind would hold the connection, and the key's file by its name."""
    url, came, _ = silent_server
    monkeypatch.setattr(key_check, "SECONDS", 0.5)
    with pytest.raises(KeyRefused, match=r"no answer within 0\.5 seconds\. The old key is still in use"):
        asyncio.run(prove(url, make_key("writer").read_text()))
    assert came.is_set()
    assert list(scratch.iterdir()) == []


def test_the_key_is_in_no_argument_and_no_variable_and_its_file_is_ours_alone(
    silent_server: tuple[str, Event, list[int]],
    make_key: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    scratch: Path,
) -> None:
    """Looked at while git and ssh wait for the server."""
    url, came, _ = silent_server
    key = make_key("writer").read_text()
    monkeypatch.setattr(key_check, "SECONDS", 30)
    seen: list[str] = []
    modes: set[int] = set()

    async def look() -> None:
        trying = asyncio.ensure_future(prove(url, key))
        await asyncio.to_thread(came.wait, 20)
        seen.extend(_processes_that_name(scratch))
        modes.update(_modes(scratch))
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying

    asyncio.run(look())
    assert any("ls-remote" in each for each in seen)
    assert any("IdentitiesOnly=yes" in each for each in seen)
    lines = [line for line in key.splitlines() if line]
    assert not [line for line in lines for each in seen if line in each]
    assert modes == {0o600}
    assert list(scratch.iterdir()) == []


def _modes(folder: Path) -> set[int]:
    """Who may read the key's file."""
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("key")}


def _processes_that_name(folder: Path) -> list[str]:
    """Arguments and environment of every process that mentions the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = "\n".join((entry / part).read_text(errors="replace") for part in ("cmdline", "environ"))
            except OSError:  # another user's, or gone
                continue
            if str(folder) in text:
                found.append(text)
    return found


def test_without_git_the_text_says_what_to_install(
    forge: Sandbox, make_key: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scratch: Path
) -> None:
    key = make_key("writer")
    monkeypatch.setenv("PATH", str(tmp_path))
    told = refusal(forge, key)
    assert told == "git is not installed here, so the new key was not tried. Install git and ssh"
    assert list(scratch.iterdir()) == []


def test_settings_of_git_do_not_send_it_elsewhere(
    forge: Sandbox,
    make_key: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With `insteadOf`, HTTPS and a stored token would answer for a key that opens nothing."""
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["git", "init", "--quiet", "--bare", str(elsewhere)], check=True)
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[url "{elsewhere}"]\n\tinsteadOf = {forge.ssh_url("acme/state")}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    git = shutil.which("git") or "git"
    subprocess.run([git, "ls-remote", forge.ssh_url("acme/state")], check=True)  # so it would
    assert "Permission denied (publickey)" in refusal(forge, make_key("stranger"))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("git@github.com:acme/shop.git", "github.com"),
        ("ssh://git@GitHub.com/acme/shop.git", "github.com"),
        ("ssh://git@github.com:22/acme/shop.git", "github.com"),
        ("git@github.com.example:acme/shop.git", "github.com.example"),
        ("git@github.example:github.com/shop.git", "github.example"),
        ("ssh://git@[::1]:2222/acme/shop.git", "::1"),
    ],
)
def test_only_github_com_itself_is_pinned_unasked(url: str, host: str) -> None:
    """The published key is not that of a server whose name just contains it."""
    assert host_of(url) == host
