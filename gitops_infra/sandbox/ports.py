"""Ports on loopback for servers: such that no outgoing connection of another program comes in between.

A server that ends and comes back on its port (`gitops-infra sandbox reset`) finds it free again.
"""

import random
import socket
from collections.abc import Iterable, Mapping
from typing import Self

HOST = "127.0.0.1"
FIRST, LAST = 20_000, 32_000
"""Below what systems give to outgoing connections (Linux: 32,768 up, macOS: 49,152 up)."""
_ATTEMPTS = 200


def bound(port: int = 0) -> socket.socket:
    """A socket that has taken the port (0: a free one of the range) and does not listen yet.

    Raises OSError when the port is taken, or when no free one is found.
    """
    if port:
        return _bound(port, again=True)
    for number in random.sample(range(FIRST, LAST), _ATTEMPTS):
        try:
            return _bound(number, again=False)
        except OSError:
            continue
    raise OSError(f"{_ATTEMPTS} ports between {FIRST} and {LAST} are taken")


class Ports:
    """Ports by name, each held by a socket of ours until `release` hands it to its program.

    A context manager: what is still held is freed. After `release`, a program may find its port taken all the same;
    it says so and ends, and the caller chooses again.
    """

    def __init__(self, names: Iterable[str], preferred: Mapping[str, int] | None = None) -> None:
        """Takes the preferred port of each name if it is free, else any. Raises OSError if there is none."""
        self.numbers: dict[str, int] = {}
        self._held: dict[str, socket.socket] = {}
        try:
            for name in names:
                self._take(name, (preferred or {}).get(name, 0))
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def release(self, *names: str) -> None:
        """Frees these ports, for their program to be started now."""
        for name in names:
            if held := self._held.pop(name, None):
                held.close()

    def close(self) -> None:
        """Frees all."""
        self.release(*list(self._held))

    def _take(self, name: str, preferred: int) -> None:
        try:
            held = _held(preferred)
        except OSError:
            if not preferred:
                raise
            held = _held(0)
        self.numbers[name], self._held[name] = held.getsockname()[1], held


def _bound(port: int, *, again: bool) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it each answer waits 40 ms for an ACK.
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A port that served until now has connections in TIME_WAIT, and may be taken again only with SO_REUSEADDR. But
        # with it, a port that another has taken and does not listen on yet looks free: a new choice does without.
        if again:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, port))
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for who takes it after this one
    except OSError:
        taken.close()
        raise
    return taken


def _held(port: int) -> socket.socket:
    taken = bound(port)
    try:
        taken.listen(1)  # two such sockets may be bound to one port; only one may listen
    except OSError:
        taken.close()
        raise
    return taken
