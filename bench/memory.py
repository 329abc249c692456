"""Memory of a command with everything that it starts: engine, program and providers are processes of their own."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAUSE = 0.1


@dataclass
class Peak:
    """The largest sum of what was resident at one time; 0 where it cannot be told (no /proc)."""

    bytes: int = 0


@contextmanager
def peak(executable: str) -> Iterator[Peak]:
    """While it is open: the peak of this process's children that run `executable`, with all of their descendants."""
    found, ended = Peak(), threading.Event()

    def look() -> None:
        while not ended.wait(_PAUSE):
            found.bytes = max(found.bytes, _resident(os.getpid(), executable))

    thread = threading.Thread(target=look, name="bench-memory", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _resident(parent: int, executable: str) -> int:
    children: dict[int, list[int]] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The name, in brackets, may hold anything.
            owner = int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(owner, []).append(int(path.parent.name))
    wanted = [one for one in children.get(parent, ()) if _runs(one, executable)]
    total = 0
    while wanted:
        one = wanted.pop()
        wanted += children.get(one, ())
        with suppress(OSError, ValueError, IndexError):
            total += int((_PROC / str(one) / "statm").read_text(encoding="ascii").split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")


def _runs(process: int, executable: str) -> bool:
    try:
        return (_PROC / str(process) / "cmdline").read_bytes().split(b"\0")[0] == executable.encode()
    except OSError:
        return False
