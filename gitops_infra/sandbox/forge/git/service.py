"""The git half of the forge: one object that serves HTTP and SSH."""

import os
from pathlib import Path

import asyncssh

from gitops_infra.sandbox.forge.git.hook import HookServer
from gitops_infra.sandbox.forge.git.http import GitHttp
from gitops_infra.sandbox.forge.git.ssh import GitSsh
from gitops_infra.sandbox.forge.git.transport import Transport
from gitops_infra.sandbox.forge.store import Store

KEY_TYPE = "ssh-ed25519"


class GitService:
    """Git over HTTP (`asgi`, to be mounted) and over SSH (`start`, `stop`), both under the same decisions."""

    def __init__(self, store: Store) -> None:
        self._hooks = HookServer(store)
        transport = Transport(store, self._hooks)
        self._host_key = host_key(store.directory / "ssh_host_key")
        self._ssh = GitSsh(store, transport)
        self.asgi = GitHttp(store, transport)
        """The ASGI app for the paths that `http.is_git_path` knows. Works between `start` and `stop`."""

    async def start(self, ssh_port: int = 0, web_url: str | None = None) -> int:
        """Starts the callback of the push hook and the SSH server; the SSH port.

        `web_url` is named in refusals over SSH; over HTTP it is the address that the client used.
        """
        await self._hooks.start()
        self._ssh.web_url = web_url
        return await self._ssh.start(ssh_port, self._host_key)

    async def stop(self) -> None:
        """Stops both."""
        await self._ssh.stop()
        await self._hooks.stop()

    def known_hosts_line(self, host: str, port: int) -> str:
        """The line of a `known_hosts` file that pins this server's key."""
        name = host if port == asyncssh.DEFAULT_PORT else f"[{host}]:{port}"
        return f"{name} {self._host_key.export_public_key('openssh').decode().strip()}"


def host_key(path: Path) -> asyncssh.SSHKey:
    """The SSH server's key: read, or made on first use and kept with mode 0600."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(asyncssh.generate_private_key(KEY_TYPE).export_private_key("openssh"))
        fresh.replace(path)
    return asyncssh.read_private_key(str(path))
