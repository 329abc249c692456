"""Conditional requests: which answer a client has already, and so need not be sent (or counted) again.

Sources: GitHub REST, "Best practices for using the REST API" (a 304 to an authorised request does not count against
the primary rate limit); how GitHub computes an ETag, over the headers that it names in `Vary` and the body, is known
from the client `github-conditional-http-transport`, which the provider uses: it predicts ETags of bodies it knows.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from gitops_infra.sandbox.forge.responses import Rendered

VARY = ("Accept", "Authorization", "Cookie")
"""Request headers that an ETag depends on, in the order in which they are hashed."""

DATED = frozenset({
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/pulls/{number}",
    "/user",
    "/users/{username}",
})  # fmt: skip
"""Routes whose answer has `Last-Modified`: single things with `updated_at`. Which ones GitHub dates is not documented;
these are the ones that clients (PyGithub's `update()`) ask with `If-Modified-Since`. Not confirmed for all four."""

TAGGED = frozenset({200, 201})
NOT_MODIFIED = 304


def etag(content: bytes, asked: Mapping[str, str]) -> str:
    """The strong entity tag of a body as GitHub would give it to a request with these headers (names in lower case)."""
    digest = hashlib.sha256()
    for name in VARY:
        value = asked.get(name.lower())
        if value is not None:
            digest.update(f"{value}:".encode("latin-1", "replace"))
    digest.update(content)
    return f'"{digest.hexdigest()}"'


def conditional(rendered: Rendered, method: str, asked: Mapping[str, str], modified: str | None = None) -> Rendered:
    """The answer with its validators, or 304 without body when a GET or HEAD shows that the client has it.

    `asked` are the request's headers, names in lower case; `modified` the resource's `Last-Modified`. Where a client
    sends both conditions, the entity tag decides (RFC 9110, 13.2.2), compared weakly (8.8.3.2). To a client that takes
    compressed answers GitHub gives the weak form of the tag (not confirmed).
    """
    if rendered.status not in TAGGED:
        return rendered
    tag = etag(rendered.content, asked)
    weak = "gzip" in asked.get("accept-encoding", "")
    headers = {**rendered.headers, "ETag": f"W/{tag}" if weak else tag, "Vary": ", ".join(VARY)}
    headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
    if modified is not None:
        headers["Last-Modified"] = modified
    if method not in {"GET", "HEAD"} or not _has(asked, tag, modified):
        return Rendered(rendered.status, headers, rendered.content)
    headers.pop("Content-Type", None)
    return Rendered(NOT_MODIFIED, headers, b"")


def last_modified(route: str, body: Any) -> str | None:
    """`Last-Modified` of an answer of that route, or None where it has none."""
    if route not in DATED or not isinstance(body, dict) or not isinstance(body.get("updated_at"), str):
        return None
    return format_datetime(datetime.fromisoformat(body["updated_at"]).astimezone(UTC), usegmt=True)


def _has(asked: Mapping[str, str], tag: str, modified: str | None) -> bool:
    wanted = asked.get("if-none-match")
    if wanted is not None:
        return wanted.strip() == "*" or tag in re.findall(r'"[^"]*"', wanted)
    since = asked.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):  # no date, or one without a zone: as if it had not been sent
        return False
