"""Webhooks that tell an agent of a push. Their addresses are secret in part, so only the host is told."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity
from gitops_infra.audit.verification.scene import Entry, Place
from gitops_infra.plan.model import Delivery

MISSING = Code(
    "webhook-missing", Severity.LOW, "nobody gains by it; the cluster hears of a push at its next poll", Repair.UP
)
INACTIVE = Code(
    "webhook-inactive", Severity.LOW, "nobody gains by it; the cluster hears of a push at its next poll", Repair.UP
)
EVENTS = Code(
    "webhook-events",
    Severity.LOW,
    "nobody gains by it; the cluster is told of too little, or of what it ignores",
    Repair.UP,
)
INSECURE = Code(
    "webhook-insecure",
    Severity.MEDIUM,
    "whoever is between forge and cluster reads and repeats what it is told",
    Repair.UP,
)
CONTENT = Code("webhook-content", Severity.LOW, "nobody gains by it; the receiver may not understand it", Repair.UP)
EXTRA = Code(
    "webhook-extra",
    Severity.LOW,
    "whoever is behind that address learns of every push",
    Repair.HAND,
    "Delete it if nobody needs it",
)
CODES = (MISSING, INACTIVE, EVENTS, INSECURE, CONTENT, EXTRA)

PUSHES = {"push"}


def check(place: Place) -> Report:
    """Findings about the webhooks of a repository whose pushes a cluster is told of, and of every state repository."""
    deliveries = [
        each.delivery
        for each in place.scene.plan.environments
        if each.delivery is not None
        and each.delivery.receiver_url
        and each.delivery.key.repository == place.repository.full_name
    ]
    if not deliveries and place.environment is None:
        return
    live = yield from place.entries("its webhooks", "repository_hooks (read)", "hooks")
    if live is None:
        return
    unused = list(live)
    for delivery in deliveries:
        ours = next((entry for entry in unused if _url(entry).startswith(_prefix(delivery))), None)
        if ours is None:
            where = f"webhook of {place.repository.full_name} for cluster {delivery.tenant.cluster}"
            yield MISSING.at(where, f"one at {_host(delivery.receiver_url or '')}", "none")
            continue
        unused.remove(ours)
        yield from _ours(place, delivery, ours)
    if place.environment is not None:
        for entry in unused:
            where = f"webhook {_host(_url(entry))} of {place.repository.full_name}"
            yield EXTRA.at(where, "no such webhook", "one that is not planned")


def _ours(place: Place, delivery: Delivery, entry: Entry) -> Iterator[Exposure]:
    where = f"webhook {_host(_url(entry))} of {place.repository.full_name} for cluster {delivery.tenant.cluster}"
    if entry.get("active") is not True:
        yield INACTIVE.at(where, "active", "switched off")
    events = {str(event) for event in entry.get("events") or ()}
    if events != PUSHES:
        yield EVENTS.at(
            where, "told of `push`", f"of {', '.join(f'`{event}`' for event in sorted(events)) or 'nothing'}"
        )
    config = entry.get("config") or {}
    if str(config.get("insecure_ssl", "0")) not in {"0", "False"}:
        yield INSECURE.at(where, "the receiver's certificate is checked", "it is not")
    if config.get("content_type") != "json":
        yield CONTENT.at(where, "content type `json`", f"`{config.get('content_type')}`")


def _url(entry: Entry) -> str:
    return str((entry.get("config") or {}).get("url") or "")


def _prefix(delivery: Delivery) -> str:
    return f"{(delivery.receiver_url or '').rstrip('/')}/hook/"


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or "without a host"
