"""Whether a deploy key opens its repository: asked over SSH, as a promotion will."""

import asyncio
import os
import re
import shlex
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY

SECONDS = 60.0
"""How long the server may take before the key counts as refused."""

GITHUB_COM = "github.com"
_HOST = re.compile(r"(?:ssh://)?(?:[^@/]*@)?(\[[^\]]*\]|[^:/]+)")
"""The host in `ssh://user@host:port/path` and in `user@host:path`."""

_LINES = 3
_FRAME = "@"
"""What SSH draws around its warning that a host key has changed."""


class KeyRefused(RuntimeError):  # noqa: N818 - says what happened; the text is what is shown
    """The key does not open the repository. The text says what was tried and what SSH or git answered."""


async def prove(url: str, private_key: str, known_hosts: tuple[str, ...] = ()) -> None:
    """Lists the refs of `url` with the key and nothing else; returns when that works. Raises KeyRefused.

    `known_hosts` pins the server; without, github.com's published key is used, and for any other server whatever it
    shows is accepted: nothing secret is sent to it. Neither git's settings nor SSH's count here: an `insteadOf` could
    ask another server, an agent could answer with another key.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as scratch:
        folder = Path(scratch)
        key, hosts = folder / "key", folder / "known_hosts"
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(private_key.rstrip("\n") + "\n")
        hosts.write_text("\n".join((*known_hosts, GITHUB_COM_HOST_KEY)) + "\n", encoding="utf-8")
        pinned = bool(known_hosts) or host_of(url) == GITHUB_COM
        await _list(url, folder, _environment(_ssh(key, hosts, pinned=pinned)))


def host_of(url: str) -> str:
    """The host of an address over SSH in either form, in small letters, without user and port."""
    found = _HOST.match(url)
    return "" if found is None else found[1].strip("[]").casefold()


def _ssh(key: Path, hosts: Path, *, pinned: bool) -> str:
    options = (
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        f"StrictHostKeyChecking={'yes' if pinned else 'accept-new'}",
        "ConnectTimeout=20",
        f'UserKnownHostsFile="{hosts}"',  # a list, parted by blanks
        "GlobalKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
    )
    return shlex.join(["ssh", "-F", "none", "-i", str(key), *(part for option in options for part in ("-o", option))])


def _environment(ssh: str) -> dict[str, str]:
    ambient = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return ambient | {
        "GIT_SSH_COMMAND": ssh,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }


async def _list(url: str, folder: Path, environment: dict[str, str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "ls-remote",
            "--",
            url,
            cwd=folder,  # in no repository, whose own settings would count
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise KeyRefused("git is not installed here, so the new key was not tried. Install git and ssh") from None
    try:
        _, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        raise KeyRefused(_refusal(url, f"no answer within {SECONDS:g} seconds")) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # git and its ssh
            await process.wait()
    if process.returncode != 0:
        raise KeyRefused(_refusal(url, _said(errors.decode(errors="replace"))))


def _said(text: str) -> str:
    """The first lines of what SSH and git answered, as one."""
    lines = (line.strip(f"{_FRAME} \r") for line in text.split("\n"))
    return " ".join([line for line in lines if line][:_LINES])


def _refusal(url: str, said: str) -> str:
    return (
        f"the new key does not open {url}: {said.rstrip('.')}. The old key is still in use; see that deploy keys are "
        "allowed and that SSH reaches the server, then run `pulumi up` again"
    )
