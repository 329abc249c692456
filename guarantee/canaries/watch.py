"""What exists only while something runs: arguments of processes, temporary files."""

import os
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from guarantee.canaries.classes import Place
from guarantee.canaries.surfaces import Piece, Surface

SECONDS = 0.02
"""Between two looks."""
SCRATCH = "a file of its user's alone"
ANSWERS = "cache.db"
"""What the GitHub provider leaves of what the forge has answered."""
MEMORY = Path("/dev/shm")  # noqa: S108 - where files are in memory only; what ours put there is looked at
_OURS = re.compile(r"gitops-infra-[a-z0-9_]{8}")
"""Folders that ours make there, as `tempfile` names them."""
_OTHERS = 0o077
"""Permission bits of anybody but the owner."""


class Watch:
    """Looks again and again at the processes that this one starts from now on, and at a folder for temporary files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arguments: set[bytes] = set()
        self._files: dict[tuple[str, bool], dict[bytes, None]] = {}
        self._seen: dict[Path, tuple[int, int]] = {}
        self._left: set[str] = set()
        self._running = frozenset(_descendants(os.getpid(), frozenset()))
        self._there = set(_in_memory())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()
        self._left = {str(path) for path in self._seen if path.exists()}

    def pieces(self) -> Iterator[Piece]:
        """Everything that was seen. A file that others could have read, or that is still there, is no scratch file."""
        yield Piece(Surface.ARGUMENTS, "arguments of processes", b"\n".join(sorted(self._arguments)))
        for (name, private), contents in list(self._files.items()):
            answers = name.endswith(f"/{ANSWERS}")
            for data in contents:
                if private and answers:
                    yield Piece(Surface.TEMPORARY, ANSWERS, data, Place.ANSWERS)
                elif private and name not in self._left:
                    yield Piece(Surface.TEMPORARY, SCRATCH, data, Place.SCRATCH)
                else:
                    yield Piece(Surface.TEMPORARY, name, data)

    def _run(self) -> None:
        while not self._ended.wait(SECONDS):
            self._look()

    def _look(self) -> None:
        for pid in _descendants(os.getpid(), self._running):
            with suppress(OSError):
                self._arguments.add(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        for root in (self._folder, *(set(_in_memory()) - self._there)):
            for path in _below(root):
                self._read(path)

    def _read(self, path: Path) -> None:
        with suppress(OSError):
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
            if self._seen.get(path) == state:
                return
            data = path.read_bytes()
            self._seen[path] = state
            private = not status.st_mode & _OTHERS
            self._files.setdefault((str(path), private), {})[data] = None


def _in_memory() -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in MEMORY.iterdir() if _OURS.fullmatch(path.name))


def _below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root, onerror=None):
        for name in names:
            yield Path(folder, name)


def _descendants(pid: int, but: Collection[int]) -> Iterator[int]:
    """Processes that a process has started, and those that they have, without some and what these have started."""
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                for child in map(int, (thread / "children").read_text(encoding="ascii").split()):
                    if child not in but:
                        yield child
                        yield from _descendants(child, but)
