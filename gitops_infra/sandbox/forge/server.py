"""The running forge: REST and git over HTTP on one port, git over SSH on another, both on the loopback interface."""

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.concurrency import run_in_threadpool

from gitops_infra.sandbox.forge import jobs, pulls
from gitops_infra.sandbox.forge.git.http import is_git_path
from gitops_infra.sandbox.forge.git.service import GitService
from gitops_infra.sandbox.forge.identity import of_user
from gitops_infra.sandbox.forge.model import PullRequest, PushRecord
from gitops_infra.sandbox.forge.pages import apps as app_pages
from gitops_infra.sandbox.forge.pages.site import Site
from gitops_infra.sandbox.forge.pulls import MergeResult
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.rest import TABLES
from gitops_infra.sandbox.forge.router import API_PREFIX, Endpoints, Request, Router, request_id
from gitops_infra.sandbox.forge.seed import Seeding
from gitops_infra.sandbox.forge.store import Store

HOST = "127.0.0.1"
MAX_BODY = 50 * 1024 * 1024
"""Bytes of a REST request; a file sent as base64 is the largest thing."""
KEPT_REQUESTS = 20_000
START_TIMEOUT = 20.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Before = Callable[[Request], Response | None]
After = Callable[[Request, Response], Response | None]

DROP_CONNECTION = Response(0)
"""What a fault handler returns to have the connection closed without an answer."""


@dataclass(frozen=True)
class RecordedRequest:
    """What is remembered of a REST request: never its headers or body."""

    method: str
    path: str
    status: int
    """0 when the connection was dropped."""
    actor: str


