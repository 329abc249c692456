"""The document that `pulumi import --file` reads: resources with their place in the component tree.

Source: Pulumi's documentation, "Importing resources", and the file that `pulumi preview --import-file` writes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One resource to be imported, or a component that holds some."""

    urn: str
    type: str
    id: str | None
    """None: a component, which has none."""
    parent: str | None = None
    """URN of the parent; None: the stack."""
    provider: str | None = None
    """URN of the provider; None: the default one."""

    @property
    def name(self) -> str:
        """Logical name."""
        return self.urn.rpartition("::")[2]


def import_file(entries: Sequence[Entry]) -> Document:
    """The document for the entries. A parent or provider that is no entry itself has to be in the state already."""
    repeated = {name for name, number in Counter(entry.name for entry in entries).items() if number > 1}
    called = {entry.urn: f"r{number}" if entry.name in repeated else entry.name for number, entry in enumerate(entries)}
    table: dict[str, str] = {}

    def named(urn: str | None) -> str | None:
        if urn is None or urn in called:
            return None if urn is None else called[urn]
        return table.setdefault(urn, f"urn{len(table)}")

    resources = [
        _without_none(
            type=entry.type,
            name=called[entry.urn],
            logicalName=entry.name if entry.name in repeated else None,
            id=entry.id,
            component=True if entry.id is None else None,
            parent=named(entry.parent),
            provider=named(entry.provider),
        )
        for entry in entries
    ]
    return {"nameTable": {name: urn for urn, name in table.items()}, "resources": resources}


def pruned(document: Mapping[str, Any], ids: Mapping[tuple[str, str], str], made: Iterable[str] = ()) -> Document:
    """A document of `pulumi preview --import-file` with only what has an id, by (type, logical name), and its parents.

    The rest is what the program makes anew: it is not imported. `made` holds URNs of components that will be in the
    state by then: they are referred to, not made.
    """
    there = {urn.rpartition("::")[2]: urn for urn in made}
    resources = [dict(entry) for entry in document.get("resources") or ()]
    kept: dict[str, Document] = {}
    for entry in resources:
        given = ids.get((str(entry.get("type")), str(entry.get("logicalName") or entry.get("name"))))
        if given is not None and not entry.get("component"):
            kept[str(entry["name"])] = {**entry, "id": given}
    components = {str(entry["name"]): entry for entry in resources if entry.get("component")}
    waiting = [str(entry["parent"]) for entry in kept.values() if "parent" in entry]
    while waiting:
        parent = waiting.pop()
        if parent in components and parent not in kept and parent not in there:
            kept[parent] = components[parent]
            if "parent" in components[parent]:
                waiting.append(str(components[parent]["parent"]))
    # In the order of the program: a parent stands before its children.
    chosen = [kept[name] for entry in resources if (name := str(entry["name"])) in kept]
    used = {str(entry[key]) for entry in chosen for key in ("parent", "provider") if key in entry}
    known = {**(document.get("nameTable") or {}), **there}
    table = {name: urn for name, urn in known.items() if name in used}
    return {"nameTable": table, "resources": chosen}


def imported(document: Mapping[str, Any]) -> Iterable[str]:
    """Names of the resources of a document, components left out."""
    return (str(entry["name"]) for entry in document.get("resources") or () if not entry.get("component"))


def _without_none(**values: Any) -> Document:
    return {key: value for key, value in values.items() if value is not None}
