"""One change of a managed setting past `pulumi up`, and the code by which the audit must report it."""

from collections.abc import Callable
from dataclasses import dataclass

from guarantee.admin import Admin, ClusterAdmin

Undo = Callable[[], None]


@dataclass(frozen=True)
class Change:
    """A change on the forge."""

    name: str
    """What was done, in words."""
    code: str
    apply: Callable[[Admin], object]
    also: tuple[str, ...] = ()
    """Codes that follow from it."""
    place: str = ""
    """Where alone it is reported: changes of other places can be made and looked for at the same time."""


@dataclass(frozen=True)
class ClusterChange:
    """A change in the cluster; `apply` gives what puts it back."""

    name: str
    code: str
    apply: Callable[[ClusterAdmin], Undo]
    also: tuple[str, ...] = ()
