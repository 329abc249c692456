"""Takes up what a destroy kept: the retained resources become part of a stack again, as they are.

Where each one belongs is asked of the program itself (`pulumi preview --import-file`), so that the next `pulumi up` of
the same program finds it in its place; or, before the destroy, of the stack's state.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops_infra.recovery.import_file import Document, Entry, import_file, imported, pruned
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.recovery.retained import Retained, parse_retained
from gitops_infra.recovery.state import urn_of_provider

Say = Callable[[str], None]

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Adoption:
    """An import file, and what of the retained resources is not in it."""

    document: Document
    homeless: tuple[Retained, ...]
    """The program makes nothing of that type and name any more, or the state has it already."""

    @property
    def count(self) -> int:
        """Resources to be imported."""
        return len(list(imported(self.document)))

    @property
    def providers(self) -> tuple[str, ...]:
        """URNs that have to be in the state before."""
        return tuple(self.document["nameTable"].values())


def from_program(pulumi: Pulumi, retained: Iterable[Retained]) -> Adoption:
    """What to import so that the next `up` of the stack's program changes nothing of the retained resources.

    Runs a preview, which needs what `pulumi up` needs. Raises PulumiFailed.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as folder:
        file = Path(folder, "imports.json")
        pulumi.on_stack("preview", "--import-file", str(file))
        document = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    ids = {(one.type, one.name): one.id for one in retained}
    chosen = pruned(document, ids)
    return Adoption(chosen, _homeless(retained, chosen))


def from_state(pulumi: Pulumi) -> Adoption:
    """The same for a stack that has not been destroyed yet, from its state and its own output.

    Raises PulumiFailed and NoRetained.
    """
    retained = parse_retained(json.loads(pulumi.on_stack("stack", "output", "--json")), f"the stack {pulumi.stack}")
    resources = list((pulumi.export().get("deployment") or {}).get("resources") or ())
    ids = {(one.type, one.name): one.id for one in retained}
    chosen = import_file(list(_entries(resources, ids)))
    return Adoption(chosen, _homeless(retained, chosen))


def run(pulumi: Pulumi, adoption: Adoption, say: Say) -> None:
    """Imports into the stack; makes the provider before, where the state has none. Raises PulumiFailed."""
    there = {str(entry.get("urn")) for entry in (pulumi.export().get("deployment") or {}).get("resources") or ()}
    missing = [urn for urn in adoption.providers if urn not in there]
    if missing:
        targets = [part for urn in missing for part in ("--target", urn)]
        pulumi.on_stack("up", "--yes", "--skip-preview", *targets)
        say("made the provider that the resources are imported with")
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as folder:
        file = Path(folder, "imports.json")
        file.write_text(json.dumps(adoption.document), encoding="utf-8")
        pulumi.import_file(file)
    say(f"{adoption.count} imported into the state: run `pulumi up`, which makes credentials and secrets anew")


def _homeless(retained: Iterable[Retained], document: Mapping[str, Any]) -> tuple[Retained, ...]:
    placed = {(str(entry["type"]), str(entry.get("logicalName") or entry["name"])) for entry in document["resources"]}
    return tuple(one for one in retained if (one.type, one.name) not in placed)


def _entries(resources: Iterable[Mapping[str, Any]], ids: Mapping[tuple[str, str], str]) -> Iterator[Entry]:
    """The retained resources of a state and the components around them, in the order of the state."""
    by_urn = {str(entry["urn"]): entry for entry in resources if not entry.get("delete")}
    wanted: dict[str, str | None] = {}
    for urn, entry in by_urn.items():
        given = ids.get((str(entry.get("type")), urn.rpartition("::")[2]))
        if given is None:
            continue
        wanted[urn] = given
        parent = str(entry.get("parent"))
        while parent in by_urn and by_urn[parent].get("type") != STACK:
            wanted.setdefault(parent, None)
            parent = str(by_urn[parent].get("parent"))
    for urn, entry in by_urn.items():
        if urn in wanted:
            outer = str(entry.get("parent"))
            root = by_urn.get(outer, {"type": STACK}).get("type") == STACK
            yield Entry(urn, str(entry["type"]), wanted[urn], None if root else outer, urn_of_provider(entry))
