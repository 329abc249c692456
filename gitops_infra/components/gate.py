"""Outputs that carry an order with them, and outputs of plain data.

Each one is a single task. Pulumi's own combinators make an output for every part of a value, at every depth, and its
runtime looks at all pending outputs each time that one of them is done: with a hundred environments that was a sixth
of the program's time.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pulumi

_T = TypeVar("_T")


def known(value: _T) -> pulumi.Output[_T]:
    """The value as an output. It is taken as it is: an output inside of it stays one."""
    # Pulumi's own has no task at all for what has no parts.
    return after(value, ()) if isinstance(value, (dict, list)) else pulumi.Output.from_input(value)


def after(value: _T, resources: Iterable[pulumi.Resource]) -> pulumi.Output[_T]:
    """The value, known once the resources exist; whatever takes it as an input depends on all of them.

    A program that passes such an output on is in the right order without saying so. The URN is what is waited
    for: it is known in a preview too, so the value never shows there as unknown.
    """
    awaited = tuple(resources)
    return pulumi.Output(set(awaited), _Later(value, awaited), _Later(value=True))


@dataclass(frozen=True)
class _Later(Generic[_T]):
    """The value, once the resources exist.

    Not a coroutine: when the program fails nobody awaits it, and Python would warn.
    """

    value: _T
    resources: tuple[pulumi.Resource, ...] = ()

    def __await__(self) -> Generator[Any, None, _T]:
        for resource in self.resources:
            yield from resource.urn.future().__await__()
        return self.value
