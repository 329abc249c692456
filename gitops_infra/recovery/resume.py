"""The whole of `gitops-infra resume`: lock, look-ups, import, clean state.

`pulumi refresh --import-pending-creates` is not used: Pulumi 3.255 drops such an operation without importing
anything. `pulumi import` does import, and it runs before the pending operations are dropped, so that a resume that
is killed itself can be run again.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.fate import Decision, Fate
from gitops_infra.recovery.gone import StillThere, check_gone, of_repository, without
from gitops_infra.recovery.import_file import Entry, import_file
from gitops_infra.recovery.import_ids import LOOKUPS, WITH_SECRETS, decide
from gitops_infra.recovery.in_cluster import KINDS, Clusters, decide_in_cluster
from gitops_infra.recovery.locks import Lock, locks, state_folder
from gitops_infra.recovery.pulumi_cli import Pulumi, PulumiFailed
from gitops_infra.recovery.state import Export, PendingCreate, planned_creates, read_export
from gitops_infra.recovery.torn import torn_files
from gitops_infra.recovery.webhook_address import addressed

Say = Callable[[str], None]


class CannotResume(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """Nothing was changed, or nothing more will be. The text names the reason and the remedy."""


def resume(  # noqa: PLR0913 - by keyword, each is one wish
    pulumi: Pulumi,
    connect: Callable[[str | None], GitHubReader],
    say: Say,
    *,
    forget: Iterable[str] = (),
    gone: Iterable[str] = (),
    made: Iterable[str] = (),
    dry_run: bool = False,
) -> None:
    """Brings the stack to where the next `pulumi up` or `destroy` converges; one line to `say` for each thing done.

    `connect` makes a reader for the base URL that a provider is set to. `forget` holds URNs of pending creates that
    the user has dealt with, `gone` repositories (`owner/name`) that were deleted behind the stack's back, `made`
    resources, by logical name or URN, whose creation failed although the forge did it. Raises CannotResume,
    PulumiFailed, ForgeUnreachable.
    """
    _release(pulumi, say, dry_run=dry_run)
    for repository in gone:
        _drop(pulumi, connect, say, repository, dry_run=dry_run)
    document = pulumi.export()
    export = _with_secrets(pulumi, read_export(document))
    failed = _failed(pulumi, document, tuple(made))
    if not export.pending and not failed:
        say("nothing is pending: run `pulumi up`")
        return
    dropped = frozenset(forget)
    creates = {create.urn: create for create in (*failed, *export.creates) if create.urn not in dropped}
    clusters = Clusters(pulumi.export_with_secrets, pulumi.environment)
    with ExitStack() as stack:
        readers = _Readers(connect, stack)
        final = [_decision(create, export, readers, clusters) for create in creates.values()]
    unknown = [decision for decision in final if decision.fate is Fate.UNKNOWN]
    if unknown:
        raise CannotResume(_unknown(unknown, pulumi.stack, frozenset(create.urn for create in failed)))
    for decision in final:
        say(str(decision))
    if export.others:
        say(f"{export.others} pending updates or deletions are repeated by the next `pulumi up`")
    if dry_run:
        say("dry run: nothing was changed")
        return
    _import(pulumi, [decision for decision in final if decision.fate is Fate.IMPORT], say)
    if not export.pending:
        say("run `pulumi up`")
        return
    pulumi.on_stack("stack", "import", stdin=json.dumps(pulumi.export()))
    say("pending operations are cleared: run `pulumi up --refresh`")


def _with_secrets(pulumi: Pulumi, export: Export) -> Export:
    """The same export, with plain secrets in what is only known by one. They stay in memory."""
    if not any(create.type in WITH_SECRETS for create in export.creates):
        return export
    shown = {create.urn: create for create in read_export(pulumi.export_with_secrets()).creates}
    creates = tuple(shown.get(each.urn, each) if each.type in WITH_SECRETS else each for each in export.creates)
    return replace(export, creates=creates)


def _failed(pulumi: Pulumi, document: Mapping[str, Any], made: tuple[str, ...]) -> tuple[PendingCreate, ...]:
    """The creations of those names or URNs, as the program would do them now. Runs a preview if there are any."""
    if not made:
        return ()
    planned = _planned(pulumi, document)
    found = tuple(_named(wanted, planned) for wanted in made)
    if any(create.type in WITH_SECRETS for create in found):
        shown = pulumi.export_with_secrets()
        found = tuple(addressed(create, shown) if create.type in WITH_SECRETS else create for create in found)
    return found


def _planned(pulumi: Pulumi, document: Mapping[str, Any]) -> tuple[PendingCreate, ...]:
    text = pulumi.on_stack("preview", "--json")
    return planned_creates(json.loads(text[text.index("{") :]), document)


def _named(wanted: str, planned: tuple[PendingCreate, ...]) -> PendingCreate:
    found = [create for create in planned if wanted in {create.name, create.urn}]
    if not found:
        raise CannotResume(
            f"the next `pulumi up` would not create {wanted!r}. Give the name or URN of a resource that failed"
        )
    if len(found) > 1:
        raise CannotResume("\n".join([f"{wanted!r} is the name of several. Give the URN:", *(c.urn for c in found)]))
    return found[0]


def _drop(
    pulumi: Pulumi, connect: Callable[[str | None], GitHubReader], say: Say, repository: str, *, dry_run: bool
) -> None:
    document = pulumi.export()
    base_url, urns = of_repository(document, repository)
    if not urns:
        raise CannotResume(f"the stack has nothing in {repository}. Give `owner/name` as in the topology")
    with connect(base_url) as reader:
        try:
            check_gone(repository, reader)
        except StillThere as there:
            raise CannotResume(str(there)) from None
    say(f"{repository} is gone: {len(urns)} resources {'would leave' if dry_run else 'leave'} the state")
    if not dry_run:
        pulumi.on_stack("stack", "import", stdin=json.dumps(without(document, urns)))


def _release(pulumi: Pulumi, say: Say, *, dry_run: bool) -> None:
    folder = state_folder(pulumi.backend(), pulumi.directory)
    if folder is None:
        say("the backend keeps its own locks: if `pulumi up` says that another update runs, use `pulumi cancel`")
        return
    project, stack = pulumi.project(), pulumi.stack.rpartition("/")[2]
    held = locks(folder, project, stack)
    for lock in held:
        if reason := _in_use(lock):
            raise CannotResume(f"the stack is locked by {lock}: {reason}")
    for path in torn_files(folder, project, stack):
        say(f"unfinished {path.name}: {'would be removed' if dry_run else 'removed'}")
        if not dry_run:
            path.unlink()
    if held:
        say(f"stale lock of {held[0]}: {'would be removed' if dry_run else 'removed'}")
        if not dry_run:
            pulumi.on_stack("cancel", "--yes")


def _in_use(lock: Lock) -> str | None:
    if not lock.local:
        return "its life cannot be judged from here. If that run is dead, use `pulumi cancel`, then resume again"
    return "it still runs. Wait for it, or stop it, then resume again" if lock.alive else None


class _Readers:
    """One reader per base URL, made when the first look-up needs it."""

    def __init__(self, connect: Callable[[str | None], GitHubReader], stack: ExitStack) -> None:
        self._connect = connect
        self._stack = stack
        self._opened: dict[str | None, GitHubReader] = {}

    def of(self, create: PendingCreate) -> GitHubReader:
        if create.base_url not in self._opened:
            self._opened[create.base_url] = self._stack.enter_context(self._connect(create.base_url))
        return self._opened[create.base_url]


def _decision(create: PendingCreate, export: Export, readers: _Readers, clusters: Clusters) -> Decision:
    if create.urn in export.urns:
        return Decision(create, Fate.REPEAT, "is in the state already")
    if create.type in KINDS:
        return decide_in_cluster(create, clusters)
    return decide(create, readers.of(create) if create.type in LOOKUPS else None)


def _unknown(decisions: Sequence[Decision], stack: str, failed: frozenset[str]) -> str:
    lines = [f"  - {decision.create.urn}: {decision.why}" for decision in decisions]
    then = {
        "Then run it again without this `--made`."
        if decision.create.urn in failed
        else f"Then run `gitops-infra resume --stack {stack} --forget URN`."
        for decision in decisions
    }
    return "\n".join(
        [
            "nothing was changed; these creations cannot be judged:",
            *lines,
            "For each one: if the thing exists, `pulumi import` it (or delete it).",
            *sorted(then),
        ]
    )


def _import(pulumi: Pulumi, decisions: list[Decision], say: Say) -> None:
    if not decisions:
        return
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as folder:
        file = Path(folder, "imports.json")
        file.write_text(json.dumps(import_file([_entry(decision) for decision in decisions])), encoding="utf-8")
        try:
            pulumi.import_file(file)
        except PulumiFailed as failed:
            if "401" not in str(failed):
                raise
            providers = " ".join(sorted({f"--target '{d.create.provider}'" for d in decisions if d.create.provider}))
            raise CannotResume(
                "the token in the stack's state is no longer accepted. "
                f"Write the new one into it with `pulumi up --stack {pulumi.stack} {providers}`, then resume again"
            ) from None
    say(f"{len(decisions)} imported into the state")


def _entry(decision: Decision) -> Entry:
    create = decision.create
    return Entry(create.urn, create.type, decision.import_id, create.parent, create.provider)
