"""What one client asks an API server: a relay before it, that nobody else uses.

The server's own counters mix the provider's requests with those of some ten controllers, which never rest.
"""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: relayed, cluster: {{server: "{url}"}}}}]
users: [{{name: provider, user: {{}}}}]
contexts: [{{name: relayed, context: {{cluster: relayed, user: provider}}}}]
current-context: relayed
"""
_ROOTS = ("/api", "/apis", "/version", "/openapi")
_KEPT = frozenset({"accept", "content-type", "user-agent"})


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str

    @property
    def starts(self) -> bool:
        """Whether it asks what the server is and which kinds it has, and for no object: how a provider starts."""
        parts = self.path.strip("/").split("/")
        groups = {"api": 2, "apis": 3, "version": 1}
        return self.method == "GET" and (parts[0] == "openapi" or len(parts) <= groups.get(parts[0], 0))

    def __str__(self) -> str:
        """As it stands in a log."""
        return f"{self.method} {self.path}"


@dataclass
class Relay:
    """Relays from plain HTTP to `server`, as whoever `client` is. A context manager."""

    client: httpx.Client
    """Connected to the API server, with the rights that the relay gives to everybody."""
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="bench-relay", daemon=True)

    @property
    def kubeconfig(self) -> str:
        """For who is to be counted."""
        return _KUBECONFIG.format(url=f"http://127.0.0.1:{self._server.server_address[1]}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.client.close()

    def _relay(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(Asked(handler.command, handler.path.partition("?")[0]))
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in handler.headers.items() if name.lower() in _KEPT}
        answer = self.client.request(handler.command, handler.path, content=body, headers=headers)
        handler.send_response(answer.status_code)
        handler.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        handler.wfile.write(answer.content)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_GET(self) -> None:
                relay._relay(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - so the server finds them

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
                """Nothing: every request is in `asked`."""

        return Handler
