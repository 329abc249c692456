"""Runs git's own server processes, upload-pack and receive-pack, between two byte streams."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from gitops_infra.sandbox.forge.git import process
from gitops_infra.sandbox.forge.git.hook import HookServer, Push
from gitops_infra.sandbox.forge.git.report import ReportRewriter
from gitops_infra.sandbox.forge.identity import Identity, IdentityKind, may, role
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.store import Store

SERVICES = ("git-upload-pack", "git-receive-pack")
"""The only programs that a client can have run."""

CHUNK = 65536


class AccessError(Exception):
    """A client may not do what it asks. `status` is for HTTP; the text is GitHub's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def authorise(store: Store, identity: Identity, owner: str, name: str, service: str) -> Repository:
    """The repository, if the identity may use the service on it. Raises AccessError."""
    with store.lock:
        repository = store.repository(owner, name) or store.moved(owner, name)
        if repository is None or role(store, identity, repository) is None:
            raise AccessError(404, "Repository not found.")
        full_name = store.full_name(repository)
        if service == "git-upload-pack":
            if not may(store, identity, repository, "contents", "read"):
                raise AccessError(403, "Write access to repository not granted.")
            return repository
        if not may(store, identity, repository, "contents", "write"):
            raise AccessError(403, _no_write(store, identity, repository, full_name))
        if repository.archived:
            raise AccessError(403, "This repository was archived so it is read-only.")
        return repository


def _no_write(store: Store, identity: Identity, repository: Repository, full_name: str) -> str:
    if identity.integration:
        return "Write access to repository not granted."
    if identity.kind is IdentityKind.DEPLOY_KEY:
        own = identity.repository_id == repository.id and store.deploy_keys[identity.deploy_key_id or 0].read_only
        if own:
            return "The key you are authenticating with has been marked as read only."
        return f"Permission to {full_name}.git denied to deploy key"
    return f"Permission to {full_name}.git denied to {identity.label}."


def protocol(value: str | None, service: str) -> dict[str, str]:
    """Environment for the protocol version that the client asks for; empty when it asks for nothing we pass on.

    Pushes have no version 2; git's own clients do not ask for it.
    """
    wanted = value or ""
    known = re.fullmatch(r"version=[0-2](:[a-z0-9=-]{1,64})*", wanted)
    return {"GIT_PROTOCOL": wanted} if known and (service == "git-upload-pack" or "version=2" not in wanted) else {}


Sink = Callable[[bytes], Awaitable[None]]


class Transport:
    """Serves one repository at a time to a client, over whatever carries the bytes."""

    def __init__(self, store: Store, hooks: HookServer) -> None:
        self._store = store
        self._hooks = hooks

    async def advertise(self, repository: Repository, service: str, version: dict[str, str]) -> bytes:
        """The refs as the smart HTTP protocol lists them, with the header where the protocol version has one."""
        directory = str(self._store.git_dir(repository))
        started = await asyncio.create_subprocess_exec(
            *("git", service.removeprefix("git-"), "--strict", "--stateless-rpc", "--advertise-refs", directory)
            if service == "git-upload-pack"
            else ("git", "receive-pack", "--stateless-rpc", "--advertise-refs", directory),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=process.environment(version),
        )
        listed, _ = await started.communicate()
        if "version=2" in version.get("GIT_PROTOCOL", ""):
            return listed
        line = f"# service={service}\n".encode()
        return b"%04x" % (len(line) + 4) + line + b"0000" + listed

    async def fetch(
        self, repository: Repository, version: dict[str, str], source: AsyncIterator[bytes], sink: Sink, *flags: str
    ) -> int:
        """Exit code of upload-pack. A client that goes away ends it."""
        started = await self._start("upload-pack", repository, process.environment(version), "--strict", *flags)
        feeding = asyncio.create_task(_feed(started, source))
        try:
            while data := await _stdout(started).read(CHUNK):
                await sink(data)
            return await started.wait()
        finally:
            feeding.cancel()
            if started.returncode is None:
                started.kill()
                await started.wait()

    async def push(
        self, push: Push, version: dict[str, str], source: AsyncIterator[bytes], sink: Sink, *flags: str
    ) -> int:
        """Exit code of receive-pack. The report goes out after the store knows what moved.

        A client that goes away does not interrupt git: what it has decided to do is done, and remembered.
        """
        settings = {"core.hooksPath": str(self._hooks.directory)}
        env = process.environment(version | self._hooks.environment(push), settings)
        rewriter = ReportRewriter(advertised="--stateless-rpc" in flags)
        work = asyncio.create_task(self._receive(push, env, source, sink, rewriter, flags))
        return await asyncio.shield(work)

    async def _receive(  # noqa: PLR0913, PLR0917  (private, called once)
        self,
        push: Push,
        env: dict[str, str],
        source: AsyncIterator[bytes],
        sink: Sink,
        rewriter: ReportRewriter,
        flags: tuple[str, ...],
    ) -> int:
        connected = True

        async def send(data: bytes) -> None:
            nonlocal connected
            if connected and data:
                try:
                    await sink(data)
                except (OSError, asyncio.CancelledError):
                    connected = False

        started = await self._start("receive-pack", push.repository, env, *flags)
        feeding = asyncio.create_task(_feed(started, source))
        try:
            while data := await _stdout(started).read(CHUNK):
                await send(rewriter.feed(data))
            code = await started.wait()
        finally:
            feeding.cancel()
            await asyncio.to_thread(self._hooks.finish, push)
        await send(rewriter.finish(push.reasons()))
        return code

    async def _start(
        self, command: str, repository: Repository, env: dict[str, str], *flags: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *("git", command, *flags, str(self._store.git_dir(repository))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=env,
        )


def _stdout(started: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if started.stdout is None:
        raise RuntimeError("the process was started without a pipe")
    return started.stdout


async def _feed(started: asyncio.subprocess.Process, source: AsyncIterator[bytes]) -> None:
    """Gives the process what the client sends, until either ends."""
    pipe = started.stdin
    if pipe is None:
        raise RuntimeError("the process was started without a pipe")
    try:
        async for data in source:
            pipe.write(data)
            await pipe.drain()
    except (OSError, EOFError):
        pass  # git has ended, or the client has: the other side of the pipe shows which
    finally:
        pipe.close()
