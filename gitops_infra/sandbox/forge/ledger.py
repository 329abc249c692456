"""What the forge was asked: one entry per REST or GraphQL request, and totals by route."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

KEPT = 200_000
"""Requests that are remembered; of more, the oldest are forgotten."""


@dataclass(frozen=True)
class RecordedRequest:
    """What is remembered of a request: never its headers or body."""

    method: str
    path: str
    """Undecoded, without the `/api/v3` prefix."""
    status: int
    """As sent: 304 too. 0 when the connection was closed instead."""
    actor: str
    """Label of the identity; `?` when it was answered before anybody looked."""
    route: str = ""
    """The path's template, such as `/repos/{owner}/{repo}/keys`; empty when the forge has no such route."""
    counted: bool = True
    """Whether it counts against the primary rate limit: not a 304, not `/rate_limit`, not what a limit refused."""
    at: float = field(default=0.0, compare=False)
    """When it was answered, by the forge's clock, in seconds since the epoch."""


@dataclass(frozen=True)
class CallTotal:
    """How often one route was called."""

    method: str
    route: str
    counted: int
    uncounted: int


class Ledger:
    """The requests so far, oldest first."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []

    def add(self, request: RecordedRequest) -> None:
        """Remembers one more."""
        self.requests.append(request)
        if len(self.requests) > KEPT + KEPT // 10:  # seldom, because it moves the whole list
            del self.requests[:-KEPT]


def totals(requests: Iterable[RecordedRequest]) -> list[CallTotal]:
    """Counted and uncounted calls by method and route, most frequent first. Unknown routes are their paths."""
    counted: Counter[tuple[str, str]] = Counter()
    uncounted: Counter[tuple[str, str]] = Counter()
    for request in requests:
        (counted if request.counted else uncounted)[request.method, request.route or request.path] += 1
    keys = sorted({*counted, *uncounted}, key=lambda key: (-counted[key] - uncounted[key], key))
    return [CallTotal(*key, counted[key], uncounted[key]) for key in keys]
