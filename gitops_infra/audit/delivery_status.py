"""How far an environment's branch has come in its cluster, decided from what was read: no I/O."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gitops_infra.agents import flux
from gitops_infra.agents.objects import Object
from gitops_infra.audit.delivery_causes import OF_KUSTOMIZATION, OF_SOURCE, UNBORN, Cause, cause_of
from gitops_infra.plan.model import Delivery
from gitops_infra.topology.secret_shapes import secret_shape

SILENT = 60
"""Seconds in which a controller that runs has taken up what was changed."""
LONGEST = 240
"""Characters of a controller's message that are told."""
REVISION = re.compile(r"^(?P<branch>.+)@sha1:(?P<sha>[0-9a-f]{40})$")
UP = "Run `pulumi up`"


class State(StrEnum):
    """In one word."""

    READY = "ready"
    """The cluster runs the head of the branch."""
    WAITING = "waiting"
    """For the first promotion: there is no branch yet."""
    BEHIND = "behind"
    """The agent is on its way to the head."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The cluster or the forge could not be looked at."""


@dataclass(frozen=True)
class Trouble:
    """One line of why, with the remedy. `code` is stable across releases."""

    where: str
    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        remedy = f" {self.remedy}." if self.remedy else ""
        return f"{self.where}: {self.reason}.{remedy} [{self.code}]"


@dataclass(frozen=True)
class Seen:
    """The objects of one delivery as the API server has them; None: there is none."""

    namespace: Object | None = None
    source: Object | None = None
    kustomization: Object | None = None
    receiver: Object | None = None


@dataclass(frozen=True)
class Verdict:
    """What is known of one environment."""

    state: State
    fetched: str | None = None
    """SHA that the agent has read."""
    applied: str | None = None
    """SHA that the cluster runs."""
    troubles: tuple[Trouble, ...] = field(default=())


def judged(delivery: Delivery, head: str | None, seen: Seen, now: datetime) -> Verdict:
    """The state of the delivery; `head` is the branch's on the forge, None before the first promotion."""
    fetched = _sha(_status(seen.source).get("artifact", {}).get("revision"), delivery)
    applied = _sha(_status(seen.kustomization).get("lastAppliedRevision"), delivery)
    wrong = tuple(_absent(delivery, seen)) or tuple(_stuck(delivery, head, seen, now))
    if wrong:
        return Verdict(State.FAILED, fetched, applied, wrong)
    if head is None:
        return Verdict(State.WAITING, fetched, applied)
    on_its_way = _under_way(delivery, head, fetched, applied, seen)
    return Verdict(State.BEHIND if on_its_way else State.READY, fetched, applied, on_its_way)


def unlooked(delivery: Delivery, trouble: Trouble, seen: Seen, now: datetime) -> Verdict:
    """The same where the forge tells no head: what the cluster says by itself, and the trouble."""
    found = judged(delivery, _sha(_status(seen.source).get("artifact", {}).get("revision"), delivery), seen, now)
    state = State.FAILED if found.state is State.FAILED else State.UNKNOWN
    return Verdict(state, found.fetched, found.applied, (trouble, *found.troubles))


def _absent(delivery: Delivery, seen: Seen) -> Iterator[Trouble]:
    """What is not there, or is somebody else's: then nothing else can be judged."""
    tenant = delivery.tenant
    where = f"Namespace {tenant.namespace}"
    if seen.namespace is None:
        remedy = UP if tenant.made else "Make it: the topology says `existing_namespace: true`"
        yield Trouble(where, "namespace-absent", "it does not exist", remedy)
        return
    if tenant.made and (foreign := of_others(tenant.labels, seen.namespace)):
        yield Trouble(where, "namespace-foreign", foreign, "Give the environment another `namespace`")
        return
    expected = {"GitRepository": seen.source, "Kustomization": seen.kustomization}
    if delivery.receiver_url is not None:
        expected["Receiver"] = seen.receiver
    for kind, found in expected.items():
        if found is None:
            yield Trouble(_named(kind, delivery), "agent-absent", "it does not exist", UP)
        elif foreign := of_others(tenant.labels, found):
            yield Trouble(_named(kind, delivery), "agent-foreign", foreign, "Give the environment another `namespace`")


