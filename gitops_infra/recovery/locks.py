"""Locks that a killed `pulumi` leaves behind in a state folder."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

FILE = "file://"


@dataclass(frozen=True)
class Lock:
    """Who holds a stack, by the lock file of the file backend."""

    path: Path
    pid: int
    host: str
    user: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"

    @property
    def local(self) -> bool:
        """Whether the holder ran on this host, so that its life can be judged."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether a process of that number runs here; one that is provably not Pulumi does not count."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            pass
        try:
            # Process numbers come around again: a lock must not live on in somebody else's.
            return "pulumi" in Path(f"/proc/{self.pid}/comm").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True


def state_folder(backend: str, start: Path) -> Path | None:
    """Folder of a file backend by its address; None for backends elsewhere, which keep locks of their own."""
    if not backend.startswith(FILE):
        return None
    path = Path(unquote(backend.removeprefix(FILE)))
    return (start / path.expanduser()).resolve()


def locks(folder: Path, project: str, stack: str) -> tuple[Lock, ...]:
    """Locks of the stack in a state folder. A file that is no lock is reported with process 0 of nobody."""
    found = sorted((folder / ".pulumi" / "locks" / "organization" / project / stack).glob("*.json"))
    return tuple(_read(path) for path in found)


def _read(path: Path) -> Lock:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Lock(
            path, int(content["pid"]), str(content["hostname"]), str(content["username"]), str(content["timestamp"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Lock(path, 0, "an unknown host", "nobody", "an unknown time")
