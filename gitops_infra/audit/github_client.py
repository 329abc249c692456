"""Reads from a GitHub REST API: bounded, one-line errors, never a write."""

import ipaddress
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from gitops_infra.audit.etag_store import EtagStore

TIMEOUT = 10.0
"""Seconds for one request, connection included."""
PAGES = 50
"""Pages of 100 that a list may have; a forge that pages for ever is not followed."""
MASK = re.compile(r"^[\x21-\x7e]+$")
HOSTED = "github.com"
TENANTS = ".ghe.com"


class ForgeUnreachable(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """No usable answer came back. The text is one line and names host and reason."""


class BadAddress(ValueError):  # noqa: N818 - as above
    """The base URL or the token cannot be used. The text is one line and never holds the token."""


def api_url(base_url: str | None) -> str:
    """The REST address behind a GitHub address, without a slash at its end.

    None and `https://github.com` are the public service, `*.ghe.com` has `api.` before its name, and any other
    host is a GitHub Enterprise Server with its API below `/api/v3`. The provider reads `base_url` the same way.
    Raises BadAddress for anything but https (http on loopback only) and for an address with a user name.
    """
    if not base_url:
        return f"https://api.{HOSTED}"
    parts = urlsplit(base_url)
    host = parts.hostname
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise BadAddress(f"the base URL of {host} has a port that is no number from 1 to 65535") from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadAddress("the base URL must look like https://github.example.com")
    if parts.username or parts.password:
        raise BadAddress(f"the base URL of {host} has a user name or password in it; pass the token by GITHUB_TOKEN")
    if parts.scheme == "http" and not is_loopback(host):
        raise BadAddress(f"http://{host} would send the token in clear text; use https")
    if host in (HOSTED, f"api.{HOSTED}"):
        return f"https://api.{HOSTED}"
    if host.endswith(TENANTS):
        return f"https://api.{host.removeprefix('api.')}{port}"
    shown = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/api/v3")
    return f"{parts.scheme}://{shown}{port}{path}/api/v3"


def web_url(base_url: str | None) -> str:
    """The address of the web pages behind a GitHub address, without a slash at its end. Raises as `api_url`."""
    api = api_url(base_url)
    scheme, _, host = api.partition("://")
    if api.endswith("/api/v3"):
        return api.removesuffix("/api/v3")
    return f"{scheme}://{host.removeprefix('api.')}"


def direct(url: str) -> dict[str, httpx.BaseTransport | None] | None:
    """The `mounts` of an httpx client that asks this machine without a proxy: one for the outside is no way here."""
    parts = urlsplit(url)
    return {f"all://{parts.netloc}": None} if is_loopback(parts.hostname or "") else None


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Answer:
    """Status, decoded JSON body (None without one) and headers of one response."""

    status: int
    data: Any
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return self.status // 100 == 2  # noqa: PLR2004 - the status class

    @property
    def message(self) -> str:
        """What the forge says about an error, in its words; empty when it says nothing."""
        text = self.data.get("message", "") if isinstance(self.data, dict) else ""
        return str(text).splitlines()[0][:200] if text else ""


class _Memory:
    """Answers by what was asked, and a lock for each question."""

    def __init__(self) -> None:
        self.answers: dict[tuple[object, ...], Answer] = {}
        self._locks: dict[tuple[object, ...], Lock] = {}
        self._lock = Lock()

    def lock(self, asked: tuple[object, ...]) -> Lock:
        with self._lock:
            return self._locks.setdefault(asked, Lock())


class GitHubReader:
    """GET requests against one API with one token. Use it as a context manager.

    With `remember`, a request that was answered is not sent again: for one look at a forge, from several threads.
    """

    def __init__(
        self,
        token: str,
        base_url: str | None = None,
        *,
        remember: bool = False,
        etags: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`etags` is the folder of answers that earlier runs kept; what has not changed is then not counted again."""
        if not MASK.match(token):
            raise BadAddress("the token is empty or holds characters that no token has; was a line break copied along?")
        self.url = api_url(base_url)
        self._memory = _Memory() if remember else None
        self._etags = None if etags is None else EtagStore(etags, self.url, token)
        self._client = httpx.Client(
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "gitops-infra",
            },
            timeout=TIMEOUT,
            # A renamed or moved repository answers with a redirect. httpx drops the token when the host changes.
            follow_redirects=True,
            mounts=direct(self.url),
            transport=transport,
        )

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, traceback)
        if self._etags is not None:
            self._etags.save()

    def get(self, path: str, *parts: str, **query: str | int) -> Answer:
        """The answer to `GET path`, whatever its status; `{}` in the path takes the parts, escaped.

        Raises ForgeUnreachable without an answer, or when the forge says that the rate limit is used up.
        """
        target = self.url + path.format(*(quote(part, safe="") for part in parts))
        return self._send(target, query)

    def pages(self, path: str, *parts: str, key: str | None = None, **query: str | int) -> "Listing":
        """All entries of a list, 100 a page; `key` names the list inside an object that the forge wraps it in.

        Raises ForgeUnreachable as `get`.
        """
        first = self.get(path, *parts, per_page=100, **query)
        if not first.ok:
            return Listing(first, ())
        return Listing(first, tuple(self._entries(first, key)))

    def _entries(self, answer: Answer, key: str | None) -> Iterator[Any]:
        for _ in range(PAGES):
            entries = answer.data.get(key) if key and isinstance(answer.data, dict) else answer.data
            yield from entries if isinstance(entries, list) else ()
            following = re.search(r'<([^>]+)>;\s*rel="next"', answer.headers.get("link", ""))
            # The link comes from the forge: the token goes nowhere but to the API that was asked.
            if not following or not following[1].startswith(f"{self.url.split('/api/v3')[0]}/"):
                return
            answer = self._send(following[1], {})

    def _send(self, target: str, query: Mapping[str, str | int]) -> Answer:
        if self._memory is None:
            return self._sent(target, query)
        asked = (target, *sorted(query.items()))
        # Whoever asks the same at the same time waits for that answer.
        with self._memory.lock(asked):
            if asked not in self._memory.answers:
                self._memory.answers[asked] = self._sent(target, query)
            return self._memory.answers[asked]

    def _sent(self, target: str, query: Mapping[str, str | int]) -> Answer:
        host = urlsplit(self.url).netloc
        try:
            request = self._client.build_request("GET", target, params=dict(query) or None)
            kept = self._etags.find(str(request.url), request.headers) if self._etags is not None else None
            if kept is not None:
                request.headers["If-None-Match"] = kept.etag
            response = self._client.send(request)
        except httpx.TimeoutException:
            raise ForgeUnreachable(f"{host} gave no answer within {TIMEOUT:.0f} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ForgeUnreachable(f"{host} cannot be reached: {reason_of(error)}") from None
        if response.status_code == httpx.codes.NOT_MODIFIED and kept is not None:
            return Answer(httpx.codes.OK, json.loads(kept.body), {**kept.headers, **response.headers})
        answer = Answer(response.status_code, _decode(response), response.headers)
        _refuse_limits(host, answer)
        etag = response.headers.get("etag")
        if self._etags is not None and answer.status == httpx.codes.OK and etag and answer.data is not None:
            self._etags.keep(str(request.url), etag, response.text, response.headers)
        return answer


@dataclass(frozen=True)
class Listing:
    """The first answer of a list call, and the entries of all its pages (none unless the answer is ok)."""

    answer: Answer
    entries: tuple[Any, ...]


REASONS = (
    ("CERTIFICATE_VERIFY_FAILED", "its TLS certificate is not trusted (a private CA? name it in SSL_CERT_FILE)"),
    ("SSL", "the TLS handshake failed"),
    ("Name or service not known", "the host name does not resolve"),
    ("nodename nor servname", "the host name does not resolve"),
    ("No address associated", "the host name does not resolve"),
    ("Temporary failure in name resolution", "the host name cannot be resolved now"),
    ("refused", "the connection was refused"),
    ("unreachable", "there is no route to it"),
    ("disconnected", "it closed the connection without an answer"),
    ("reset", "it closed the connection without an answer"),
)
"""Text in the library's error -> what a user reads. Anything else is named by its kind."""


def reason_of(error: Exception) -> str:
    """Why no answer came, in a few words that name no address and no header."""
    text = str(error)
    for mark, reason in REASONS:
        if mark.lower() in text.lower():
            return reason
    return type(error).__name__


def _decode(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return None


def _refuse_limits(host: str, answer: Answer) -> None:
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status not in (403, 429) or not (exhausted or "retry-after" in answer.headers):
        return
    until = answer.headers.get("x-ratelimit-reset", "")
    wait = int(until) - time.time() if exhausted and until.isdigit() else None
    after = answer.headers.get("retry-after", "")
    seconds = int(after) if after.isdigit() else wait
    again = "later" if seconds is None else f"in {max(1, round(seconds / 60))} min"
    raise ForgeUnreachable(f"{host} refuses more requests of this token (rate limit); try again {again}")
