"""Git's smart HTTP protocol as an ASGI app: `/{owner}/{repository}.git/...`, Basic authentication with a token."""

import asyncio
import base64
import binascii
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from gitops_infra.sandbox.forge.git.hook import Push
from gitops_infra.sandbox.forge.git.transport import AccessError, Transport, authorise, protocol
from gitops_infra.sandbox.forge.identity import ANONYMOUS, Identity, IdentityKind, from_token
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.store import Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = re.compile(r"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
BAD_TOKEN = "Invalid username or token. Password authentication is not supported for Git operations."  # noqa: S105  (a message)


def is_git_path(path: str) -> bool:
    """Whether a request path belongs to this app."""
    return PATH.fullmatch(path) is not None


class GitHttp:
    """The ASGI app. It answers 404 to every path that is not git's."""

    def __init__(self, store: Store, transport: Transport) -> None:
        self._store = store
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        try:
            await self._serve(scope, headers, receive, send)
        except AccessError as refusal:
            await _plain(send, refusal.status, refusal.message)

    async def _serve(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        match = PATH.fullmatch(scope["path"])
        if match is None:
            raise AccessError(404, "Not Found")
        owner, name, action = match.groups()
        listing = action == "info/refs"
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("service", [""])[0]
        service = asked if listing else action
        if service not in {"git-upload-pack", "git-receive-pack"}:
            raise AccessError(403, "Please upgrade your git client.\nOnly the smart HTTP protocol is served.")
        if scope["method"] != ("GET" if listing else "POST"):
            raise AccessError(405, "Method Not Allowed")
        identity, repository = await asyncio.to_thread(self._admit, headers, owner, name, service)
        version = protocol(headers.get("git-protocol"), service)
        if listing:
            content = await self._transport.advertise(repository, service, version)
            await _start(send, 200, f"application/x-{service}-advertisement")
            await send({"type": "http.response.body", "body": content})
            return
        await _start(send, 200, f"application/x-{service}-result")

        async def sink(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        body = _body(receive, headers.get("content-encoding", ""))
        if service == "git-upload-pack":
            await self._transport.fetch(repository, version, body, sink, "--stateless-rpc")
        else:
            web_url = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
            push = Push(identity, repository, "http", web_url)
            await self._transport.push(push, version, body, sink, "--stateless-rpc")
        await send({"type": "http.response.body", "body": b""})

    def _admit(self, headers: dict[str, str], owner: str, name: str, service: str) -> tuple[Identity, Repository]:
        with self._store.lock:
            identity = from_token(self._store, _password(headers.get("authorization")))
            if identity is None:
                raise AccessError(401, BAD_TOKEN)
            try:
                return identity, authorise(self._store, identity, owner, name, service)
            except AccessError as refusal:
                # Whoever shows nothing is asked for a token before anything is said about the repository.
                if identity.kind is IdentityKind.ANONYMOUS:
                    raise AccessError(401, "Authentication required.") from refusal
                raise


def _password(header: str | None) -> str | None:
    """The token of a Basic header: the password, or the user name when there is none. None without a header."""
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "\0"  # no token has this value
    if scheme.lower() != "basic":
        return "\0"
    return (user if password in {"", "x-oauth-basic"} else password) or "\0"


async def _body(receive: Receive, encoding: str) -> AsyncIterator[bytes]:
    """The request body, unpacked if it is gzip. Raises EOFError when the client goes away or sends damaged data."""
    unpack = zlib.decompressobj(31) if encoding in {"gzip", "x-gzip"} else None
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EOFError("the client has gone")
        data = message.get("body", b"")
        try:
            plain = unpack.decompress(data) if unpack else data
        except zlib.error as error:
            raise EOFError("the body is not gzip") from error
        if plain:
            yield plain
        if not message.get("more_body", False):
            return


async def _start(send: Send, status: int, content_type: str, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-cache, max-age=0, must-revalidate")]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})


async def _plain(send: Send, status: int, text: str) -> None:
    """A refusal; git shows plain text behind `remote:`."""
    ask = ((b"www-authenticate", b'Basic realm="GitHub"'),) if status == 401 else ()  # noqa: PLR2004  (Unauthorized)
    await _start(send, status, "text/plain; charset=utf-8", *ask)
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


__all__ = ["ANONYMOUS", "GitHttp", "is_git_path"]