class Sandbox(Seeding):
    """A stand-in for GitHub that enforces what it is told. A context manager; ready when `start` returns.

    Without `directory` it keeps its state in a temporary folder that goes with it; with one, the next `Sandbox` over
    the same directory goes on from there. Port 0 takes a free one.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        http_port: int = 0,
        ssh_port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens or creates the state. Raises StoreInUseError when another process uses the directory."""
        self._temporary = tempfile.TemporaryDirectory(prefix="gitops-infra-forge-") if directory is None else None
        self.directory = Path(self._temporary.name) if self._temporary else Path(directory or ".")
        self.store = Store(self.directory, clock)
        self.router = Router(self.store, TABLES)
        self.site = Site(self.store, [app_pages.PAGES])
        self.requests: list[RecordedRequest] = []
        self.url = ""
        self.ssh_port = 0
        self.known_hosts = ""
        """The line of a known_hosts file that pins the SSH server."""
        self.extra: dict[str, Callable[[Request], Response]] = {}
        """First path segment -> handler of requests that are not GitHub's, such as the control interface."""
        self._ports = (http_port, ssh_port)
        self._git = GitService(self.store)
        self._before: list[Before] = []
        self._after: list[After] = []
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None

    # Life

    def start(self) -> Self:
        """Serves until `stop`. Raises OSError when a port is taken, RuntimeError when already started."""
        if self._thread is not None:
            raise RuntimeError("the sandbox forge runs already")
        listener = _listener(self._ports[0])
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        started = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(listener, started))
            except BaseException as error:  # noqa: BLE001  (handed to the caller of start)
                failure.append(error)
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="sandbox-forge", daemon=True)
        self._thread.start()
        if not started.wait(START_TIMEOUT) or failure:
            listener.close()
            self._thread = None
            raise failure[0] if failure else TimeoutError(f"the sandbox forge did not start in {START_TIMEOUT} s")
        return self

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self.ssh_port = await self._git.start(HOST, self._ports[1], self.url)
        self.known_hosts = self._git.known_hosts_line(HOST, self.ssh_port)
        key = " ".join(self.known_hosts.split()[1:3])
        self.router.endpoints = Endpoints(self.url, HOST, self.ssh_port, (key,))
        config = uvicorn.Config(
            self._asgi,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110  (uvicorn offers no event)
            await asyncio.sleep(0.001)
        started.set()
        try:
            await serving
        finally:
            await self._git.stop()

    def stop(self) -> None:
        """Ends the service and closes the state; a temporary directory is removed. Stopping twice is allowed."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.store.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # Addresses

    @property
    def api_url(self) -> str:
        """Root of the REST interface, without a final slash."""
        return self.url + API_PREFIX

    def http_url(self, full_name: str) -> str:
        """What to clone over HTTP."""
        return self.router.endpoints.http_url(full_name)

    def ssh_url(self, full_name: str) -> str:
        """What to clone over SSH."""
        return self.router.endpoints.ssh_url(full_name)

    # What jobs and people do

    def job(self, **request: Any) -> jobs.JobGrant | jobs.JobRefused | jobs.JobWaiting:
        """What a CI job gets; the arguments are those of `jobs.job`."""
        with self.store.transaction():
            return jobs.job(self.store, **request)

    def approve(
        self, deployment_id: int, reviewer: str, *, decision: str = "approved"
    ) -> jobs.JobGrant | jobs.JobRefused | jobs.JobWaiting:
        """Approves or rejects a waiting job as `reviewer`."""
        with self.store.transaction():
            return jobs.approve(self.store, deployment_id, reviewer, decision=decision)

    def finish(self, grant: jobs.JobGrant, conclusion: str = "success", *, environment_url: str = "") -> None:
        """Ends a granted job with `success` or `failure`: its token is worthless from now on.

        `environment_url` is what its workflow set as the environment's URL. Raises ValueError for another conclusion.
        """
        with self.store.transaction():
            self.revoke(grant.token)
            if grant.deployment_id is not None:
                jobs.finish(self.store, grant.deployment_id, state=conclusion, environment_url=environment_url)

    def open_pull_request(self, full_name: str, author: str, head: str, base: str, title: str = "") -> PullRequest:
        """Opens a pull request as `author`."""
        with self.store.transaction():
            repository, identity = self.repository(full_name), of_user(self.user(author))
            return pulls.open_pull_request(self.store, identity, repository, head, base, title or f"Merge {head}")

    def review(self, pull: PullRequest, reviewer: str, state: str = "APPROVED") -> None:
        """Reviews a pull request as `reviewer`."""
        with self.store.transaction():
            pulls.review(self.store, of_user(self.user(reviewer)), pull, state)

    def merge(self, pull: PullRequest, actor: str, method: str = "merge", sha: str | None = None) -> MergeResult:
        """Merges a pull request as `actor`, if the rules let them; `verdict` of the result says whether they did."""
        with self.store.transaction():
            return pulls.merge(self.store, of_user(self.user(actor)), pull, method, sha)

    @property
    def pushes(self) -> list[PushRecord]:
        """Every evaluated ref update so far, refused ones too, in order."""
        with self.store.lock:
            return list(self.store.pushes.values())

    # Faults

    def before(self, handler: Before) -> Callable[[], None]:
        """Calls `handler(request)` before each REST request; what it returns is called to remove it.

        An answer of the handler is sent instead, and nothing has been done.
        """
        self._before.append(handler)
        return lambda: self._before.remove(handler)

    def after(self, handler: After) -> Callable[[], None]:
        """As `before`, with `handler(request, response)` when the work is on disk already."""
        self._after.append(handler)
        return lambda: self._after.remove(handler)

    # HTTP

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["raw_path"].decode("latin-1")
        if is_git_path(path):
            await self._git.asgi(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content = await _body(receive)
        query = scope["query_string"].decode("latin-1")
        if content is None:
            response, request = Response(413, {"message": "Payload too large"}), None
        else:
            api = path.startswith(API_PREFIX)
            request = Request(scope["method"], path.removeprefix(API_PREFIX) or "/", query, headers, content, api)
            response = await run_in_threadpool(self._respond, request)
        if response is DROP_CONNECTION:
            _drop(send)
            return
        if_none_match = headers.get("if-none-match") if scope["method"] == "GET" else None
        status, own, body = response.rendered(if_none_match)
        own |= {"X-GitHub-Request-Id": request_id(), "X-GitHub-Media-Type": "github.v3; format=json"}
        own["Content-Length"] = str(len(body))
        pairs = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in own.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _respond(self, request: Request) -> Response:
        extra = self.extra.get(request.path.split("/", 2)[1])
        if extra is not None:
            return extra(request)
        shown = None if request.api else self.site.answer(request, self.url)
        if shown is not None:
            return shown
        actor = "?"
        response = next((found for handler in self._before if (found := handler(request))), None)
        if response is None:
            response, identity = self.router.answer(request)
            actor = identity.label
            for handler in self._after:
                response = handler(request, response) or response
        self.requests.append(RecordedRequest(request.method, request.path, response.status, actor))
        del self.requests[:-KEPT_REQUESTS]
        return response


def _listener(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


async def _body(receive: Receive) -> bytes | None:
    """The whole request body; None when it is larger than MAX_BODY."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _drop(send: Send) -> None:
    """Closes the connection without an answer: uvicorn's `send` is a method of the object that has the transport."""
    cycle = getattr(send, "__self__", None)
    if cycle is None:
        raise RuntimeError("cannot drop the connection: the HTTP server is not uvicorn")
    cycle.transport.abort()
