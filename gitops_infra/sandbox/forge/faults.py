"""Faults that a test switches on: what goes wrong, for which requests, how often. Same requests, same faults.

A fault is described by `inject`, which gives its number, and steered through a `FaultHandle`; both work in this process
and, through `control`, from another one.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.responses import DOCUMENTATION, Response
from gitops_infra.sandbox.forge.router import API_PREFIX, Request


class Fault(StrEnum):
    """What can go wrong."""

    STATUS_BEFORE = "status_before"
    """Answers with `status`; nothing has been done."""
    STATUS_AFTER = "status_after"
    """The work is done and on disk, then the answer is `status`: the client cannot know."""
    RESET_BEFORE = "reset_before"
    """The connection is reset; nothing has been done."""
    RESET_AFTER = "reset_after"
    """The work is done and on disk, then the connection is reset without an answer."""
    TRUNCATED = "truncated"
    """The work is done; the connection ends in the middle of the answer's body."""
    WRONG_JSON = "wrong_json"
    """The work is done; the body is cut within, with the right length and content type."""
    SLOW = "slow"
    """The work is done; the answer comes `seconds` later."""
    HANG = "hang"
    """The request is held, not begun, until the fault is released or removed."""
    REFUSED = "refused"
    """Connections are refused, and open ones reset, for `seconds` or until the fault is removed. It has no hits."""
    LAG = "lag"
    """What a matching request made cannot be read yet: `reads` GETs of it are answered 404."""
    STALE_ETAG = "stale_etag"
    """A GET with `If-None-Match` is answered 304, whatever it names and whatever has changed."""


NEEDS: Mapping[Fault, str] = {
    Fault.STATUS_BEFORE: "status",
    Fault.STATUS_AFTER: "status",
    Fault.SLOW: "seconds",
    Fault.LAG: "reads",
}
"""The argument without which a fault means nothing."""
TAKES: Mapping[Fault, frozenset[str]] = {
    fault: frozenset({NEEDS[fault]} if fault in NEEDS else ({"seconds"} if fault is Fault.REFUSED else ()))
    for fault in Fault
}

MEETS_GIT = (Fault.STATUS_BEFORE, Fault.RESET_BEFORE, Fault.HANG, Fault.SLOW)
"""Faults that git over HTTP can meet; `SLOW` then lets it begin later."""
GIT = ".git/"

BODIES: Mapping[int, Mapping[str, Any]] = {
    401: {"message": "Bad credentials"},
    403: {"message": "Resource not accessible by integration"},
    404: {"message": "Not Found"},
    409: {"message": "Conflict"},
    422: {"message": "Validation Failed", "errors": [{"resource": "Fault", "code": "already_exists", "field": "name"}]},
    429: {"message": "Too many requests"},
    500: {"message": "Server Error"},
    502: {"message": "Server Error"},
    503: {"message": "Service Unavailable"},
    504: {"message": "We couldn't respond to your request in time. Sorry about that."},
}
"""Status -> body of the statuses that a fault may answer with. Words of 5xx answers: from memory, not confirmed."""


@dataclass
class Injected:
    """One fault that is switched on."""

    number: int
    kind: Fault
    method: str | None
    path: str | None
    times: int | None
    skip: int
    status: int
    seconds: float
    reads: int
    hits: int = 0
    matched: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def claims(self, method: str, path: str) -> bool:
        """Whether the fault takes this request. Counts it."""
        if (GIT in path) != (GIT in (self.path or "")):
            return False
        if self.method not in {None, method} or (self.path is not None and not fnmatch(self.path, path)):
            return False
        self.matched += 1
        if self.matched <= self.skip or (self.times is not None and self.matched > self.skip + self.times):
            return False
        if self.kind is not Fault.LAG:  # its hits are the reads that failed
            self.hits += 1
        return True


