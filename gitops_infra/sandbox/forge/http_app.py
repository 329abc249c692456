"""The forge's ASGI app: git, web pages, control interface, and REST and GraphQL with limits, faults, accounts."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from enum import StrEnum

from starlette.concurrency import run_in_threadpool

from gitops_infra.sandbox.forge.conditional import NOT_MODIFIED, conditional, last_modified
from gitops_infra.sandbox.forge.faults import BODIES, Fault, Faults, Injected, answer
from gitops_infra.sandbox.forge.git.http import is_git_path
from gitops_infra.sandbox.forge.identity import ANONYMOUS, Identity, IdentityKind
from gitops_infra.sandbox.forge.ledger import Ledger, RecordedRequest
from gitops_infra.sandbox.forge.limits import RATE_LIMIT_PATH, Meter
from gitops_infra.sandbox.forge.listeners import App, Receive, Scope, Send, reset, transport_of
from gitops_infra.sandbox.forge.pages.site import Site
from gitops_infra.sandbox.forge.responses import Rendered, Response, not_found
from gitops_infra.sandbox.forge.router import API_PREFIX, Request, Router, request_id

MAX_BODY = 50 * 1024 * 1024
"""Bytes of a REST request; a file sent as base64 is the largest thing."""
RELEASE_POLL = 0.01
"""Seconds between looks at whether a held request was released."""

Before = Callable[[Request], Response | None]
After = Callable[[Request, Response], Response | None]

DROP_CONNECTION = Response(0)
"""What a `before` or `after` handler returns to have the connection closed without an answer."""


class Ending(StrEnum):
    """How an answer ends."""

    COMPLETE = "complete"
    DROPPED = "dropped"
    """Closed in order, without an answer."""
    RESET = "reset"
    TRUNCATED = "truncated"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is sent, how it ends, and how long it waits first."""

    rendered: Rendered
    ending: Ending = Ending.COMPLETE
    seconds: float = 0.0


FAULT_ENDINGS: Mapping[Fault, Ending] = {
    Fault.RESET_BEFORE: Ending.RESET,
    Fault.RESET_AFTER: Ending.RESET,
    Fault.TRUNCATED: Ending.TRUNCATED,
}
INSTEAD_OF_WORK = frozenset({Fault.STATUS_BEFORE, Fault.RESET_BEFORE})


