"""Rate limits as GitHub applies them, off unless a test switches them on.

Source: GitHub REST, "Rate limits for the REST API". Primary: a number of requests per hour for each user (all tokens
of a user share it), each App installation, each repository's job tokens, and each anonymous address. Secondary: too
many writes or points in a minute, or too many requests at once. Both are answered 403 or 429.
"""

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gitops_infra.sandbox.forge.identity import Identity, IdentityKind
from gitops_infra.sandbox.forge.responses import Response, timestamp
from gitops_infra.sandbox.forge.router import GRAPHQL_PATHS, Request, request_id

DOCUMENTATION = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
SECONDARY_DOCUMENTATION = f"{DOCUMENTATION}#about-secondary-rate-limits"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
READ_POINTS, WRITE_POINTS = 1, 5
CEILINGS = {IdentityKind.JOB: 1000, IdentityKind.ANONYMOUS: 60}
"""Requests per hour of those who have fewer than users and Apps: a repository's jobs, an address without a token."""
STATUSES = (403, 429)
RATE_LIMIT_PATH = "/rate_limit"

Key = tuple[object, ...]


@dataclass(frozen=True)
class Limits:
    """Which limits apply. None: that one does not."""

    primary: int | None = 5000
    """Requests in `per` seconds, of each identity; jobs and anonymous callers have less, see `CEILINGS`."""
    per: float = 3600
    secondary_writes_per_minute: int | None = None
    """GitHub: about 80 requests that create content."""
    points_per_minute: int | None = None
    """A read costs 1, a write 5; GitHub: 900."""
    concurrent: int | None = None
    """Requests in progress at the same time; GitHub: 100."""
    minute: float = 60
    """Seconds of the minute that secondary limits look back, so that a test need not wait for a whole one."""
    status: int = 403
    """What a refused request is answered with: 403 or 429."""
    retry_after: bool = True
    """Whether a secondary limit says how long to wait. GitHub sometimes does not."""

    def __post_init__(self) -> None:
        for name in ("primary", "secondary_writes_per_minute", "points_per_minute", "concurrent"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"limit {name} is {value}, needed is at least 1, or None for no limit")
        if self.per <= 0 or self.minute <= 0:
            raise ValueError("limits: per and minute are seconds, more than 0")
        if self.status not in STATUSES:
            raise ValueError(f"limits: status {self.status} is none of 403, 429")


@dataclass
class _Window:
    """The primary budget of one identity and resource: it begins with its first request."""

    reset: float
    used: int = 0


@dataclass
class _Recent:
    """What one identity did within the last minute, and has in progress."""

    writes: deque[float] = field(default_factory=deque)
    points: deque[tuple[float, int]] = field(default_factory=deque)
    running: int = 0


