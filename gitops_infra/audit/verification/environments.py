"""CI environments: who may start a job that reads their secrets, and from which refs."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, listed
from gitops_infra.audit.verification.scene import Entry, Place
from gitops_infra.plan.model import Approver, Environment

NEEDS = "actions (read)"
_JOBS = "whoever may push to {repository} can start a job of their own that reads the secrets of {environment}"

MISSING = Code(
    "environment-missing",
    Severity.HIGH,
    "whoever may push to {repository} makes it anew, without protection, by a job that names it",
    Repair.UP,
)
UNKNOWN = Code(
    "environment-unknown",
    Severity.INFO,
    "nobody gains by it: the topology keeps nothing in it",
    Repair.HAND,
    "Leave it, or delete it if nobody needs it",
)
POLICY_OFF = Code("policy-off", Severity.CRITICAL, _JOBS, Repair.UP)
PATTERN_EXTRA = Code(
    "policy-extra", Severity.CRITICAL, _JOBS, Repair.HAND, "Delete that deployment branch policy of {environment}"
)
PATTERN_MISSING = Code("policy-missing", Severity.MEDIUM, "nobody gains by it; its jobs are refused", Repair.UP)
REVIEWER_MISSING = Code(
    "reviewer-missing",
    Severity.CRITICAL,
    "a job reads the secrets of {environment} without the planned approval",
    Repair.UP,
)
REVIEWER_EXTRA = Code(
    "reviewer-extra", Severity.HIGH, "whoever was added approves jobs of {environment} alone", Repair.UP
)
SELF_REVIEW = Code("self-review", Severity.HIGH, "a reviewer approves the job that they started themselves", Repair.UP)
ADMINS_BYPASS = Code(
    "admins-bypass",
    Severity.HIGH,
    "an administrator of {repository} starts a job of {environment} unapproved",
    Repair.UP,
)
WAIT = Code("wait-differs", Severity.MEDIUM, "a job starts earlier than planned, before anybody looks", Repair.UP)
CODES = (
    MISSING,
    UNKNOWN,
    POLICY_OFF,
    PATTERN_EXTRA,
    PATTERN_MISSING,
    REVIEWER_MISSING,
    REVIEWER_EXTRA,
    SELF_REVIEW,
    ADMINS_BYPASS,
    WAIT,
)


def where_is(place: Place, name: str) -> str:
    """How a finding names the environment."""
    return f"environment {name} of {place.repository.full_name}"


def live_environments(place: Place) -> tuple[Entry, ...]:
    """Entries of the list; none where it cannot be read, which `check` says."""
    owner, name = place.repository.owner, place.repository.name
    listing = place.scene.reader.pages("/repos/{}/{}/environments", owner, name, key="environments")
    return tuple(entry for entry in listing.entries if isinstance(entry, Mapping))


def check(place: Place) -> Report:
    """Findings about the environments of the application's repository."""
    live = yield from place.entries("its environments", NEEDS, "environments", key="environments")
    if live is None:
        return
    by_name = {str(entry.get("name")).casefold(): entry for entry in live}
    for environment in place.scene.plan.environments:
        found = by_name.get(environment.name.casefold())
        if found is None:
            yield MISSING.at(
                where_is(place, environment.name), "the environment", "none", repository=place.repository.full_name
            )
            continue
        yield from _admitted(place, environment, found)
        yield from _approved(place, environment, found)
    planned = {each.name.casefold() for each in place.scene.whole.environments}
    for name, entry in by_name.items():
        if name not in planned:
            yield UNKNOWN.at(where_is(place, str(entry.get("name"))), "no such environment", "one that is not planned")


def _admitted(place: Place, environment: Environment, live: Entry) -> Report:
    """Which refs' jobs are let in."""
    where = where_is(place, environment.name)
    words: dict[str, Any] = {"repository": place.repository.full_name, "environment": environment.name}
    planned = {(pattern, "branch") for pattern in environment.policy.branch_patterns}
    expected = f"jobs of {listed({name for name, _ in planned})} alone"
    policy = live.get("deployment_branch_policy") or {}
    if not policy.get("custom_branch_policies"):
        found = "jobs of every protected branch" if policy.get("protected_branches") else "jobs of every ref"
        yield POLICY_OFF.at(where, expected, found, **words)
        return
    entries = yield from place.entries(
        f"the branch policies of environment {environment.name}",
        NEEDS,
        "environments/{}/deployment-branch-policies",
        str(live.get("name")),
        key="branch_policies",
    )
    if entries is None:
        return
    there = {(str(entry.get("name")), str(entry.get("type") or "branch")) for entry in entries}
    for name, kind in sorted(there - planned):
        yield PATTERN_EXTRA.at(where, expected, f"jobs of the {kind} `{ascii(name)[1:-1]}` too", **words)
    for name, _ in sorted(planned - there):
        yield PATTERN_MISSING.at(where, expected, f"none of `{name}`")


def _approved(place: Place, environment: Environment, live: Entry) -> Iterator[Exposure]:
    """Who must have said yes, and what waits."""
    where, policy = where_is(place, environment.name), environment.policy
    words: dict[str, Any] = {"repository": place.repository.full_name, "environment": environment.name}
    rules = {str(rule.get("type")): rule for rule in live.get("protection_rules") or ()}
    review: Entry = rules.get("required_reviewers") or {}
    there = [entry for entry in review.get("reviewers") or () if isinstance(entry, Mapping)]
    expected = f"reviewed by {listed([_named(each) for each in policy.approvers])}"
    found = f"by {listed([_shown(each) for each in there])}"
    if any(not any(_is(each, entry) for entry in there) for each in policy.approvers):
        yield REVIEWER_MISSING.at(where, expected, found, **words)
    if any(not any(_is(each, entry) for each in policy.approvers) for entry in there):
        # Where nobody need approve, one more who must is no way in.
        severity = None if policy.approvers else Severity.MEDIUM
        yield REVIEWER_EXTRA.at(where, expected, found, severity=severity, **words)
    if policy.prevent_self_review and there and not review.get("prevent_self_review"):
        yield SELF_REVIEW.at(where, "nobody approves their own job", "they may")
    if not policy.admins_bypass and live.get("can_admins_bypass") is not False:
        yield ADMINS_BYPASS.at(where, "protection that holds for administrators too", "they may pass it by", **words)
    waits = int((rules.get("wait_timer") or {}).get("wait_timer") or 0)
    if waits != policy.wait_minutes:
        severity = Severity.LOW if waits > policy.wait_minutes else None
        yield WAIT.at(where, f"{policy.wait_minutes} minutes of waiting", str(waits), severity=severity)


def _is(approver: Approver, entry: Entry) -> bool:
    """Whether the reviewer on the forge is the planned one."""
    reviewer = entry.get("reviewer") or {}
    if (entry.get("type") == "Team") != (approver.team is not None):
        return False
    if approver.id is not None:
        return bool(reviewer.get("id") == approver.id)
    name = reviewer.get("slug") if approver.team is not None else reviewer.get("login")
    return str(name).casefold() == str(approver.team or approver.user).casefold()


def _named(approver: Approver) -> str:
    return f"team {approver.team}" if approver.team is not None else str(approver.user or approver.id)


def _shown(entry: Entry) -> str:
    reviewer = entry.get("reviewer") or {}
    name = reviewer.get("slug") or reviewer.get("login") or reviewer.get("id")
    return f"team {name}" if entry.get("type") == "Team" else str(name)