class Faults:
    """The faults of one forge."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = 0
        self._active: dict[int, Injected] = {}
        self._removed_hits: dict[int, int] = {}
        self._lagging: dict[str, tuple[Injected, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._active or self._lagging)

    def inject(  # noqa: PLR0913  (by name; the vocabulary of a fault)
        self,
        kind: Fault | str,
        *,
        method: str | None = None,
        path: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        status: int | None = None,
        seconds: float | None = None,
        reads: int | None = None,
    ) -> Injected:
        """Switches a fault on, for the requests that match and `times` of them (None: until it is removed).

        `path` is a pattern over the undecoded path without `/api/v3`, in which numeric ids of repositories and teams
        are replaced by names: `*` is one segment, `**/` any number of them. `skip` lets the first matching requests
        pass. Git over HTTP is met only by a pattern that names it, such as `/*/*.git/git-receive-pack`.

        Raises ValueError that names what does not fit.
        """
        fault = Fault(kind)
        if GIT in (path or "") and fault not in MEETS_GIT:
            raise ValueError(f"fault {fault} cannot meet git: possible are {', '.join(MEETS_GIT)}")
        given = {"status": status, "seconds": seconds, "reads": reads}
        _check(fault, given)
        if times is not None and times < 1:
            raise ValueError(f"fault {fault}: times is {times}, needed is at least 1, or None for always")
        with self._lock:
            self._numbers += 1
            one = Injected(self._numbers, fault, method, path, times, skip, status or 0, seconds or 0.0, reads or 0)
            self._active[one.number] = one
            return one

    def hits(self, number: int) -> int:
        """How many requests the fault has hit; it may be removed since. Raises ValueError for an unknown number."""
        with self._lock:
            one = self._active.get(number)
            if one is None and number not in self._removed_hits:
                raise ValueError(f"no fault {number}")
            return self._removed_hits[number] if one is None else one.hits

    def remove(self, number: int) -> Injected | None:
        """Switches the fault off and lets go what it holds; None when it was off already."""
        with self._lock:
            one = self._active.pop(number, None)
            if one is not None:
                self._removed_hits[number] = one.hits
                self._lagging = {path: entry for path, entry in self._lagging.items() if entry[0] is not one}
                one.released.set()
            return one

    def release(self, number: int) -> None:
        """Lets go the requests that a `HANG` holds; later ones pass too."""
        with self._lock:
            if number in self._active:
                self._active[number].released.set()

    def clear(self) -> None:
        """Removes all of them."""
        for number in self.numbers():
            self.remove(number)

    def numbers(self) -> list[int]:
        """The faults that are on, in the order in which they were switched on."""
        with self._lock:
            return list(self._active)

    def claim(self, method: str, path: str) -> list[Injected]:
        """The faults that take this request, each counted. One answers at most: the others still see it pass."""
        with self._lock:
            return [one for one in self._active.values() if one.claims(method, path)]

    def lags(self, method: str, path: str) -> bool:
        """Whether a read comes too early for what was just made."""
        if method not in {"GET", "HEAD"}:
            return False
        with self._lock:
            for made, (one, left) in list(self._lagging.items()):
                if path == made or path.startswith(f"{made}/"):
                    one.hits += 1
                    if left > 1:
                        self._lagging[made] = (one, left - 1)
                    else:
                        del self._lagging[made]
                    return True
        return False

    def made(self, one: Injected, request: Request, path: str, response: Response) -> None:
        """Remembers that what the request made lags."""
        if request.method in {"POST", "PUT"} and response.status in {200, 201, 204}:
            with self._lock:
                self._lagging[made_path(request, path, response)] = (one, one.reads)


class Steering(Protocol):
    """Where faults are switched: the forge itself, or its remote control."""

    def inject_fault(self, kind: str, **settings: Any) -> int:
        """Switches one on; its number."""

    def fault_hits(self, number: int) -> int:
        """How many requests it has hit."""

    def release_fault(self, number: int) -> None:
        """Lets go what it holds."""

    def remove_fault(self, number: int) -> None:
        """Switches it off."""


@dataclass(frozen=True)
class FaultHandle:
    """A fault that was switched on. As a context manager it is removed at the end of the block."""

    steering: Steering = field(repr=False)
    number: int
    kind: Fault

    @property
    def hits(self) -> int:
        """How many requests it has hit so far."""
        return self.steering.fault_hits(self.number)

    def release(self) -> None:
        """Lets go the requests that a `HANG` holds; later ones pass too."""
        self.steering.release_fault(self.number)

    def remove(self) -> None:
        """Switches it off. Removing twice is allowed."""
        self.steering.remove_fault(self.number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Faultable:
    """Adds `fault` to what can `inject_fault`."""

    def fault(  # noqa: PLR0913  (by name; the vocabulary of a fault)
        self: Any,
        kind: Fault | str,
        *,
        method: str | None = None,
        path: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        status: int | None = None,
        seconds: float | None = None,
        reads: int | None = None,
    ) -> FaultHandle:
        """Switches a fault on, see `Faults.inject` for the arguments. Raises ValueError for what does not fit."""
        number = self.inject_fault(
            str(kind),
            method=method,
            path=path,
            times=times,
            skip=skip,
            status=status,
            seconds=seconds,
            reads=reads,
        )
        return FaultHandle(self, number, Fault(kind))


def answer(one: Injected) -> Response:
    """What a status fault answers."""
    return Response(one.status, {**BODIES[one.status], "documentation_url": DOCUMENTATION, "status": str(one.status)})


def made_path(request: Request, path: str, response: Response) -> str:
    """The path under which the thing that a request made is read."""
    if request.method == "PUT":
        return path
    body = response.body if isinstance(response.body, dict) else {}
    if isinstance(body.get("url"), str):
        own = urlsplit(body["url"]).path.removeprefix(API_PREFIX)
        return own.replace("/git/refs/", "/git/ref/")  # written there, read here
    name = body.get("id") or json.loads(request.content or b"{}").get("name", "")
    return f"{path}/{name}"


def _check(fault: Fault, given: Mapping[str, Any]) -> None:
    takes = TAKES[fault]
    if surplus := [name for name, value in given.items() if value is not None and name not in takes]:
        raise ValueError(f"fault {fault} takes no {' or '.join(surplus)}")
    needed = NEEDS.get(fault)
    if needed is not None and given[needed] is None:
        raise ValueError(f"fault {fault} needs {needed}")
    if given["status"] is not None and given["status"] not in BODIES:
        raise ValueError(f"fault {fault}: status {given['status']} is none of {', '.join(map(str, BODIES))}")
    for name in ("seconds", "reads"):
        if given[name] is not None and given[name] <= 0:
            raise ValueError(f"fault {fault}: {name} is {given[name]}, needed is more than 0")
