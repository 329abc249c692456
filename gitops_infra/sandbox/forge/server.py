"""The running forge: REST and git over HTTP on one port, git over SSH on another, both on the loopback interface."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gitops_infra.sandbox.forge import certificates, jobs, pulls
from gitops_infra.sandbox.forge.git.service import GitService
from gitops_infra.sandbox.forge.graphql import endpoint as graphql
from gitops_infra.sandbox.forge.hookshot import Hookshot
from gitops_infra.sandbox.forge.http_app import DROP_CONNECTION, HttpApp
from gitops_infra.sandbox.forge.identity import of_user
from gitops_infra.sandbox.forge.ledger import RecordedRequest
from gitops_infra.sandbox.forge.listeners import Listener
from gitops_infra.sandbox.forge.model import PullRequest, PushRecord
from gitops_infra.sandbox.forge.pages import apps as app_pages
from gitops_infra.sandbox.forge.pages import overview, repository
from gitops_infra.sandbox.forge.pages.site import Site
from gitops_infra.sandbox.forge.pulls import MergeResult
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.rest import TABLES
from gitops_infra.sandbox.forge.router import API_PREFIX, Endpoints, Request, Router
from gitops_infra.sandbox.forge.seed import Seeding
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.forge.trouble import Trouble
from gitops_infra.sandbox.forge.webhook_control import WebhookControl
from gitops_infra.sandbox.ports import HOST

__all__ = ["DROP_CONNECTION", "RecordedRequest", "Sandbox"]

START_TIMEOUT = 20.0
STEERING_PATH = "/_sandbox/"
"""Below it is what `control` answers; it is let finish when ports are closed for a while."""


class Sandbox(Seeding, Trouble, WebhookControl):
    """A stand-in for GitHub that enforces what it is told. A context manager; ready when `start` returns.

    Without `directory` it keeps its state in a temporary folder that goes with it; with one, the next `Sandbox` over
    the same directory goes on from there. Port 0 takes a free one.
    """

    def __init__(  # noqa: PLR0913  (by name; each is one setting)
        self,
        directory: Path | None = None,
        *,
        http_port: int = 0,
        ssh_port: int = 0,
        tls: bool = False,
        tls_port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens or creates the state. Raises StoreInUseError when another process uses the directory.

        With `tls`, the same forge is served at `tls_url` too, for clients that insist; they must trust `ca_file`.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="gitops-infra-forge-") if directory is None else None
        self.directory = Path(self._temporary.name) if self._temporary else Path(directory or ".")
        self.store = Store(self.directory, clock)
        self.router = Router(self.store, (*TABLES, graphql.ROUTES))
        self.url = ""
        self.tls_url = ""
        """`https://127.0.0.1:PORT`; empty without `tls`."""
        self.ca_file: Path | None = None
        """The certificate authority that clients of `tls_url` must trust, in PEM. Another one after each start."""
        self.ssh_port = 0
        self.known_hosts = ""
        """The line of a known_hosts file that pins the SSH server."""
        self._ports = (http_port, ssh_port, tls_port if tls else None)
        self._git = GitService(self.store)
        self._hookshot = Hookshot(self.store, lambda: self.router.endpoints)
        self._app = HttpApp(
            self.router, Site(self.store, (app_pages.PAGES, overview.PAGES, repository.PAGES)), self._git.asgi
        )
        self._listeners: list[Listener] = []
        self._background: list[asyncio.Task[None]] = []
        self._reopening: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    # Life

    def start(self) -> Self:
        """Serves until `stop`. Raises OSError when a port is taken, RuntimeError when already started."""
        if self._thread is not None:
            raise RuntimeError("the sandbox forge runs already")
        self._listen()
        started = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(started))
            except BaseException as error:  # noqa: BLE001  (handed to the caller of start)
                failure.append(error)
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="sandbox-forge", daemon=True)
        self._thread.start()
        if not started.wait(START_TIMEOUT) or failure:
            self._thread = None
            for listener in self._listeners:
                listener.discard()
            raise failure[0] if failure else TimeoutError(f"the sandbox forge did not start in {START_TIMEOUT} s")
        return self

    def _listen(self) -> None:
        """Takes the HTTP ports."""
        http_port, _, tls_port = self._ports
        self._listeners = [Listener(self._app, http_port, spared=STEERING_PATH)]
        self.url = self._listeners[0].url
        if tls_port is None:
            return
        certificate = certificates.make(self.directory)
        try:
            self._listeners.append(Listener(self._app, tls_port, certificate, spared=STEERING_PATH))
        except OSError:
            self._listeners[0].discard()
            raise
        self.tls_url, self.ca_file = self._listeners[1].url, certificate.ca_file

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.ssh_port = await self._git.start(self._ports[1], self.url)
        self.known_hosts = self._git.known_hosts_line(HOST, self.ssh_port)
        key = " ".join(self.known_hosts.split()[1:3])
        self.router.endpoints = Endpoints(self.url, HOST, self.ssh_port, (key,))
        self._hookshot.start()
        try:
            await self._open()
            started.set()
            await self._ended.wait()
        finally:
            self._loop = None
            for task in self._background:
                task.cancel()
            await asyncio.gather(*(listener.stop() for listener in self._listeners))
            await self._git.stop()
            await self._hookshot.stop()

    def stop(self) -> None:
        """Ends the service and closes the state; a temporary directory is removed. Stopping twice is allowed."""
        self._app.faults.clear()
        if self._thread is not None:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._ended.set)
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

    @property
    def extra(self) -> dict[str, Callable[[Request], Response]]:
        """First path segment -> handler of requests that are not GitHub's, such as the control interface."""
        return self._app.extra

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

    # Listening

    def _refuse(self, seconds: float | None) -> None:
        """Closes the HTTP ports, and opens them again after so many seconds (None: not by itself)."""
        self._run(self._close(seconds))

    def _accept(self) -> None:
        self._run(self._open())

    async def _close(self, seconds: float | None) -> None:
        self._keep_closed()
        for listener in self._listeners:
            await listener.close()
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._reopening = loop.call_later(seconds, lambda: self._background.append(loop.create_task(self._open())))

    def _keep_closed(self) -> None:
        """Forgets that the ports were to be opened at some time."""
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None

    async def _open(self) -> None:
        self._keep_closed()
        for listener in self._listeners:
            await listener.open()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            work.close()
            raise RuntimeError("the sandbox forge does not run")
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT)