def of_others(labels: Mapping[str, str], found: Mapping[str, Any]) -> str | None:
    """Whose the object is by its labels, in words; None if it is that of the labels."""
    there = (found.get("metadata") or {}).get("labels") or {}
    if all(there.get(key) == value for key, value in labels.items()):
        return None
    owner = "/".join(str(there[key]) for key in labels if there.get(key))
    return f"it belongs to {owner}" if owner else "it was not made by gitops_infra: it has none of its labels"


def _stuck(delivery: Delivery, head: str | None, seen: Seen, now: datetime) -> Iterator[Trouble]:
    """What keeps the agent from going on by itself: the first such thing, in the order in which it works."""
    for kind, found, wanted in _objects(delivery, seen):
        where = _named(kind, delivery)
        if trouble := _held(delivery, kind, found, wanted, now):
            yield trouble
            return
        failure = _failure(found)
        if failure is None:
            continue
        reason, message = failure
        if kind == "GitRepository" and UNBORN.search(message) and (head or not _status(found).get("artifact")):
            # Either nothing was promoted yet, or it was just now and the branch is not looked at again so far.
            continue
        cause = cause_of(message, reason, CAUSES[kind])
        if cause is None or not cause.passes:
            yield _trouble(where, delivery, cause, message)
            return


def _failure(found: Object) -> tuple[str, str] | None:
    """Reason and message of the last attempt, if it failed."""
    ready = _condition(found, "Ready")
    if ready.get("status") == "False":
        return str(ready.get("reason")), _told(ready.get("message"))
    attempts: Sequence[Mapping[str, Any]] = _status(found).get("history") or ({},)
    # The latest first. While it is tried again, conditions say nothing of how it went before.
    last, attempted = attempts[0], _status(found).get("lastAttemptedRevision")
    same = (last.get("metadata") or {}).get("revision") == attempted
    if ready.get("status") == "Unknown" and same and str(last.get("lastReconciledStatus")).endswith("Failed"):
        return str(last["lastReconciledStatus"]), f"{last['lastReconciledStatus']}, and it is being tried again"
    return None


def _objects(delivery: Delivery, seen: Seen) -> Iterator[tuple[str, Object, Object]]:
    """Kind, as it is there, as it is wanted."""
    yield "GitRepository", seen.source or {}, flux.git_repository(delivery)
    yield "Kustomization", seen.kustomization or {}, flux.kustomization(delivery)
    if delivery.receiver_url is not None:
        yield "Receiver", seen.receiver or {}, flux.receiver(delivery)


def _held(delivery: Delivery, kind: str, found: Object, wanted: Object, now: datetime) -> Trouble | None:
    """Why the controller does not work on it, or on something else than the topology says."""
    where, spec, controller = _named(kind, delivery), found.get("spec") or {}, CONTROLLERS[kind]
    differing = [key for key in DECISIVE[kind] if spec.get(key) != wanted["spec"].get(key)]
    if differing:
        reason = f"its {', '.join(differing)} differ from the topology"
        return Trouble(where, "agent-differs", reason, "Run `pulumi up --refresh`")
    if spec.get("suspend"):
        remedy = f"Run `flux resume {CLI[kind]} {delivery.name} -n {delivery.tenant.namespace}`"
        return Trouble(where, "suspended", "it is suspended", remedy)
    if _is_silent(found, now):
        remedy = f"Look whether {controller} runs in the cluster, and into its log"
        return Trouble(where, "controller-silent", f"{controller} has not taken it up", remedy)
    return None


