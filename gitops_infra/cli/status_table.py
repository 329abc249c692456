"""How far branches have come in their clusters, as text for a terminal."""

from collections.abc import Iterable

from gitops_infra.audit.delivery_status import State
from gitops_infra.audit.status import Status
from gitops_infra.cli.text_table import Page

SHORT = 8
"""Digits of a SHA that are shown."""
WORDS = {
    State.READY: "ready",
    State.WAITING: "waiting for the first promotion",
    State.BEHIND: "behind",
    State.FAILED: "FAILED",
    State.UNKNOWN: "not known",
}


def table(found: Iterable[Status]) -> str:
    """The statuses as text, with a line feed at its end."""
    found, page = tuple(found), Page()
    several = len({each.application for each in found}) > 1
    page.table(
        ("environment", "cluster", "head", "fetched", "applied", "state"),
        [
            (
                _name(each, several=several),
                f"{each.delivery.tenant.cluster}\n{each.delivery.tenant.namespace}",
                _sha(each.head),
                _sha(each.verdict.fetched),
                _sha(each.verdict.applied),
                WORDS[each.verdict.state],
            )
            for each in found
        ],
    )
    # A cluster that is down is told once.
    lines: dict[str, list[str]] = {}
    for each in found:
        for trouble in each.verdict.troubles:
            lines.setdefault(str(trouble), []).append(_name(each, several=several))
    if lines:
        page.line("\nWHY")
        for line, names in lines.items():
            page.entry(f"{', '.join(names)}: {line}")
    return str(page)


def _name(status: Status, *, several: bool) -> str:
    return f"{status.environment} of {status.application.rpartition('/')[2]}" if several else status.environment


def _sha(sha: str | None) -> str:
    return sha[:SHORT] if sha else "-"
