"""The processes of clusters, seen from the one who needs them: start, wait, kill, and why one has died."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from gitops_infra.sandbox.cluster import supervisor
from gitops_infra.sandbox.cluster.failure import ClusterError, PortTakenError

_END_TIMEOUT = 10.0
_POLL = 0.02
_TAIL = 8
_WIDTH = 1000
_TAKEN = re.compile(r"address already in use")
_LOOK = "Look into its log; if the machine is short of memory, start fewer clusters"


class Processes:
    """Children of a supervisor of ours, by name. A context manager: at its end, and if we are killed, all are ended."""

    def __init__(self, temporary: Path | None = None) -> None:
        """A temporary folder is removed if we are killed; else it is the caller's to remove."""
        self._temporary = temporary
        self.pids: dict[str, int] = {}
        """Of what runs, by name."""
        self._codes: dict[str, int] = {}
        self._logs: dict[str, Path] = {}
        self._news = threading.Condition()
        self._orders = threading.Lock()
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._supervisor = subprocess.Popen(
            [
                sys.executable,
                "-P",
                str(Path(supervisor.__file__)),
                *([str(self._temporary)] if self._temporary else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # so that Ctrl-C reaches us only, and its group can be killed as a whole
        )
        self._reader = threading.Thread(target=self._read, name="cluster-news", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all. Whoever waits for one of them learns that it has ended."""
        process = self._supervisor
        if process is None or process.stdin is None or process.stdout is None:
            return
        with suppress(ClusterError):
            self._order({"do": "part"})
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode != 0:  # it was killed, and only Linux kills its children then
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        if self._reader is not None:
            self._reader.join()
        process.stdout.close()
        self._supervisor = None

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, *, gentle: bool = False
    ) -> None:
        """Starts a process whose output is appended to `log`. A gentle one may close its files at the end."""
        self._codes.pop(name, None)
        self._logs[name] = log
        order = {"do": "start", "name": name, "command": list(command), "environment": dict(environment)}
        self._order({**order, "log": str(log), "gentle": gentle})
        with self._news:
            self._news.wait_for(lambda: name in self.pids or name in self._codes, _END_TIMEOUT)

    def kill(self, *names: str) -> None:
        """Kills these; they are gone when it returns. What does not run is left out."""
        running = [name for name in names if name in self.pids]
        for name in running:
            self._order({"do": "kill", "name": name})
        with self._news:
            if not self._news.wait_for(lambda: not any(name in self.pids for name in running), _END_TIMEOUT):
                raise ClusterError(", ".join(running), "does not end", "Kill it by hand")

    def wait(self, names: Sequence[str], condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Waits until the condition holds. Raises ClusterError if a named process dies first, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.check(*names)
            if time.monotonic() > deadline:
                lines = "\n".join(f"{name}:\n{tail(self._logs[name])}" for name in names)
                raise ClusterError(what, f"not there after {seconds:.0f} s:\n{lines}\n", _LOOK)
            time.sleep(_POLL)

    def check(self, *names: str) -> None:
        """Raises ClusterError with the last lines of its log if one of them has ended."""
        for name in names:
            code = self._codes.get(name)
            if code is not None:
                lines = tail(self._logs[name])
                taken = _TAKEN.search(lines)
                kind, remedy = (PortTakenError, "Start it on another port") if taken else (ClusterError, _LOOK)
                raise kind(name, f"ended (exit code {code}), log {self._logs[name]}:\n{lines}\n", remedy)

    def _order(self, order: Mapping[str, object]) -> None:
        if self._supervisor is None or self._supervisor.stdin is None:
            raise ClusterError("the clusters", "they do not run", "Start them first")
        with self._orders:
            try:
                self._supervisor.stdin.write(json.dumps(order).encode() + b"\n")
                self._supervisor.stdin.flush()
            except BrokenPipeError:
                raise ClusterError("the clusters", "their supervisor was killed", "Start them again") from None

    def _read(self) -> None:
        stream = self._supervisor.stdout if self._supervisor else None
        for line in stream or ():
            news = json.loads(line)
            with self._news:
                if "started" in news:
                    self.pids[news["started"]] = news["pid"]
                else:
                    if "why" in news:  # it could not be started, so nothing else is in its log
                        with self._logs[news["ended"]].open("a", encoding="utf-8") as log:
                            log.write(f"{news['why']}\n")
                    self.pids.pop(news["ended"], None)
                    self._codes[news["ended"]] = news["code"]
                self._news.notify_all()
        with self._news:  # the supervisor is gone, and so are its children
            self._codes |= dict.fromkeys(self.pids, -signal.SIGKILL)
            self.pids.clear()
            self._news.notify_all()


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line[:_WIDTH]}" for line in lines[-_TAIL:]) or "  (it wrote nothing)"