class Meter:
    """Applies limits: `refusal` before the work, `charge` after it, `enter` and `leave` around it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._windows: dict[Key, _Window] = {}
        self._recent: dict[Key, _Recent] = {}

    def enter(self, identity: Identity) -> None:
        """A request of this identity is in progress, until `leave`."""
        with self._lock:
            self._of(identity).running += 1

    def leave(self, identity: Identity) -> None:
        """The request is answered."""
        with self._lock:
            self._of(identity).running -= 1

    def refusal(self, identity: Identity, request: Request, now: float) -> Response | None:
        """What a request over a limit is answered with; None: it may go on, and its writes and points are noted."""
        if request.path == RATE_LIMIT_PATH:
            return None
        with self._lock:
            window = self._window(identity, request, now)
            ceiling = self._ceiling(identity)
            if ceiling is not None and window.used >= ceiling:
                return self._exhausted(identity, now)
            wait = self._secondary_wait(self._of(identity), request, now)
            if wait is not None:
                return self._too_fast(wait, now)
            return None

    def charge(self, identity: Identity, request: Request, now: float) -> None:
        """Counts a request against the primary limit."""
        with self._lock:
            self._window(identity, request, now).used += 1

    def headers(self, identity: Identity, request: Request, now: float) -> dict[str, str]:
        """`X-RateLimit-*` of an answer; empty without a primary limit."""
        with self._lock:
            rate = self._rate(identity, _resource(request), now)
        if rate is None:
            return {}
        return {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in rate.items()}

    def report(self, identity: Identity, now: float) -> dict[str, Any]:
        """The body of `GET /rate_limit`."""
        with self._lock:
            found = {name: self._rate(identity, name, now) for name in ("core", "graphql", "search")}
        unlimited = {"limit": 5000, "used": 0, "remaining": 5000, "reset": math.ceil(now + self.limits.per)}
        resources = {name: {**(rate or unlimited), "resource": name} for name, rate in found.items()}
        return {"resources": resources, "rate": resources["core"]}

    def _of(self, identity: Identity) -> _Recent:
        return self._recent.setdefault(_key(identity), _Recent())

    def _window(self, identity: Identity, request: Request, now: float) -> _Window:
        key = (*_key(identity), _resource(request))
        window = self._windows.get(key)
        if window is None or window.reset <= now:
            window = self._windows[key] = _Window(now + self.limits.per)
        return window

    def _ceiling(self, identity: Identity) -> int | None:
        primary = self.limits.primary
        return None if primary is None else min(primary, CEILINGS.get(identity.kind, primary))

    def _rate(self, identity: Identity, resource: str, now: float) -> dict[str, Any] | None:
        ceiling = self._ceiling(identity)
        if ceiling is None:
            return None
        window = self._windows.get((*_key(identity), resource))
        if window is None or window.reset <= now:
            window = _Window(now + self.limits.per)
        remaining = max(ceiling - window.used, 0)
        reset = math.ceil(window.reset)
        return {"limit": ceiling, "remaining": remaining, "used": window.used, "reset": reset, "resource": resource}

    def _secondary_wait(self, recent: _Recent, request: Request, now: float) -> float | None:
        """Seconds until it may be tried again; None: now. Notes the request when it may go on."""
        limits, since = self.limits, now - self.limits.minute
        while recent.writes and recent.writes[0] <= since:
            recent.writes.popleft()
        while recent.points and recent.points[0][0] <= since:
            recent.points.popleft()
        if limits.concurrent is not None and recent.running > limits.concurrent:
            return 1.0
        is_write = request.method not in READS
        cost = WRITE_POINTS if is_write else READ_POINTS
        if limits.secondary_writes_per_minute is not None and is_write:
            if len(recent.writes) >= limits.secondary_writes_per_minute:
                return recent.writes[0] - since
            recent.writes.append(now)
        if limits.points_per_minute is not None:
            if sum(points for _, points in recent.points) + cost > limits.points_per_minute:
                return (recent.points[0][0] if recent.points else now) - since
            recent.points.append((now, cost))
        return None

    def _exhausted(self, identity: Identity, now: float) -> Response:
        """The primary limit, in GitHub's words."""
        whose = f"{_whose(identity)}. "
        if identity.kind is IdentityKind.ANONYMOUS:
            whose += (
                "(But here's the good news: Authenticated requests get a higher rate limit. Check out the "
                "documentation for more details.)"
            )
        else:
            whose += _support(now)
        return Response(self.limits.status, _body(f"API rate limit exceeded for {whose}", DOCUMENTATION, self.limits))

    def _too_fast(self, wait: float, now: float) -> Response:
        """A secondary limit, in GitHub's words."""
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
        headers = {"Retry-After": str(max(math.ceil(wait), 1))} if self.limits.retry_after else {}
        body = _body(message + _support(now), SECONDARY_DOCUMENTATION, self.limits)
        return Response(self.limits.status, body, headers)


def _key(identity: Identity) -> Key:
    """Whose budget it is: a user's tokens share one, so do an installation's, and all jobs of a repository."""
    if identity.kind is IdentityKind.USER:
        return (IdentityKind.USER, identity.user_id)
    return (identity.kind, identity.app_id, identity.installation_id, identity.repository_id)


def _resource(request: Request) -> str:
    return "graphql" if request.path in GRAPHQL_PATHS else "core"


def _whose(identity: Identity) -> str:
    if identity.kind is IdentityKind.ANONYMOUS:
        return "127.0.0.1"
    if identity.kind is IdentityKind.USER:
        return f"user ID {identity.user_id}"
    return f"installation ID {identity.installation_id or identity.app_id}"


def _support(now: float) -> str:
    return (
        "If you reach out to GitHub Support for help, please include the request ID "
        f"{request_id()} and timestamp {timestamp(now).replace('T', ' ').replace('Z', ' UTC')}."
    )


def _body(message: str, documentation: str, limits: Limits) -> dict[str, str]:
    return {"documentation_url": documentation, "message": message, "status": str(limits.status)}
