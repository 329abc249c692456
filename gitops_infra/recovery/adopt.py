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

from gitops_infra.plan.resources import ResourceKind
from gitops_infra.recovery.import_file import Document, Entry, import_file, imported, pruned
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.recovery.retained import Retained, parse_retained
from gitops_infra.recovery.state import urn_of_provider

Say = Callable[[str], None]

STACK = "pulumi:pulumi:Stack"

MADE_AGAIN = frozenset({ResourceKind.TEAM.token, ResourceKind.COLLABORATOR.token})
"""Not imported: the provider reads a grant back in other words (a team's number, GitHub's word for a role), and the
next `up` would replace it. Making it again just writes the same role once more."""


@dataclass(frozen=True)
class Adoption:
    """An import file, and what of the retained resources is not in it."""

    document: Document
    homeless: tuple[Retained, ...]
    """The program makes nothing of that type and name any more, or the state has it already."""
    targets: tuple[str, ...] = ()
    """URNs that `pulumi up --target` has to make before: the provider, and what the program imports by itself."""

    @property
    def count(self) -> int:
        """Resources to be imported."""
        return len(list(imported(self.document)))


def from_program(pulumi: Pulumi, retained: Iterable[Retained]) -> Adoption:
    """What to import so that the next `up` of the stack's program changes nothing of the retained resources.

    Runs a preview, which needs what `pulumi up` needs. What the program imports by itself (`import: true`) is no
    question of this one. Raises PulumiFailed.
    """
    retained = [one for one in retained if one.type not in MADE_AGAIN]
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as folder:
        file = Path(folder, "imports.json")
        steps = json.loads(pulumi.on_stack("preview", "--json", "--import-file", str(file))).get("steps") or ()
        document = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    planned = {str(step["urn"]): step for step in steps}
    itself = [urn for urn, step in planned.items() if step.get("op") == "import"]
    around = [urn for urn in _around(itself, planned) if urn not in itself]
    chosen = pruned(document, {(one.type, one.name): one.id for one in retained}, made=around)
    providers = {*chosen["nameTable"].values(), *(urn_of_provider(planned[urn]["newState"]) for urn in itself)}
    before = [urn for urn in planned if urn in providers and urn not in around]
    taken = {(str(planned[urn]["newState"]["type"]), urn.rpartition("::")[2]) for urn in itself}
    homeless = tuple(one for one in _homeless(retained, chosen) if (one.type, one.name) not in taken)
    return Adoption(chosen, homeless, (*before, *around, *itself))


def _around(urns: Iterable[str], planned: Mapping[str, Any]) -> list[str]:
    """The resources and the components that they are in, outermost first: a target without its parent is an error."""
    found: dict[str, None] = {}

    def add(urn: str) -> None:
        state = planned[urn].get("newState") or {}
        if state.get("type") != STACK:
            if state.get("parent") in planned:
                add(str(state["parent"]))
            found.setdefault(urn)

    for urn in urns:
        add(urn)
    return list(found)


def from_state(pulumi: Pulumi) -> Adoption:
    """The same for a stack that has not been destroyed yet, from its state and its own output.

    Raises PulumiFailed and NoRetained.
    """
    outputs = json.loads(pulumi.on_stack("stack", "output", "--json"))
    retained = [one for one in parse_retained(outputs, f"the stack {pulumi.stack}") if one.type not in MADE_AGAIN]
    resources = list((pulumi.export().get("deployment") or {}).get("resources") or ())
    ids = {(one.type, one.name): one.id for one in retained}
    chosen = import_file(list(_entries(resources, ids)))
    return Adoption(chosen, _homeless(retained, chosen), tuple(chosen["nameTable"].values()))


def run(pulumi: Pulumi, adoption: Adoption, say: Say) -> None:
    """Imports into the stack; makes before what has to be there for that. Raises PulumiFailed."""
    if adoption.targets:
        targets = [part for urn in adoption.targets for part in ("--target", urn)]
        pulumi.on_stack("up", "--yes", "--skip-preview", *targets)
        say("made the provider that the resources are imported with")
    if not adoption.count:
        return
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
