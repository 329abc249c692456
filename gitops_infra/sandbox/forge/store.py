"""The stand-in forge's memory: every record in dictionaries, and on disk before a request is answered.

One SQLite row per record (kind, id, JSON). A killed process loses at most the request that was in flight; a new
`Store` over the same directory continues where the old one stopped.
"""

import fcntl
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.forge.model import (
    Account,
    App,
    DeployKey,
    Deployment,
    EnvironmentRecord,
    HookDelivery,
    Installation,
    ManifestCode,
    PullRequest,
    PushRecord,
    Repository,
    Ruleset,
    Status,
    Team,
    Token,
    UserKey,
    Webhook,
)
from gitops_infra.sandbox.forge.record_codec import decode, encode
from gitops_infra.sandbox.forge.store_views import Views

DATABASE = "forge.sqlite3"
FIRST_ID = 100_001
"""Above 15368, the id of the GitHub Actions App, which no record may get."""

KINDS: Mapping[type, str] = {
    Account: "account",
    Team: "team",
    UserKey: "user_key",
    App: "app",
    Installation: "installation",
    ManifestCode: "manifest_code",
    Token: "token",
    DeployKey: "deploy_key",
    Ruleset: "ruleset",
    EnvironmentRecord: "environment",
    PullRequest: "pull_request",
    Status: "status",
    Repository: "repository",
    Deployment: "deployment",
    PushRecord: "push",
    Webhook: "webhook",
    HookDelivery: "hook_delivery",
}
FORMAT = 2
"""Of the records on disk; kept in SQLite's `user_version`. A store of another format is refused, not misread."""

RECORD_TYPES = {kind: record_type for record_type, kind in KINDS.items()}

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class StoreInUseError(RuntimeError):
    """Another process has the directory open; two would overwrite each other's records."""


class StoreFormatError(RuntimeError):
    """The directory was written by another version of this package."""


class Store(Views):
    """Everything the forge knows, by kind and id. Hold `lock` while reading several records that must agree."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        """Opens `directory/forge.sqlite3`, or creates it. Raises StoreInUseError, StoreFormatError."""
        self.lock = threading.RLock()
        self.directory = directory
        self._clock = clock
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._guard = _exclusive(directory / "forge.lock")
        database = directory / DATABASE
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))  # it holds opened secrets: owner only
        self._connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._depth = 0
        self._touched: dict[int, str] = {}
        self._after_commit: list[Callable[[], None]] = []
        self.listeners: list[Callable[[Any], None]] = []
        """Called with what is announced, while the store is locked: to take note and return at once."""
        self._records: dict[str, dict[int, Any]] = {kind: {} for kind in RECORD_TYPES}
        self._token_ids: dict[str, int] = {}
        self._load()

    def _load(self) -> None:
        # WAL with synchronous=NORMAL survives a killed process; only a power failure could lose the last commit.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)
        self._check_format()
        for number, kind, body in self._connection.execute("SELECT id, kind, body FROM records ORDER BY id"):
            self._remember(kind, number, decode(RECORD_TYPES[kind], body))
        row = self._connection.execute("SELECT value FROM counters WHERE name = 'id'").fetchone()
        self._next_id = self._saved_id = row[0] if row else FIRST_ID
        self._remove_orphans()

    def _check_format(self) -> None:
        [found] = self._connection.execute("PRAGMA user_version").fetchone()
        filled = self._connection.execute("SELECT 1 FROM records LIMIT 1").fetchone()
        if filled and found != FORMAT:
            self.close()
            raise StoreFormatError(
                f"{self.directory} was written by another version of gitops-infra (format {found}, not {FORMAT}):"
                " `gitops-infra sandbox reset` empties it, or give another directory"
            )
        self._connection.execute(f"PRAGMA user_version = {FORMAT}")

    def _remove_orphans(self) -> None:
        """Removes git data whose record a killed create or delete did not leave behind."""
        for directory in (self.directory / "git").glob("*.git"):
            if directory.stem.isdigit() and int(directory.stem) not in self.repositories:
                shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """Releases the database and the directory. Closing twice is allowed."""
        with self.lock:
            self._connection.close()
            self._guard.close()

    def now(self) -> float:
        """Seconds since the epoch, by the clock the store was made with."""
        return self._clock()

    def new_id(self) -> int:
        """A number no record of this forge has had."""
        with self.lock:
            number = self._next_id
            self._next_id += 1
            return number

    # Writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything saved inside is on disk together, or, when the block raises, not at all (in memory neither)."""
        with self.lock:
            self._depth += 1
            if self._depth > 1:
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            self._connection.execute("BEGIN IMMEDIATE")
            committed: list[Callable[[], None]] = []
            try:
                yield
                if self._next_id != self._saved_id:
                    self._connection.execute("REPLACE INTO counters VALUES ('id', ?)", (self._next_id,))
                self._connection.execute("COMMIT")
                self._saved_id = self._next_id
                committed = self._after_commit
            except BaseException:
                self._connection.execute("ROLLBACK")
                self._reload(self._touched)
                raise
            finally:
                self._touched, self._after_commit = {}, []
                self._depth -= 1
            for callback in committed:
                callback()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Runs `callback` once the transaction is on disk, never when it is rolled back: for removing files."""
        with self.transaction():
            self._after_commit.append(callback)

    def announce(self, event: Any) -> None:
        """Tells the listeners of an event once the transaction is on disk, never when it is rolled back."""
        for listener in self.listeners:
            self.after_commit(partial(listener, event))

    def add(self, record: Any) -> None:
        """Remembers a new record. Raises ValueError when its id is taken."""
        with self.transaction():
            kind = KINDS[type(record)]
            if any(record.id in records for records in self._records.values()):
                raise ValueError(f"id {record.id} of the new {kind} is taken")
            self._write(kind, record)

    def save(self, record: Any) -> None:
        """Writes a changed record down. Raises KeyError when it was never added, or deleted."""
        with self.transaction():
            kind = KINDS[type(record)]
            if record.id not in self._records[kind]:
                raise KeyError(f"no {kind} {record.id}")
            self._write(kind, record)

    def delete(self, record: Any) -> None:
        """Forgets a record. Records that refer to it are the caller's to delete."""
        with self.transaction():
            kind = KINDS[type(record)]
            self._touched[record.id] = kind
            self._connection.execute("DELETE FROM records WHERE id = ?", (record.id,))
            self._forget(kind, record.id)

    def _write(self, kind: str, record: Any) -> None:
        self._touched[record.id] = kind
        self._connection.execute("REPLACE INTO records VALUES (?, ?, ?)", (record.id, kind, encode(record)))
        self._remember(kind, record.id, record)

    def _remember(self, kind: str, number: int, record: Any) -> None:
        self._records[kind][number] = record
        if isinstance(record, Token):
            self._token_ids[record.digest] = number

    def _forget(self, kind: str, number: int) -> None:
        record = self._records[kind].pop(number, None)
        if isinstance(record, Token):
            self._token_ids.pop(record.digest, None)

    def _reload(self, touched: Mapping[int, str]) -> None:
        for number, kind in touched.items():
            self._forget(kind, number)
            row = self._connection.execute("SELECT body FROM records WHERE id = ?", (number,)).fetchone()
            if row:
                self._remember(kind, number, decode(RECORD_TYPES[kind], row[0]))


def _exclusive(path: Path) -> Any:
    """An open file whose lock the kernel drops when the process ends, however it ends."""
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise StoreInUseError(
            f"another sandbox forge is using {path.parent}: stop it, or give another directory"
        ) from None
    return handle
