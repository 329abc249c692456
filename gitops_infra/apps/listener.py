"""A web server on loopback that shows one form and waits for GitHub to send the browser back with a code."""

import hmac
import queue
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from gitops_infra.apps.page import page

HOST = "127.0.0.1"
RETURN_PATH = "/made"
ANSWER_SECONDS = 60.0
"""How long the browser waits for what becomes of its code."""
SEND_SECONDS = 5.0
"""How long the end waits until the browser has its last page."""
IDLE_SECONDS = 10.0
"""A connection that says nothing for so long is closed: browsers open some in advance."""


class PortInUse(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """The port that was asked for is taken."""


class GivenUp(Exception):  # noqa: N818 - as above
    """What came back led to nothing. Never leaves this module: the terminal says why."""


class Callback(NamedTuple):
    """What GitHub sent the browser back with."""

    code: str
    """The code to exchange; empty when GitHub reports an error."""
    error: str
    """GitHub's word for what went wrong; empty with a code."""
    answer: "Future[str]"
    """Set it to the address that the browser goes to next; whoever leaves the listener without has failed."""


class Listener:
    """Serves from `with` until its end; `wait` gives what came back. Only the first code that fits is taken."""

    def __init__(self, show: Callable[[str, str], str], port: int = 0) -> None:
        """`show(redirect_url, state)` gives the page of the form. Port 0 takes a free one. Raises PortInUse."""
        self._state = secrets.token_urlsafe(32)
        self._callbacks: queue.SimpleQueue[Callback] = queue.SimpleQueue()
        self._taken: Callback | None = None
        self._lock = threading.Lock()
        self._answered = threading.Event()
        try:
            self._server = _Server(self, port)
        except OSError:
            raise PortInUse(f"port {port} of {HOST} is in use") from None
        self.address = f"http://{HOST}:{self._server.server_port}"
        self._page = show(f"{self.address}{RETURN_PATH}", self._state)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._taken is not None:
            if not self._taken.answer.done():
                self._taken.answer.set_exception(GivenUp())
            self._answered.wait(SEND_SECONDS)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, seconds: float) -> Callback | None:
        """What came back; None if nothing did within that time."""
        try:
            return self._callbacks.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            return None

    def sent(self, target: str) -> None:
        """The browser has the page of that request."""
        if self._taken is not None and urlsplit(target).path == RETURN_PATH:
            self._answered.set()

    def respond(self, target: str) -> tuple[int, str, str]:
        """Status, location and page for a request of the browser."""
        parts = urlsplit(target)
        if parts.path == "/":
            return 200, "", self._page
        if parts.path != RETURN_PATH:
            return 404, "", page("There is no such page", f'<p><a href="{self.address}/">Begin here</a></p>')
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not hmac.compare_digest(query.get("state", "").encode(), self._state.encode()):
            text = "<p>It belongs to another attempt, or comes from somebody else. Nothing was done with it.</p>"
            return 400, "", page("This answer was not asked for", text)
        code, error = query.get("code", ""), query.get("error", "")
        if not code and not error:
            return 400, "", page("There is no code in this answer", "<p>Nothing was done with it.</p>")
        return self._outcome(self._take(code, error))

    def _take(self, code: str, error: str) -> Callback:
        """The callback of the first answer; a page that is loaded again gets what became of that one."""
        with self._lock:
            if self._taken is None:
                self._taken = Callback(code, error, Future())
                self._callbacks.put(self._taken)
            return self._taken

    def _outcome(self, callback: Callback) -> tuple[int, str, str]:
        try:
            address = callback.answer.result(ANSWER_SECONDS)
        except FutureTimeoutError:
            return 202, "", page("Not finished yet", "<p>The terminal says how it goes on.</p>")
        except GivenUp:
            return 500, "", page("It did not work", "<p>The terminal says why, and what to do.</p>")
        return 303, address, page("Done", "<p>The App is made. Install it next.</p>")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: Listener, port: int) -> None:
        self.listener = listener
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a browser that goes away in the middle is no news for the terminal."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        """Every page. A name that leads here by trickery is turned away (DNS rebinding)."""
        port = self.server.server_port
        if self.headers.get("Host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self._send(421, "", page("This is another machine", ""))
            return
        self._send(*self.server.listener.respond(self.path))
        self.server.listener.sent(self.path)

    def _send(self, status: int, location: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nothing: the request line holds the code."""
