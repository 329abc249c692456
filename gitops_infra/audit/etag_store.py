"""Answers of the forge that were read before, so that what has not changed is neither sent nor counted again.

GitHub answers 304 to a GET with the entity tag of an answer that is still right, and does not count it. Kept are the
tag, the body and the few headers that are read, for each forge. Answers that may hold something secret are never kept:
addresses of webhooks, and values of variables.

A tag is made of the body and of the token that asked for it, so that of another token's answer is worth nothing, and an
App has a new token each hour. What the tag would be for this token is computed then. Another token is shown nothing by
that: only a 304 to its own tag says that the forge would have sent it this very body.

Sources: GitHub REST, "Best practices for using the REST API" (conditional requests); how a tag is made is known from
the client `github-conditional-http-transport`, which the provider uses. Where that changes, everything is read anew.
"""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

FORMAT = 2
"""Raised when what is in a file changes."""
NOT_KEPT = ("/hooks", "/variables")
"""How the path of a question ends whose answer may hold something secret."""
READ = ("link", "x-oauth-scopes")
"""Headers that are read of an answer, beside those of every answer."""
MOST = 20_000
"""Answers in one file; of more, those not asked for longest are forgotten."""
LONGEST = 64 * 1024 * 1024
"""Bytes of a file that is still read."""
HASHED = ("accept", "authorization", "cookie")
"""Headers of a request that its tag depends on, in the order in which they are hashed: what GitHub names in `Vary`."""


@dataclass(frozen=True)
class Kept:
    """One answer."""

    etag: str
    asker: str
    """Digest of the token that it was given to."""
    body: str
    headers: Mapping[str, str]


class EtagStore:
    """The answers of one forge, for one token. Used by several threads; `save` writes them down."""

    def __init__(self, folder: Path, api_url: str, token: str) -> None:
        """Reads what is there. What is not ours alone, or cannot be read, counts as nothing."""
        self.path = folder / f"{_digest(api_url)}.json"
        self._api_url = api_url
        self._asker = _digest(f"{api_url} {token}")
        self._lock = Lock()
        self._kept = _read(self.path, api_url)
        self._changed = False

    def find(self, url: str, asked: Mapping[str, str]) -> Kept | None:
        """What was answered to the question, with its tag for a request with these headers.

        It moves behind the others, to be forgotten last.
        """
        with self._lock:
            found = self._kept.pop(url, None)
            if found is None:
                return None
            self._kept[url] = found
        return found if found.asker == self._asker else replace(found, etag=predicted(found.body, asked))

    def keep(self, url: str, etag: str, body: str, headers: Mapping[str, str]) -> None:
        """Remembers an answer, unless it may hold something secret."""
        if urlsplit(url).path.endswith(NOT_KEPT):
            return
        kept = Kept(etag, self._asker, body, {name: headers[name] for name in READ if name in headers})
        with self._lock:
            self._kept.pop(url, None)
            self._kept[url] = kept
            self._changed = True

    def save(self) -> None:
        """Writes everything down at once, readable by its owner only. A folder that cannot be written is no error."""
        with self._lock:
            if not self._changed:
                return
            kept = dict(list(self._kept.items())[-MOST:])
            self._changed = False
        document = {
            "format": FORMAT,
            "api": self._api_url,
            "answers": {url: [each.etag, each.asker, each.body, dict(each.headers)] for url, each in kept.items()},
        }
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.path, json.dumps(document))


def predicted(body: str, asked: Mapping[str, str]) -> str:
    """The tag that GitHub gives to the body as an answer to a request with these headers."""
    digest = hashlib.sha256()
    for name in HASHED:
        if name in asked:
            digest.update(f"{asked[name]}:".encode("latin-1", "replace"))
    digest.update(body.encode())
    return f'"{digest.hexdigest()}"'


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/gitops-infra/verify`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "gitops-infra" / "verify"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(path: Path, api_url: str) -> dict[str, Kept]:
    # A pipe of that name must not hold us, and a link could lead to a file of somebody else's.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return {}
    try:
        if not _is_ours(os.fstat(descriptor)):
            return {}
        with os.fdopen(descriptor, encoding="utf-8", closefd=False) as file:
            return dict(_answers(json.load(file), api_url))
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)


def _is_ours(found: os.stat_result) -> bool:
    """Whether nobody else can have written it: what is in it decides what is reported."""
    if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST:
        return False
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return own and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _answers(document: Any, api_url: str) -> dict[str, Kept]:
    if not isinstance(document, dict) or (document.get("format"), document.get("api")) != (FORMAT, api_url):
        return {}
    answers = document.get("answers")
    return {
        url: Kept(*entry) for url, entry in (answers.items() if isinstance(answers, dict) else ()) if _is_answer(entry)
    }


def _is_answer(entry: Any) -> bool:
    if not isinstance(entry, list) or [type(part) for part in entry] != [str, str, str, dict]:
        return False
    try:
        json.loads(entry[2])
    except (ValueError, RecursionError):
        return False
    return all(isinstance(value, str) for value in entry[3].values())


def _replace(path: Path, text: str) -> None:
    """Several runs at the same time: the last one wins, and nobody reads half a file."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".json", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
