"""Ports on loopback that nobody else takes before the program that they are for does."""

import random
import socket
from collections.abc import Iterable, Mapping
from typing import Self

from gitops_infra.sandbox.cluster.failure import ClusterError

HOST = "127.0.0.1"
FIRST, LAST = 20_000, 32_000
"""Below what systems give to outgoing connections (Linux: 32,768 up, macOS: 49,152 up), which would come in between."""
_ATTEMPTS = 200


class Ports:
    """Ports by name, each held by a socket of ours until `release` hands it to its program.

    A context manager: what is still held is freed. After `release`, a program may find its port taken all the same;
    it says so and ends, and the caller chooses again.
    """

    def __init__(self, names: Iterable[str], preferred: Mapping[str, int] | None = None) -> None:
        """Takes the preferred port of each name if it is free, else any. Raises ClusterError if there is none."""
        self.numbers: dict[str, int] = {}
        self._held: dict[str, socket.socket] = {}
        try:
            for name in names:
                self._take(name, (preferred or {}).get(name, 0))
        except ClusterError:
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
        for number in ([preferred] if preferred else []) + random.sample(range(FIRST, LAST), _ATTEMPTS):
            held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                # As Go's listeners do: else a port in TIME_WAIT after a restart would count as taken.
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                held.bind((HOST, number))
                held.listen(1)  # two such sockets may be bound to one port; only one may listen
            except OSError:
                held.close()
                continue
            self.numbers[name], self._held[name] = number, held
            return
        raise ClusterError("ports", f"{_ATTEMPTS} ports between {FIRST} and {LAST} are taken", "End what listens there")