class HttpApp:
    """Answers HTTP requests. `router`, `site` and `extra` decide what; the rest decides what goes wrong."""

    def __init__(self, router: Router, site: Site, git: App) -> None:
        self.router = router
        self.site = site
        self.extra: dict[str, Callable[[Request], Response]] = {}
        """First path segment -> handler of requests that are not GitHub's, such as the control interface."""
        self.ledger = Ledger()
        self.faults = Faults()
        self.meter: Meter | None = None
        self.latency = 0.0
        """Seconds that every REST answer waits."""
        self.before: list[Before] = []
        self.after: list[After] = []
        self._git = git

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        path: str = scope["raw_path"].decode("latin-1")
        if is_git_path(path):
            if await self._spares_git(scope["method"], path, send):
                await self._git(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content = await _body(receive)
        if content is None:
            await _send(send, scope["method"], Outcome(Response(413, {"message": "Payload too large"}).rendered()))
            return
        host, port = scope["server"]
        request = Request(
            method=scope["method"],
            path=path.removeprefix(API_PREFIX) or "/",
            query_string=scope["query_string"].decode("latin-1"),
            headers=headers,
            content=content,
            api=path.startswith(API_PREFIX),
            base_url=f"{scope['scheme']}://{host}:{port}",
        )
        is_own = not request.api or self._extra_of(request) is not None
        own = await run_in_threadpool(self._own, request) if is_own else None
        if own is not None:
            await _send(send, request.method, Outcome(own.rendered()))
            return
        await self._github(request, send)

    def _own(self, request: Request) -> Response | None:
        """The answer to what is not GitHub's API: control interface and web pages. No fault and no limit meets it."""
        extra = self._extra_of(request)
        if extra is not None:
            return extra(request)
        return None if request.api else self.site.answer(request, request.base_url)

    async def _spares_git(self, method: str, path: str, send: Send) -> bool:
        """Whether git goes on; else a fault has answered in its place."""
        faults = self.faults.claim(method, path) if self.faults else []
        await self._held(faults)
        await asyncio.sleep(sum(one.seconds for one in faults if one.kind is Fault.SLOW))
        for one in faults:
            if one.kind is Fault.STATUS_BEFORE:
                words = f"{BODIES[one.status]['message']}\n".encode()  # git shows plain text behind `remote:`
                plain = Rendered(one.status, {"Content-Type": "text/plain; charset=utf-8"}, words)
                await _send(send, method, Outcome(plain))
                return False
            if one.kind is Fault.RESET_BEFORE:
                await _send(send, method, Outcome(Response(0).rendered(), Ending.RESET))
                return False
        return True

    @staticmethod
    async def _held(faults: list[Injected]) -> None:
        for held in (one for one in faults if one.kind is Fault.HANG):
            while not held.released.is_set():  # noqa: ASYNC110  (released from any thread)
                await asyncio.sleep(RELEASE_POLL)

    def _extra_of(self, request: Request) -> Callable[[Request], Response] | None:
        return self.extra.get(request.path.split("/", 2)[1])

    async def _github(self, request: Request, send: Send) -> None:
        faults = await run_in_threadpool(self._claim, request) if self.faults else []
        await self._held(faults)
        meter = self.meter
        identity = await run_in_threadpool(self.router.identify, request) if meter else None
        if meter is not None and identity is not None:
            meter.enter(identity)
        try:
            outcome = await run_in_threadpool(self._exchange, request, faults, meter, identity)
            if outcome.seconds:
                await asyncio.sleep(outcome.seconds)
        finally:
            if meter is not None and identity is not None:
                meter.leave(identity)
        await _send(send, request.method, outcome)

    def _claim(self, request: Request) -> list[Injected]:
        return self.faults.claim(request.method, self.router.named(request.path))

    def _exchange(
        self, request: Request, faults: list[Injected], meter: Meter | None, identity: Identity | None
    ) -> Outcome:
        """Everything about one request but the waiting: the answer, and the entry in the ledger."""
        now = self.router.store.now()
        ending, actor, route = Ending.COMPLETE, "?", self.router.route_of(request)
        refused = meter.refusal(identity, request, now) if meter and identity else None
        response = self._instead(request, faults) or refused
        if response is None:
            response, found = self.router.answer(request)
            actor = found.label
            if meter is not None and request.path == RATE_LIMIT_PATH and response.status == 200:  # noqa: PLR2004
                response = Response(200, meter.report(found, now))
            response = self._afterwards(request, response, faults)
        elif response is refused:
            actor = (identity or ANONYMOUS).label
        for one in faults:
            ending = FAULT_ENDINGS.get(one.kind, ending)
        if response is DROP_CONNECTION:
            ending = Ending.DROPPED
        rendered = self._rendered(request, response, route, faults)
        is_sent = ending not in {Ending.DROPPED, Ending.RESET}
        counted = self._counted(request, rendered.status, identity) and response is not refused
        if meter is not None and identity is not None:
            if counted:
                meter.charge(identity, request, now)
            limits = meter.headers(identity, request, now)
            rendered = dataclasses.replace(rendered, headers={**rendered.headers, **limits})
        self.ledger.add(
            RecordedRequest(request.method, request.path, rendered.status if is_sent else 0, actor, route, counted, now)
        )
        slow = sum(one.seconds for one in faults if one.kind is Fault.SLOW)
        return Outcome(rendered, ending, self.latency + slow)

    def _instead(self, request: Request, faults: list[Injected]) -> Response | None:
        """What is answered without doing the work; None: the work is done."""
        response = next((found for handler in self.before if (found := handler(request))), None)
        if response is not None:
            return response
        for one in faults:
            if one.kind in INSTEAD_OF_WORK:
                return answer(one) if one.kind is Fault.STATUS_BEFORE else Response(0)
        if self.faults and self.faults.lags(request.method, self.router.named(request.path)):
            return not_found().response()
        return None

    def _afterwards(self, request: Request, response: Response, faults: list[Injected]) -> Response:
        """The answer after the work, as handlers and faults make it."""
        for handler in self.after:
            response = handler(request, response) or response
        for one in faults:
            if one.kind is Fault.LAG:
                self.faults.made(one, request, self.router.named(request.path), response)
            elif one.kind is Fault.STATUS_AFTER:
                response = answer(one)
        return response

    @staticmethod
    def _rendered(request: Request, response: Response, route: str, faults: list[Injected]) -> Rendered:
        kinds = {one.kind for one in faults}
        modified = last_modified(route, response.body) if request.method in {"GET", "HEAD"} else None
        plain = response.rendered()
        rendered = conditional(plain, request.method, request.headers, modified)
        shown = request.headers.get("if-none-match")
        if Fault.STALE_ETAG in kinds and request.method == "GET" and shown is not None:
            return Rendered(NOT_MODIFIED, {**response.headers, "ETag": shown}, b"")
        if Fault.WRONG_JSON in kinds:
            return dataclasses.replace(rendered, content=rendered.content[: len(rendered.content) // 2])
        return rendered

    @staticmethod
    def _counted(request: Request, status: int, identity: Identity | None) -> bool:
        """Whether it costs something of the primary limit; a 304 is free only for who shows a credential."""
        anonymous = identity.kind is IdentityKind.ANONYMOUS if identity else "authorization" not in request.headers
        return request.path != RATE_LIMIT_PATH and (status != NOT_MODIFIED or anonymous)


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


async def _send(send: Send, method: str, outcome: Outcome) -> None:
    rendered, ending = outcome.rendered, outcome.ending
    if ending is Ending.DROPPED:
        transport_of(send).abort()
        await asyncio.sleep(0)  # uvicorn hears of it, and does not complain that nothing was sent
        return
    if ending is Ending.RESET:
        reset(transport_of(send))
        await asyncio.sleep(0)
        return
    headers = {
        **rendered.headers,
        "X-GitHub-Request-Id": request_id(),
        "X-GitHub-Media-Type": "github.v3; format=json",
        "Content-Length": str(len(rendered.content)),
    }
    pairs = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": rendered.status, "headers": pairs})
    content = b"" if method == "HEAD" else rendered.content
    if ending is Ending.TRUNCATED:
        await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        transport_of(send).abort()
        return
    await send({"type": "http.response.body", "body": content})
