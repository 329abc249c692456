"""Runs the processes of clusters and lets none of them outlive whoever started it.

A program of its own, with nothing but the standard library. Orders come as lines of JSON on standard input, news go
out the same way. When the input ends, by `close` or because the other side was killed, everything is ended: a pipe
closes on every system and whatever the signal. If this program itself is killed, Linux kills its children.
Its argument, if any, is a folder to remove when the other side has gone without a word.
"""

import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GENTLE_SECONDS = 3.0
"""For a process that writes to disk: it is asked to end first."""


class Supervisor:
    """The children, and the loop that starts and reaps them."""

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._gentle: set[str] = set()
        self._parent_dies = _parent_death_signal()

    def run(self) -> None:
        """Obeys until the input ends; then ends all children."""
        reader, writer = os.pipe()
        for end in (reader, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(0))
        buffer = b""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(reader, selectors.EVENT_READ)
                selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
                while True:
                    ready = {key.fd for key, _ in selector.select()}
                    if reader in ready:
                        os.read(reader, 4096)
                    self._reap()
                    if sys.stdin.fileno() in ready:
                        read = os.read(sys.stdin.fileno(), 65536)
                        if not read:
                            return
                        *lines, buffer = (buffer + read).split(b"\n")
                        for line in lines:
                            self._obey(json.loads(line))
        except BrokenPipeError:
            return
        finally:
            self._end_all()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _obey(self, order: dict[str, Any]) -> None:
        name = order.get("name", "")
        if order["do"] == "start":
            self._start(name, order)
        elif order["do"] == "part":
            self._folder = None  # the other side lives, and sees to it
        elif name in self._children:
            self._children[name].kill()

    def _start(self, name: str, order: dict[str, Any]) -> None:
        try:
            with Path(order["log"]).open("ab") as log:
                child = subprocess.Popen(
                    order["command"],
                    env=order["environment"],
                    cwd=Path(order["log"]).parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=self._parent_dies,  # noqa: PLW1509  this program has one thread
                )
        except OSError as error:
            _tell(ended=name, code=127, why=str(error))
            return
        self._children[name] = child
        if order.get("gentle"):
            self._gentle.add(name)
        _tell(started=name, pid=child.pid)

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[name]
                self._gentle.discard(name)
                _tell(ended=name, code=child.returncode)

    def _end_all(self) -> None:
        """Kills what keeps nothing; lets a database close its files, and then kills it too."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for name, child in self._children.items():
            if name not in self._gentle:
                child.kill()
        for name in self._gentle:
            self._children[name].terminate()
        deadline = time.monotonic() + GENTLE_SECONDS
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _parent_death_signal() -> Any:
    """What a child of Linux does before it runs its program: it asks to be killed when this process dies."""
    if not sys.platform.startswith("linux"):
        return None
    library, parent, set_signal = ctypes.CDLL(None), os.getpid(), 1

    def ask() -> None:
        library.prctl(set_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def _tell(**news: Any) -> None:
    os.write(sys.stdout.fileno(), json.dumps(news).encode() + b"\n")


if __name__ == "__main__":
    Supervisor(*sys.argv[1:]).run()
