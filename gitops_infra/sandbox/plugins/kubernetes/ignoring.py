"""`ignoreChanges` in an update: an ignored field stays as it is in the cluster, and with whom owns it there."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes.objects import Object, metadata

_STEP = re.compile(r"\.?([^.\[\]\"]+)|\[\"((?:[^\"\\]|\\.)*)\"\]")
_MISSING = object()


def respecting(desired: Object, live: Object, paths: Iterable[str], ours: Iterable[tuple[str, str]]) -> Object:
    """What to apply so that the fields at `paths` stay as they are.

    A field that only others own is left out: naming it would be a conflict, or make it ours. Any other has its live
    value. `ours` are the managers, with operations, whose fields are ours. Paths into lists are not gone into.
    """
    result = copy.deepcopy(desired)
    entries = metadata(live).get("managedFields") or []
    mine = set(ours)
    for path in paths:
        steps = _steps(path)
        if not steps:
            continue
        owners = {(one["manager"], one["operation"]) for one in entries if _owns(one.get("fieldsV1") or {}, steps)}
        found = _at(live, steps)
        if owners and not owners & mine:
            _remove(result, steps)
        elif found is not _MISSING:
            _put(result, steps, found)
    return result


def _steps(path: str) -> list[str]:
    """The names in a property path; empty if it goes into a list."""
    found = list(_STEP.finditer(path))
    if "".join(step[0] for step in found) != path:
        return []
    return [step[1] if step[1] is not None else step[2].replace('\\"', '"') for step in found]


def _owns(fields: Mapping[str, Any], steps: list[str]) -> bool:
    for step in steps:
        if f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
    return True


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return _MISSING
        value = value[step]
    return value


def _remove(value: dict[str, Any], steps: list[str]) -> None:
    parent = _at(value, steps[:-1])
    if isinstance(parent, dict):
        parent.pop(steps[-1], None)


def _put(value: dict[str, Any], steps: list[str], new: Any) -> None:
    for step in steps[:-1]:
        value = value.setdefault(step, {})
        if not isinstance(value, dict):
            return
    value[steps[-1]] = new
