"""Whether a deploy key opens its repository: asked over SSH, as a promotion will."""

import asyncio
import os
import tempfile
from pathlib import Path

from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY

SECONDS = 60.0
_LINES = 3


class KeyRefused(RuntimeError):  # noqa: N818 - says what happened; the text is what is shown
    """The key does not open the repository. The text says what was tried and what SSH or git answered."""


async def prove(url: str, private_key: str, known_hosts: tuple[str, ...] = ()) -> None:
    """Lists the refs of `url` with the key and nothing else; returns when that works. Raises KeyRefused.

    `known_hosts` pins the server; without, github.com's published key is used, and for any other server whatever it
    shows is accepted: nothing secret is sent to it.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as scratch:
        folder = Path(scratch)
        key, hosts = folder / "key", folder / "known_hosts"
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(private_key.rstrip("\n") + "\n")
        hosts.write_text("\n".join((*known_hosts, GITHUB_COM_HOST_KEY)) + "\n", encoding="utf-8")
        pinned = known_hosts or "github.com" in url
        options = (
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            f"StrictHostKeyChecking={'yes' if pinned else 'accept-new'}",
            "ConnectTimeout=20",
            f"UserKnownHostsFile={hosts}",
            "GlobalKnownHostsFile=/dev/null",
        )
        command = " ".join(["ssh", "-F", "none", "-i", str(key), *(f"-o {option}" for option in options)])
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"GIT_SSH_COMMAND": command, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        await _list(url, environment)


async def _list(url: str, environment: dict[str, str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "ls-remote",
            url,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise KeyRefused("git is not installed here, so the new key was not tried. Install git and ssh") from None
    try:
        _, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise KeyRefused(f"the new key was not accepted by {url} within {SECONDS:.0f} seconds") from None
    if process.returncode != 0:
        said = " ".join(errors.decode(errors="replace").split("\n")[:_LINES]).strip()
        raise KeyRefused(
            f"the new key does not open {url}: {said}. The old key is still in use; see that deploy keys are allowed "
            "and that SSH reaches the server, then run `pulumi up` again"
        )
