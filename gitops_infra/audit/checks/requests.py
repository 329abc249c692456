"""The rate limit: whether what is left of it is enough for this `pulumi up`."""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from gitops_infra.audit.findings import Finding, error, warning
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.known import Known
from gitops_infra.plan.budget import Budget, budget
from gitops_infra.plan.model import Plan

TIGHT = 0.8
"""Part of what is left from which on it is told."""
CONTENT_A_MINUTE, CONTENT_AN_HOUR = 80, 500
"""Source: GitHub docs, "Rate limits for the REST API": content-generating requests, "in general"."""


def check(reader: GitHubReader, plans: Iterable[Plan], known: Known) -> Iterator[Finding]:
    """Findings about the requests of the next `up`. Asking is not counted. A server without limits has none."""
    spent = budget(plans, made=known.resources)
    answer = reader.get("/rate_limit")
    resources = answer.data.get("resources") if answer.ok and isinstance(answer.data, Mapping) else None
    core = resources.get("core") if isinstance(resources, Mapping) else None
    if isinstance(core, Mapping):
        yield from _primary(spent, core)
        yield from _content(spent)


def _primary(spent: Budget, core: Mapping[str, object]) -> Iterator[Finding]:
    left, reset, limit = (core.get(key) for key in ("remaining", "reset", "limit"))
    if not isinstance(left, int) or not isinstance(reset, int) or spent.total <= TIGHT * left:
        return
    reason = f"this `pulumi up` needs up to {spent.total:,} requests, and {left:,} remain until {_clock(reset)}"
    if spent.total <= left:
        yield warning("rate limit", "rate-limit", reason, "Let nothing else use this token meanwhile")
    elif isinstance(limit, int) and spent.total > limit:
        remedy = (
            f"It stops at the limit of {limit:,} an hour: run it again after each reset, it goes on where it stopped"
        )
        yield error("rate limit", "rate-limit", reason, remedy)
    else:
        yield error("rate limit", "rate-limit", reason, f"Wait until {_clock(reset)}, or use another App or token")


def _content(spent: Budget) -> Iterator[Finding]:
    if spent.writes > CONTENT_A_MINUTE:
        limits = f"{CONTENT_A_MINUTE} a minute and {CONTENT_AN_HOUR} an hour"
        yield warning(
            "rate limit",
            "content-limit",
            f"this `pulumi up` writes {spent.writes:,} times, and GitHub lets about {limits} create content",
            "It may have to wait; if it stops at that limit, run it again: it goes on where it stopped",
        )


def _clock(reset: int) -> str:
    """Time of day in UTC, with the date when that is not today."""
    then, now = datetime.fromtimestamp(reset, UTC), datetime.fromtimestamp(time.time(), UTC)
    return then.strftime("%H:%M UTC" if then.date() == now.date() else "%Y-%m-%d %H:%M UTC")