DECISIVE: Mapping[str, tuple[str, ...]] = {
    "GitRepository": ("url", "ref", "secretRef", "verify"),
    "Kustomization": ("sourceRef", "path", "targetNamespace", "serviceAccountName"),
    "Receiver": (),
}
"""What decides where from and by whose rights; the rest (intervals, say) may be changed by an operator."""
CLI = {"GitRepository": "source git", "Kustomization": "kustomization", "Receiver": "receiver"}
CONTROLLERS = {
    "GitRepository": "source-controller",
    "Kustomization": "kustomize-controller",
    "Receiver": "notification-controller",
}
CAUSES: Mapping[str, tuple[Cause, ...]] = {
    "GitRepository": OF_SOURCE,
    "Kustomization": OF_KUSTOMIZATION,
    "Receiver": (),
}
GENERAL = {"GitRepository": "source-failed", "Kustomization": "apply-failed", "Receiver": "receiver-failed"}
"""Code of what nobody foresaw."""


def _trouble(where: str, delivery: Delivery, cause: Cause | None, message: str) -> Trouble:
    if cause is None:
        return Trouble(where, GENERAL[where.partition(" ")[0]], message or "it is not ready, and says nothing", "")
    said = f": {message}" if cause.quotes else ""
    values = {"branch": delivery.branch, "path": delivery.path, "repository": delivery.key.repository}
    return Trouble(where, cause.code, f"{cause.reason.format(**values)}{said}", cause.remedy.format(**values))


def _under_way(
    delivery: Delivery, head: str, fetched: str | None, applied: str | None, seen: Seen
) -> tuple[Trouble, ...]:
    """Why the head is not running yet, if it is not."""
    if fetched != head:
        where, told = _named("GitRepository", delivery), "it has read nothing yet" if fetched is None else "it has read"
        before = "" if fetched is None else f" {fetched[:12]}, the branch is at {head[:12]}"
        wait = f"Wait: it looks every {delivery.poll_seconds} seconds"
        remedy = f"{wait}. If that does not help, look whether {CONTROLLERS['GitRepository']} runs there"
        return (Trouble(where, "behind", f"{told}{before}", remedy),)
    if applied == head:
        # Also while it is put back as the branch has it: Ready is Unknown then.
        return ()
    ready = _condition(seen.kustomization or {}, "Ready")
    message = _told(ready.get("message")) or f"{head[:12]} is not applied yet"
    remedy = f"Wait: a revision has {delivery.timeout_seconds} seconds"
    return (Trouble(_named("Kustomization", delivery), "applying", message, remedy),)


def _is_silent(found: Object, now: datetime) -> bool:
    """Whether the controller has had the time to look at the object as it is now, and has not."""
    metadata, status = found.get("metadata") or {}, _status(found)
    # That of the status is raised when all went well, those of conditions at each attempt.
    conditions = status.get("conditions") or ()
    observed = [each.get("observedGeneration", -1) for each in conditions]
    if conditions and max(status.get("observedGeneration", -1), *observed) >= metadata.get("generation", 0):
        return False
    # A write is dated by whoever manages the fields; that of a status is the controller's own.
    entries = [each for each in metadata.get("managedFields") or () if each.get("subresource") != "status"]
    times = [_time(each.get("time")) for each in entries] or [_time(metadata.get("creationTimestamp"))]
    changed = max((time for time in times if time is not None), default=None)
    return changed is not None and (now - changed).total_seconds() > SILENT


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def _sha(revision: Any, delivery: Delivery) -> str | None:
    """The SHA of a revision of that branch."""
    found = REVISION.match(str(revision or ""))
    return found["sha"] if found and found["branch"] in {delivery.branch, f"refs/heads/{delivery.branch}"} else None


def _status(found: Object | None) -> Mapping[str, Any]:
    return (found or {}).get("status") or {}


def _condition(found: Object, kind: str) -> Mapping[str, Any]:
    return next((each for each in _status(found).get("conditions") or () if each.get("type") == kind), {})


def _told(message: Any) -> str:
    """The message in one line, cut, and without anything that looks like a secret."""
    line = " ".join(str(message or "").split())
    if secret_shape(line):
        return "(its message holds what looks like a secret)"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _named(kind: str, delivery: Delivery) -> str:
    return f"{kind} {delivery.tenant.namespace}/{delivery.name}"
