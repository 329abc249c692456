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
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from gitops_infra.sandbox.forge.model import (
    Account,
    App,
    DeployKey,
    Deployment,
    EnvironmentRecord,
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
)
from gitops_infra.sandbox.forge.record_codec import decode, encode

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


class _Owned(Protocol):
    repository_id: int


_OwnedRecord = TypeVar("_OwnedRecord", bound=_Owned)


class Store:
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

    # Reading: live views by id

    @property
    def accounts(self) -> Mapping[int, Account]:
        """Users and organisations."""
        return MappingProxyType(self._records["account"])

    @property
    def teams(self) -> Mapping[int, Team]:
        """Teams of all organisations."""
        return MappingProxyType(self._records["team"])

    @property
    def user_keys(self) -> Mapping[int, UserKey]:
        """SSH keys of users."""
        return MappingProxyType(self._records["user_key"])

    @property
    def apps(self) -> Mapping[int, App]:
        """GitHub Apps, installed or not."""
        return MappingProxyType(self._records["app"])

    @property
    def installations(self) -> Mapping[int, Installation]:
        """Installations of Apps on accounts."""
        return MappingProxyType(self._records["installation"])

    @property
    def manifest_codes(self) -> Mapping[int, ManifestCode]:
        """Codes of the manifest flow that were not exchanged yet, expired ones too."""
        return MappingProxyType(self._records["manifest_code"])

    @property
    def tokens(self) -> Mapping[int, Token]:
        """Tokens, the revoked and expired ones too."""
        return MappingProxyType(self._records["token"])

    @property
    def deploy_keys(self) -> Mapping[int, DeployKey]:
        """Deploy keys of all repositories."""
        return MappingProxyType(self._records["deploy_key"])

    @property
    def rulesets(self) -> Mapping[int, Ruleset]:
        """Rulesets of all repositories."""
        return MappingProxyType(self._records["ruleset"])

    @property
    def environments(self) -> Mapping[int, EnvironmentRecord]:
        """Environments of all repositories."""
        return MappingProxyType(self._records["environment"])

    @property
    def pull_requests(self) -> Mapping[int, PullRequest]:
        """Pull requests of all repositories."""
        return MappingProxyType(self._records["pull_request"])

    @property
    def statuses(self) -> Mapping[int, Status]:
        """Commit statuses of all repositories."""
        return MappingProxyType(self._records["status"])

    @property
    def repositories(self) -> Mapping[int, Repository]:
        """Repositories of all accounts."""
        return MappingProxyType(self._records["repository"])

    @property
    def deployments(self) -> Mapping[int, Deployment]:
        """Deployments of all repositories."""
        return MappingProxyType(self._records["deployment"])

    @property
    def pushes(self) -> Mapping[int, PushRecord]:
        """Every evaluated ref update, refused ones too."""
        return MappingProxyType(self._records["push"])

    # Reading: by name, and what belongs to a repository in the order it was made

    def account(self, login: str) -> Account | None:
        """The user or organisation of that name, in any case."""
        return next((a for a in self.accounts.values() if a.login.lower() == login.lower()), None)

    def user(self, login: str) -> Account | None:
        """As `account`, users only."""
        account = self.account(login)
        return account if account and account.kind == "User" else None

    def team(self, organization: Account, slug: str) -> Team | None:
        """The team of that slug."""
        teams = (t for t in self.teams.values() if t.organization_id == organization.id)
        return next((t for t in teams if t.slug == slug.lower()), None)

    def app(self, slug: str) -> App | None:
        """The App of that slug."""
        return next((a for a in self.apps.values() if a.slug == slug.lower()), None)

    def installation(self, app: App, account: Account) -> Installation | None:
        """The App's installation on the account."""
        here = (i for i in self.installations.values() if i.app_id == app.id)
        return next((i for i in here if i.account_id == account.id), None)

    def keys_of(self, user: Account) -> list[UserKey]:
        """The user's SSH keys, oldest first."""
        return [key for _, key in sorted(self.user_keys.items()) if key.user_id == user.id]

    def token(self, digest: str) -> Token | None:
        """The token whose value has this SHA-256 (hexadecimal), valid or not."""
        number = self._token_ids.get(digest)
        return None if number is None else self.tokens[number]

    def repository(self, owner: str, name: str) -> Repository | None:
        """The repository of that owner and name, in any case."""
        account = self.account(owner)
        if account is None:
            return None
        owned = (r for r in self.repositories.values() if r.owner_id == account.id)
        return next((r for r in owned if r.name.lower() == name.lower()), None)

    def moved(self, owner: str, name: str) -> Repository | None:
        """The repository that had this owner and name before, unless another one has them now."""
        if self.repository(owner, name) is not None:
            return None
        former = f"{owner}/{name}".lower()
        return next((r for r in self.repositories.values() if former in r.former_names), None)

    def full_name(self, repository: Repository) -> str:
        """`owner/name`."""
        return f"{self.accounts[repository.owner_id].login}/{repository.name}"

    def git_dir(self, repository: Repository) -> Path:
        """Folder of the bare repository; named by id, so a rename moves nothing."""
        return self.directory / "git" / f"{repository.id}.git"

    def deploy_keys_of(self, repository: Repository) -> list[DeployKey]:
        """The repository's deploy keys, dead ones too."""
        return _of(self.deploy_keys, repository)

    def rulesets_of(self, repository: Repository) -> list[Ruleset]:
        """The repository's rulesets, disabled ones too."""
        return _of(self.rulesets, repository)

    def environments_of(self, repository: Repository) -> list[EnvironmentRecord]:
        """The repository's environments."""
        return _of(self.environments, repository)

    def environment(self, repository: Repository, name: str) -> EnvironmentRecord | None:
        """The environment of that name, in any case (GitHub's environment names ignore case)."""
        return next((e for e in self.environments_of(repository) if e.name.lower() == name.lower()), None)

    def pull_requests_of(self, repository: Repository) -> list[PullRequest]:
        """The repository's pull requests, closed ones too."""
        return _of(self.pull_requests, repository)

    def statuses_of(self, repository: Repository) -> list[Status]:
        """The repository's commit statuses; of one context the last one counts."""
        return _of(self.statuses, repository)

    def deployments_of(self, repository: Repository) -> list[Deployment]:
        """The repository's deployments."""
        return _of(self.deployments, repository)

    def pushes_of(self, repository: Repository) -> list[PushRecord]:
        """Evaluated updates of the repository's refs."""
        return _of(self.pushes, repository)


def _of(records: Mapping[int, _OwnedRecord], repository: Repository) -> list[_OwnedRecord]:
    owned = ((number, record) for number, record in records.items() if record.repository_id == repository.id)
    return [record for _, record in sorted(owned, key=lambda pair: pair[0])]


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
