"""A running forge with one organisation, a person of every role, and one repository."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.toolchain.build import ensure
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.progress import default_progress
from gitops_infra.sandbox.toolchain.recipes import GH

ROLES = {"reed": Role.READ, "tess": Role.TRIAGE, "dana": Role.WRITE, "mara": Role.MAINTAIN, "adam": Role.ADMIN}
"""User -> role in acme/shop. Besides, olivia owns acme and otto is an outsider."""

Client = Callable[..., httpx.Client]
NEEDS_GH = "gh_program"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds `gh` before the first test that needs it: inside a test, the time limit would stop it."""
    wanted = any(NEEDS_GH in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        with suppress(ToolError):  # the tests that need it say so
            ensure(GH.name, progress=default_progress())


@pytest.fixture(scope="session")
def gh_program() -> Path:
    """GitHub's own command line, built from its module."""
    if sys.platform == "darwin":
        pytest.skip("needs a system on which Go programs read SSL_CERT_FILE: on macOS they trust the keychain only")
    try:
        return ensure(GH.name)[GH.name]
    except ToolError as error:
        pytest.skip(f"needs gh, which `gitops-infra tools build --all` builds: {error}")


def seeded(forge: Sandbox) -> Sandbox:
    for login in ("olivia", "otto", *ROLES):
        forge.add_user(login)
    organization = forge.add_organization("acme", owners=["olivia"], price_plan="enterprise")
    organization.default_repository_permission = "none"  # so that roles are exactly those of the table
    forge.store.save(organization)
    forge.add_repository("acme/shop", auto_init=True)
    for login, role in ROLES.items():
        forge.add_member("acme", login)
        forge.grant("acme/shop", login, role)
    return forge


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    """A running forge: see the module."""
    with Sandbox(tmp_path / "forge") as running:
        yield seeded(running)


@pytest.fixture
def seed() -> Callable[[Sandbox], Sandbox]:
    """Fills a forge that was made in another way than `forge`, with the same."""
    return seeded


@pytest.fixture
def client(forge: Sandbox) -> Iterator[Client]:
    """Makes a REST client: `client("dana")` with a new personal token, `client(token=...)`, `client()` anonymous."""
    opened: list[httpx.Client] = []

    def make(login: str | None = None, *, token: str | None = None) -> httpx.Client:
        value = forge.token(login) if login else token
        headers = {"Authorization": f"Bearer {value}"} if value else {}
        opened.append(httpx.Client(base_url=forge.api_url, headers=headers, trust_env=False, timeout=20))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@dataclass(frozen=True)
class Received:
    """One POST as a receiver got it."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def body(self) -> Any:
        is_form = self.headers["content-type"] == "application/x-www-form-urlencoded"
        return json.loads(parse_qs(self.content.decode())["payload"][0] if is_form else self.content)


@dataclass
class Receiver:
    """Takes what webhooks are told. The next answers are `statuses` (then 200); it holds them while `held`."""

    server: ThreadingHTTPServer
    scheme: str = "http"
    got: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}/hook"

    def bodies(self, event: str = "push") -> list[Any]:
        return [each.body for each in self.got if each.event == event]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        receiver = self.receiver
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.got.append(Received(self.path, headers, content))
        receiver.arrived.release()
        receiver.free.wait(30)
        status = receiver.statuses.pop(0) if receiver.statuses else 200
        with suppress(OSError):  # the forge may have gone
            self.send_response(status)
            self.send_header("Content-Length", "6")
            self.send_header("X-Answer", "yes")
            self.end_headers()
            self.wfile.write(b"thanks")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing it waits for them

    def handle_error(self, *_: object) -> None:
        """Says nothing: a client that goes away is part of some tests."""


Listen = Callable[..., Receiver]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Makes a receiver, over TLS with a server's `context`."""
    opened: list[tuple[Receiver, threading.Thread]] = []

    def make(context: Any = None) -> Receiver:
        handler = type("Handler", (_Handler,), {})
        server = _Server(("127.0.0.1", 0), handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        made = Receiver(server, "http" if context is None else "https")
        handler.receiver = made  # type: ignore[attr-defined]
        made.free.set()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        opened.append((made, thread))
        return made

    yield make
    for made, thread in opened:
        made.free.set()
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@pytest.fixture
def receiver(listen: Listen) -> Receiver:
    """A receiver over plain HTTP."""
    return listen()
