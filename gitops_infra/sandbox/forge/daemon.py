"""The forge as a process of its own: started detached, found again through `state.json`, stopped by its pid."""

import argparse
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.cluster import daemon as clusters
from gitops_infra.sandbox.forge.store import DATABASE

# This module is also what callers import to ask "is it running?": the server is imported only by the daemon itself.

MODULE = "gitops_infra.sandbox.forge.daemon"
STATE = "state.json"
LOG = "forge.log"
START_TIMEOUT = 20.0
STOP_TIMEOUT = 10.0
POLL = 0.01

ORGANIZATION = "acme"
PEOPLE = {"olivia": "owner", "mara": "maintainer", "dana": "developer", "rita": "reviewer", "otto": "outsider"}
"""Users of a new forge and what they are for; roles in a repository come with it. Otto is no member of `acme`."""
PROVISIONER = "provisioner"
PROVISIONER_PERMISSIONS = {
    "actions": "read",
    "administration": "write",
    "contents": "write",
    "environments": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "repository_hooks": "write",
    "workflows": "write",
}
"""Of the App that `pulumi up` should act as: a deploy key made by a personal token dies with it."""


class DaemonError(RuntimeError):
    """The forge could not be started or stopped; the text says why and what to do."""


@dataclass(frozen=True)
class State:
    """Where a running forge is. Holds the control token: readable by its owner only."""

    pid: int
    url: str
    ssh_port: int
    known_hosts: str
    control_token: str
    directory: str
    tls_url: str = ""
    """`https://127.0.0.1:PORT`; empty without TLS."""
    ca_file: str = ""
    """What clients of `tls_url` must trust, in PEM."""

    @property
    def api_url(self) -> str:
        """Root of the REST interface, without a final slash."""
        return f"{self.url}/api/v3"

    def __repr__(self) -> str:
        """Without the control token, which would end in logs."""
        return f"State(pid={self.pid}, url={self.url!r}, ssh_port={self.ssh_port}, directory={self.directory!r})"


def status(directory: Path) -> State | None:
    """The state of the forge that runs over the directory, or None. A state file left by a dead one is removed."""
    path = directory / STATE
    try:
        state = State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        path.unlink(missing_ok=True)
        return None
    if _is_ours(state.pid, directory):
        return state
    path.unlink(missing_ok=True)
    return None


def up(directory: Path, *, http_port: int = 0, ssh_port: int = 0, tls: bool = False, tls_port: int = 0) -> State:
    """Starts a forge over the directory, or finds the running one; ready when it returns.

    A new forge has the organisation `acme` with the users of `PEOPLE` and the App `provisioner`. Raises DaemonError,
    also when one runs without TLS and it is asked for.
    """
    directory = directory.resolve()
    running = status(directory)
    if running is not None:
        if tls and not running.tls_url:
            raise DaemonError(
                f"the sandbox forge (pid {running.pid}) runs without TLS: stop it first, then start it so"
            )
        return running
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    arguments = [str(directory), "--http-port", str(http_port), "--ssh-port", str(ssh_port)]
    if tls:
        arguments += ["--tls", "--tls-port", str(tls_port)]
    with (directory / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # Reaps the child should it end while this process lives; it outlives this process otherwise.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        state = status(directory)
        if state is not None:
            return state
        if process.poll() is not None:
            raise DaemonError(f"the sandbox forge did not start: {_last_line(directory / LOG)}")
        time.sleep(POLL)
    process.kill()
    raise DaemonError(f"the sandbox forge did not start in {START_TIMEOUT:.0f} s, see {directory / LOG}")


def down(directory: Path) -> bool:
    """Stops the forge over the directory and its clusters, whose data stays; False when nothing ran.

    Raises DaemonError or ClusterError for what does not end.
    """
    directory = directory.resolve()
    had_clusters = clusters.down(directory)
    state = status(directory)
    if state is None:
        return had_clusters
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(state.pid, wanted)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + STOP_TIMEOUT
        while _is_ours(state.pid, directory) and time.monotonic() < deadline:
            time.sleep(POLL)
        if not _is_ours(state.pid, directory):
            break
    else:
        raise DaemonError(f"the sandbox forge (pid {state.pid}) does not end")
    (directory / STATE).unlink(missing_ok=True)
    return True


def reset(directory: Path) -> State | None:
    """Forgets everything: an empty forge, on the same ports when one ran (its state), else None. So with clusters.

    Raises DaemonError for a directory that has files but no forge: those are somebody else's.
    """
    directory = directory.resolve()
    running, running_clusters = status(directory), clusters.status(directory)
    down(directory)
    if directory.exists():
        if any(directory.iterdir()) and not (directory / DATABASE).exists():
            raise DaemonError(f"{directory} holds no sandbox forge, so nothing there is removed: give its directory")
        clusters.forget(directory)  # all but which ports they had
        for path in directory.iterdir():
            if path.name != clusters.FOLDER:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if running_clusters is not None:
        clusters.up(directory, running_clusters.names)
    if running is None:
        return None
    tls_port = int(running.tls_url.rpartition(":")[2] or 0)
    return up(
        directory,
        http_port=int(running.url.rpartition(":")[2]),
        ssh_port=running.ssh_port,
        tls=bool(tls_port),
        tls_port=tls_port,
    )


def _is_ours(pid: int, directory: Path) -> bool:
    """Whether the process lives and is this forge: a pid may have been given to another program since."""
    command = Path(f"/proc/{pid}/cmdline")
    if command.parent.parent.joinpath("self").exists():
        try:
            words = command.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
    else:
        listed = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
        words = listed.stdout.split()
    return MODULE in words and str(directory) in words


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def _write_state(directory: Path, state: State) -> None:
    """Appears complete or not at all, readable by the owner only."""
    draft = directory / f"{STATE}.{state.pid}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(state), file)
    draft.replace(directory / STATE)


def seed(sandbox: Any) -> None:
    """Fills an empty forge: `acme` on the Enterprise plan, its people in two teams, and the App that provisions."""
    for login in PEOPLE:
        sandbox.add_user(login)
    sandbox.add_organization(ORGANIZATION, owners=["olivia"], price_plan="enterprise")
    for login in ("mara", "dana", "rita"):
        sandbox.add_member(ORGANIZATION, login)
    sandbox.add_team(ORGANIZATION, "developers", ["dana"])
    sandbox.add_team(ORGANIZATION, "platform", ["mara", "rita"])
    sandbox.app(ORGANIZATION, PROVISIONER, PROVISIONER_PERMISSIONS)


def _run(directory: Path, **settings: Any) -> None:
    from gitops_infra.sandbox.forge.control import Control  # noqa: PLC0415  (see the top: callers stay light)
    from gitops_infra.sandbox.forge.server import Sandbox  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    token = secrets.token_urlsafe(32)
    sandbox = Sandbox(directory, **settings)
    Control(sandbox, token)
    if not sandbox.store.accounts:
        with sandbox.store.transaction():
            seed(sandbox)
    with sandbox:
        state = State(
            pid=os.getpid(),
            url=sandbox.url,
            ssh_port=sandbox.ssh_port,
            known_hosts=sandbox.known_hosts,
            control_token=token,
            directory=str(directory),
            tls_url=sandbox.tls_url,
            ca_file=str(sandbox.ca_file or ""),
        )
        _write_state(directory, state)
        stopped.wait()


def main() -> None:
    """Runs the forge in the foreground until SIGTERM; an error is one line in the log."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--ssh-port", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--tls-port", type=int, default=0)
    settings = vars(parser.parse_args())
    try:
        _run(settings.pop("directory"), **settings)
    except (OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
