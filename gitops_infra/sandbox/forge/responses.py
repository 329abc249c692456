"""What the forge answers: JSON with GitHub's status codes, error bodies and pages of lists."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

DOCUMENTATION = "https://docs.github.com/rest"
MAX_PAGE = 100
DEFAULT_PAGE = 30


class Refusal(Exception):  # noqa: N818  (it is an answer, not a failure of the program)
    """Ends a handler with an error that the client sees; what was saved before stays saved."""

    def __init__(self, status: int, message: str, errors: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)

    def response(self) -> "Response":
        """The error as GitHub words it."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors:
            body["errors"] = list(self.errors)
        return Response(self.status, {**body, "documentation_url": DOCUMENTATION, "status": str(self.status)})


class Moved(Refusal):
    """The resource has another address now: 301 for reading; 307 for the rest, so that clients repeat the request.

    Source: GitHub REST, "Best practices for using the REST API", redirects.
    """

    def __init__(self, url: str, *, reading: bool) -> None:
        super().__init__(301 if reading else 307, "Moved Permanently")
        self.url = url

    def response(self) -> "Response":
        """The redirect, as header and in the body."""
        body = {"message": self.message, "url": self.url, "documentation_url": DOCUMENTATION}
        return Response(self.status, body, {"Location": self.url})


def not_found() -> Refusal:
    """404, also for what exists but the identity may not see."""
    return Refusal(404, "Not Found")


def invalid(resource: str, name: str, message: str, code: str = "custom") -> Refusal:
    """422 in the usual form: one error about one field."""
    return Refusal(422, "Validation Failed", [{"resource": resource, "code": code, "field": name, "message": message}])


@dataclass(frozen=True)
class Rendered:
    """An answer as it is sent."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Response:
    """A status, a JSON body (None: empty) and more headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def rendered(self) -> Rendered:
        """Status, headers and bytes, without validators: `conditional` adds them."""
        if self.body is None:
            return Rendered(self.status, self.headers, b"")
        content = json.dumps(self.body, separators=(",", ":")).encode()
        return Rendered(self.status, {**self.headers, "Content-Type": "application/json; charset=utf-8"}, content)


NO_CONTENT = Response(204)


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with whole seconds, as GitHub writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def page(url: str, query: Mapping[str, str], items: Sequence[Any], key: str | None = None) -> Response:
    """One page of a list; with `key` the list stands in an object beside `total_count`.

    `per_page` 1 to 100, default 30; `page` from 1. `Link` names the neighbours that exist.
    """
    size = min(max(_integer(query.get("per_page"), DEFAULT_PAGE), 1), MAX_PAGE)
    number = max(_integer(query.get("page"), 1), 1)
    last = max((len(items) + size - 1) // size, 1)
    part = list(items[(number - 1) * size : number * size])
    before = {"prev": number - 1, "first": 1} if number > 1 else {}
    after = {"next": number + 1, "last": last} if number < last else {}
    links = [f'<{url}?{urlencode({**query, "page": n})}>; rel="{name}"' for name, n in {**before, **after}.items()]
    headers = {"Link": ", ".join(links)} if links else {}
    return Response(200, part if key is None else {"total_count": len(items), key: part}, headers)


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
