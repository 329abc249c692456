"""What differs between the live object and what a program asks for, and whether a new object is needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes.settings import Settings

Path = tuple[str | int, ...]
_MISSING = object()

_BINDING = (("roleRef",),)
_IDENTITY: tuple[Path, ...] = (("metadata", "name"), ("metadata", "namespace"))
_IMMUTABLE: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("apps/v1", "Deployment"): (("spec", "selector"),),
    ("v1", "ConfigMap"): (("binaryData",), ("data",)),
    ("v1", "Secret"): (("type",), ("stringData",), ("data",)),
    ("v1", "Service"): (("spec", "clusterIP"),),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): _BINDING,
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): _BINDING,
}
"""Fields whose change replaces the object. The content of a ConfigMap or Secret does it so that pods see the change."""

# Fields below them hold quantities, which the API server writes in a form of its own: 0.5 becomes 500m.
_QUANTITIES = frozenset({"limits", "requests"})
_SCALES = {
    **{suffix: Decimal(10) ** power for suffix, power in zip(("n", "u", "m"), (-9, -6, -3), strict=True)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


class Change(StrEnum):
    """What happens to one property."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Difference:
    """One property that differs."""

    path: Path
    change: Change

    def __str__(self) -> str:
        """The path in the engine's spelling."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"[{step}]"
            elif any(sign in step for sign in '."[]'):
                quoted = step.replace('"', '\\"')
                text += f'["{quoted}"]'
            else:
                text += f".{step}" if text else step
        return text


def pruned(live: Any, shape: Any) -> Any:
    """The live value without what the shape does not mention: what the API server or others added.

    Lists of objects are pruned one by one; elements beyond the shape's are kept, for somebody added them to ours.
    What is empty in the shape and not in the live value stays: the API server drops such fields.
    """
    if isinstance(live, Mapping) and isinstance(shape, Mapping):
        return {
            name: pruned(live[name], inner) if name in live else inner
            for name, inner in shape.items()
            if name in live or not inner
        }
    if isinstance(live, list) and isinstance(shape, list):
        return [pruned(one, shape[place]) if place < len(shape) else one for place, one in enumerate(live)]
    return live


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Difference]:
    """How `after`, the program's, differs from `before`, the live object's."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name, _MISSING), after.get(name, _MISSING), (*path, name))
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            yield from differences(_at(before, place), _at(after, place), (*path, place))
    elif before is _MISSING:
        yield Difference(path, Change.ADD)
    elif after is _MISSING:
        yield Difference(path, Change.DELETE)
    elif before != after and not _same_quantity(before, after, path):
        yield Difference(path, Change.UPDATE)


def replacing(difference: Difference, obj: Mapping[str, Any], settings: Settings) -> bool:
    """True if the change needs a new object."""
    if difference.path == ("metadata",) and difference.change is Change.DELETE:
        return True
    key = (str(obj.get("apiVersion")), str(obj.get("kind")))
    fields = (*_IDENTITY, *_IMMUTABLE.get(key, ()))
    if _is_mutable(key, obj, settings):
        fields = tuple(field for field in fields if field in {*_IDENTITY, ("type",)})
    return any(_within(difference.path, field) for field in fields)


def _is_mutable(key: tuple[str, str], obj: Mapping[str, Any], settings: Settings) -> bool:
    allowed = {("v1", "ConfigMap"): settings.config_map_mutable, ("v1", "Secret"): settings.secret_mutable}
    return allowed.get(key, False) and obj.get("immutable") is not True


def _within(path: Path, field: Path) -> bool:
    """True if one is part of the other: a change of all `spec` changes the selector too."""
    length = min(len(path), len(field))
    return path[:length] == field[:length]


def ignored(difference: Difference, paths: list[str]) -> bool:
    """True if one of the `ignoreChanges` paths contains it."""
    shown = str(difference)
    return any(shown == path or shown.startswith((f"{path}.", f"{path}[")) for path in paths)


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else _MISSING


def _same_quantity(before: Any, after: Any, path: Path) -> bool:
    if not _QUANTITIES.intersection(step for step in path[:-1] if isinstance(step, str)):
        return False
    first, second = _quantity(before), _quantity(after)
    return first is not None and first == second


def _quantity(value: Any) -> Decimal | None:
    text = str(value)
    digits = text.rstrip("numkMGTPEi")
    try:
        return Decimal(digits) * _SCALES[text[len(digits) :]]
    except (ArithmeticError, KeyError):
        return None
