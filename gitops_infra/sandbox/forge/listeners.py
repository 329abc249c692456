"""HTTP on one port of the loopback interface, plain or with TLS, that can be closed for a while and opened again."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from gitops_infra.sandbox.forge.certificates import Certificate
from gitops_infra.sandbox.ports import HOST, bound

BACKLOG = 256

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Listener:
    """A port that serves an ASGI app between `open` and `close`. It is taken, but refuses, before and in between."""

    def __init__(self, app: App, port: int = 0, certificate: Certificate | None = None, spared: str = "") -> None:
        """Takes the port (0: a free one). Raises OSError when it is taken.

        Requests whose path begins with `spared` are still answered while the port is being closed.
        """
        self._socket = bound(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'http' if certificate is None else 'https'}://{HOST}:{self.port}"
        self._certificate = certificate
        self._spared = spared
        self._app = app
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._ending: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Serves; ready when it returns. Opening twice is allowed."""
        if self._server is not None:
            return
        self._socket.listen(BACKLOG)
        server = self._server = uvicorn.Server(self._configuration())
        self._serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        while not server.started and not self._serving.done():  # noqa: ASYNC110  (uvicorn offers no event)
            await asyncio.sleep(0.001)
        if self._serving.done():
            self._serving.result()

    async def close(self) -> None:
        """Refuses new connections and resets the open ones; the port stays taken. Closing twice is allowed."""
        server, serving = self._server, self._serving
        if server is None or serving is None:
            return
        self._server = self._serving = None
        for each in server.servers:
            each.close()
        for connection in list(server.server_state.connections):
            if not self._is_spared(connection):
                reset(connection.transport)
        server.should_exit = server.force_exit = True
        self._ending.append(serving)
        self._socket = bound(self.port)

    async def stop(self) -> None:
        """Ends for good: lets open requests finish for a moment, and gives the port back."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            self._ending.append(self._serving)
            self._server = self._serving = None
        await asyncio.gather(*self._ending)
        self._socket.close()

    def discard(self) -> None:
        """Gives the port back when nothing was served."""
        self._socket.close()

    def _is_spared(self, connection: Any) -> bool:
        cycle = connection.cycle
        busy = cycle is not None and not cycle.response_complete
        return bool(self._spared) and busy and cycle.scope["path"].startswith(self._spared)

    def _configuration(self) -> uvicorn.Config:
        certificate = self._certificate
        return uvicorn.Config(
            self._app,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            ssl_certfile=None if certificate is None else certificate.chain_file,
            ssl_keyfile=None if certificate is None else certificate.key_file,
        )


def transport_of(send: Send) -> Any:
    """The connection behind an ASGI `send`: with uvicorn, that is a method of the object which has it."""
    cycle = getattr(send, "__self__", None)
    if cycle is None:
        raise RuntimeError("cannot drop the connection: the HTTP server is not uvicorn")
    return cycle.transport


def reset(transport: Any) -> None:
    """Closes the connection so that the other side sees a reset, not an orderly end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # struct linger: on, 0 seconds
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
