"""Lays one topology over another. Pure: plain data in, plain data out, and for every place who said it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitops_infra.topology.problems import inside

MERGED_BY: Mapping[str, str] = {
    "environments": "name",
    "repositories": "name",
    "clusters": "name",
    "promotions": "target",
}
"""Lists of a topology whose entries are merged, and by which of their keys. Every other list is replaced."""


@dataclass(frozen=True)
class Part:
    """A value, or a mapping or list of parts; and where it was said, such as `base.yaml:4`."""

    value: Any
    said: str


def part(data: object, said: Callable[[str], str], place: str = "") -> Part:
    """The data with the words of `said` for each place in it."""
    value = data
    if isinstance(data, dict):
        value = {key: part(item, said, inside(place, str(key))) for key, item in data.items()}
    elif isinstance(data, list):
        value = [part(item, said, inside(place, index)) for index, item in enumerate(data)]
    return Part(value, said(place))


def merged(base: Part, over: Part) -> Part:
    """`base` with `over` on top.

    Mappings merge, null removes, and anything else replaces. At the top, entries of the lists in `MERGED_BY` merge with
    the one of the same name; new ones follow. What cannot be merged, such as an entry without a name, is kept as it is
    and left to the rules.
    """
    return _merged(base, over, MERGED_BY)


def plain(whole: Part) -> Any:
    """The data without where it was said."""
    if isinstance(whole.value, dict):
        return {key: plain(item) for key, item in whole.value.items()}
    if isinstance(whole.value, list):
        return [plain(item) for item in whole.value]
    return whole.value


def said_at(whole: Part) -> dict[str, str]:
    """Place -> where it was said."""
    return dict(_said_at(whole, ""))


def _merged(base: Part, over: Part, lists: Mapping[str, str]) -> Part:
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    value = dict(base.value)
    for key, item in over.value.items():
        before = value.get(key)
        if item.value is None:
            value.pop(key, None)
        elif before is None:
            value[key] = item
        elif key in lists and isinstance(before.value, list) and isinstance(item.value, list):
            value[key] = Part(list(_entries(before.value, item.value, lists[key])), item.said)
        else:
            value[key] = _merged(before, item, {})
    return replace(over, value=value)


def _entries(base: list[Part], over: list[Part], key: str) -> Iterator[Part]:
    """The entries of both lists, those with the same name merged."""
    first: dict[str | None, int] = {}
    for position, entry in enumerate(over):
        name = _name(entry, key)
        if name is not None:
            first.setdefault(name, position)
    done = set()
    for entry in base:
        name = _name(entry, key)
        if name in first:
            done.add(first[name])
            yield _merged(entry, over[first.pop(name)], {})
        else:
            yield entry
    yield from (entry for position, entry in enumerate(over) if position not in done)


def _name(entry: Part, key: str) -> str | None:
    given = entry.value.get(key) if isinstance(entry.value, dict) else None
    return given.value if given is not None and isinstance(given.value, str) else None


def _said_at(whole: Part, place: str) -> Iterator[tuple[str, str]]:
    yield place, whole.said
    if isinstance(whole.value, dict):
        for key, item in whole.value.items():
            yield from _said_at(item, inside(place, str(key)))
    elif isinstance(whole.value, list):
        for index, item in enumerate(whole.value):
            yield from _said_at(item, inside(place, index))
