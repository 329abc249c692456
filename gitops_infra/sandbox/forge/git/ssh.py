"""Git over SSH: user name `git`, public keys only, and no program but git's two."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator

import asyncssh

from gitops_infra.sandbox.forge.git.hook import Push
from gitops_infra.sandbox.forge.git.transport import CHUNK, SERVICES, AccessError, Transport, authorise, protocol
from gitops_infra.sandbox.forge.identity import Identity, IdentityKind, from_ssh_key
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.ports import bound

LOG = logging.getLogger(__name__)
USER = "git"
COMMAND = re.compile(r"(git-upload-pack|git-receive-pack) '?/?([^/' ]+)/([^/' ]+?)(?:\.git)?/?'?")
IDENTITY_KEY = "gitops_infra_key"

ServerProcess = asyncssh.SSHServerProcess[bytes]


class _Authentication(asyncssh.SSHServer):
    """Admits the keys that the store knows; which key it was is kept with the connection."""

    def __init__(self, store: Store, open_ones: set[asyncssh.SSHServerConnection]) -> None:
        self._store = store
        self._open = open_ones
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncssh's signature)
        if self._connection is not None:
            self._open.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002  (asyncssh's signature)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        text = key.export_public_key("openssh").decode()
        with self._store.lock:
            known = username == USER and from_ssh_key(self._store, text) is not None
        if known and self._connection is not None:
            self._connection.set_extra_info(**{IDENTITY_KEY: text})
        return known


class GitSsh:
    """The SSH server."""

    def __init__(self, store: Store, transport: Transport) -> None:
        self._store = store
        self._transport = transport
        self._server: asyncssh.SSHAcceptor | None = None
        self._open: set[asyncssh.SSHServerConnection] = set()
        self.web_url: str | None = None

    async def start(self, port: int, host_key: asyncssh.SSHKey) -> int:
        """Listens on loopback; the port (0 takes a free one). Raises OSError when it is taken."""
        taken = bound(port)
        self._server = await asyncssh.create_server(
            lambda: _Authentication(self._store, self._open),
            sock=taken,
            server_host_keys=[host_key],
            process_factory=self._serve,
            encoding=None,
            line_editor=False,
            allow_pty=False,
            x11_forwarding=False,
            agent_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            login_timeout=30,
        )
        return int(taken.getsockname()[1])

    async def stop(self) -> None:
        """Stops listening and ends open connections."""
        if self._server is None:
            return
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # what was accepted last becomes a connection in the next turn of the loop
        # Closing the server leaves these alone, and an agent in a cluster may be in the middle of one.
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))

    async def _serve(self, process: ServerProcess) -> None:
        code = 1
        try:
            code = await self._run(process)
        except AccessError as refusal:
            process.stderr.write(f"ERROR: {refusal.message}\n".encode())
        except (OSError, asyncssh.Error):
            pass  # the client has gone: nobody to tell
        except Exception:
            LOG.exception("a git session over SSH failed")
            process.stderr.write(b"ERROR: Internal error, see the log of the forge.\n")
        process.exit(code)

    async def _run(self, process: ServerProcess) -> int:
        key = process.get_extra_info(IDENTITY_KEY)
        identity, repository, service = await asyncio.to_thread(self._admit, key, process.command)
        version = protocol(process.env.get("GIT_PROTOCOL"), service)

        async def sink(data: bytes) -> None:
            process.stdout.write(data)
            await process.stdout.drain()

        if service == "git-upload-pack":
            return await self._transport.fetch(repository, version, _input(process), sink)
        push = Push(identity, repository, "ssh", self.web_url)
        return await self._transport.push(push, version, _input(process), sink)

    def _admit(self, key: str, command: str | None) -> tuple[Identity, Repository, str]:
        with self._store.lock:
            identity = from_ssh_key(self._store, key)
            if identity is None:  # revoked since the connection was made
                raise AccessError(401, "Permission denied (publickey).")
            if command is None:
                greeting = f"Hi {identity.label}! You've successfully authenticated"
                raise AccessError(403, f"{greeting}, but GitHub does not provide shell access.")
            match = COMMAND.fullmatch(command)
            if match is None or match[1] not in SERVICES:
                raise AccessError(403, f"Invalid command: {command!r}")
            repository = authorise(self._store, identity, match[2], match[3], match[1])
            if identity.kind is IdentityKind.DEPLOY_KEY:
                deploy_key = self._store.deploy_keys[identity.deploy_key_id or 0]
                deploy_key.last_used = self._store.now()
                self._store.save(deploy_key)
            return identity, repository, match[1]


async def _input(process: ServerProcess) -> AsyncIterator[bytes]:
    while data := await process.stdin.read(CHUNK):
        yield data


__all__ = ["GitSsh"]
