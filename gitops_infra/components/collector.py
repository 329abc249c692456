"""Python's search for reference cycles, while a whole topology is registered."""

import gc
from collections.abc import Callable
from typing import Any

DEFAULT = (700, 10, 10)
RARELY = (50_000, 20, 100)
"""Allocations between two searches, and how many searches make a wider one. See `gc.set_threshold`."""


def collect_rarely() -> Callable[[Any], None]:
    """Makes the search rarer, and returns what makes it as it was; that ignores its argument.

    Resources, outputs and their tasks live until the program ends, so that searching them finds nothing; with Python's
    own thresholds that was more than half of the time of a program with a hundred environments (`bench/README.md`).
    A program that has thresholds of its own keeps them.
    """
    if not gc.isenabled() or gc.get_threshold() != DEFAULT:
        return lambda _: None
    gc.set_threshold(*RARELY)

    def as_before(_: Any) -> None:
        if gc.get_threshold() == RARELY:
            gc.set_threshold(*DEFAULT)

    return as_before
