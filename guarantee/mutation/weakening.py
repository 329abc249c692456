"""One weakening: a single change, past `pulumi up`, that makes one generated protection hold less."""

from collections.abc import Callable
from dataclasses import dataclass

from guarantee.admin import Admin, ClusterAdmin
from guarantee.matrix.cells import Question

Undo = Callable[[], None]


@dataclass(frozen=True)
class Weakening:
    """A change on the forge, as an owner could make it at the REST interface."""

    name: str
    """What was done, and where."""
    protection: str
    """What it weakens: a name of `protections`."""
    apply: Callable[[Admin], object]
    asked: tuple[Question, ...] = ()
    """Questions of the matrix whose answers it may change; none: it shows in the settings only."""


@dataclass(frozen=True)
class ClusterWeakening:
    """A change of an object in the cluster; `apply` gives what puts it back."""

    name: str
    protection: str
    apply: Callable[[ClusterAdmin], Undo]
