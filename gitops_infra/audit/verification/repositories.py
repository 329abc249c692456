"""Repositories: there under their names, not archived, as visible as planned, with the planned settings."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, Unverifiable, value
from gitops_infra.audit.verification.scene import Entry, Place, unreadable
from gitops_infra.plan.settings import APPLICATION_SETTINGS, STATE_SETTINGS
from gitops_infra.topology.vocabulary import Visibility

MISSING = Code(
    "repository-missing",
    Severity.HIGH,
    "whoever may make repositories of {owner} can take the name, with rules of their own, before `pulumi up` does",
    Repair.HAND,
    "Find out who deleted it, or took the token's access away; if it is gone, run `gitops-infra resume --gone {name}`, "
    "then `pulumi up`",
)
MISSING_EXISTING = Code(
    "application-missing",
    Severity.HIGH,
    "whoever may make repositories of {owner} can take the name, and the branches that are promoted with it",
    Repair.HAND,
    "Restore the repository, correct its name in the topology, or let the token see it",
)
RENAMED = Code(
    "repository-renamed",
    Severity.HIGH,
    "whoever may make repositories of {owner} can take the old name, which jobs and agents still ask for",
    Repair.HAND,
    "Rename it back, or change the topology",
)
ARCHIVED = Code("repository-archived", Severity.MEDIUM, "nobody gains by it; nothing can be pushed to it", Repair.UP)
ARCHIVED_EXISTING = Code(
    "application-archived",
    Severity.MEDIUM,
    "nobody gains by it; nothing can be merged or promoted",
    Repair.HAND,
    "Unarchive it in its settings",
)
MORE_VISIBLE = Code(
    "repository-more-visible", Severity.HIGH, "people outside read what {who} runs, and open pull requests", Repair.UP
)
LESS_VISIBLE = Code(
    "repository-less-visible",
    Severity.MEDIUM,
    "nobody gains by it; a price plan may not hold the rules of such a repository",
    Repair.UP,
)
VISIBILITY = Code(
    "application-visibility",
    Severity.HIGH,
    "the price plan may hold other rules for it than the topology counts on, and other people read it",
    Repair.HAND,
    "Change it back, or correct `visibility` in the topology",
)
DEFAULT_BRANCH = Code(
    "default-branch-moved",
    Severity.HIGH,
    "jobs, new pull requests and `gitops-infra` look at another branch, which no review guards",
    Repair.HAND,
    "Set the default branch back to {branch}, or change `default_branch` in the topology",
)
SETTING = Code("repository-setting", Severity.LOW, "nobody gains by it", Repair.UP)
ALERTS = Code("alerts-off", Severity.LOW, "nobody is told of vulnerable dependencies", Repair.UP)
LABEL_MISSING = Code("label-missing", Severity.LOW, "nobody gains by it", Repair.UP)
LABEL = Code("label-differs", Severity.LOW, "nobody gains by it", Repair.UP)
CODES = (
    MISSING,
    MISSING_EXISTING,
    RENAMED,
    ARCHIVED,
    ARCHIVED_EXISTING,
    MORE_VISIBLE,
    LESS_VISIBLE,
    VISIBILITY,
    DEFAULT_BRANCH,
    SETTING,
    ALERTS,
    LABEL_MISSING,
    LABEL,
)

OPENNESS = (Visibility.PRIVATE, Visibility.INTERNAL, Visibility.PUBLIC)
"""From the fewest readers to the most."""


def presence(place: Place) -> Report:
    """The finding that the repository is not there. Other checks look at what is there only."""
    repository = place.repository
    answer = place.scene.reader.get("/repos/{}/{}", repository.owner, repository.name)
    if answer.status == HTTPStatus.NOT_FOUND:
        code = MISSING_EXISTING if repository.existing else MISSING
        found = "404: it does not exist, or the token cannot see it"
        yield code.at(place.where, "the repository", found, owner=repository.owner, name=repository.full_name)
    elif not answer.ok:
        yield unreadable(place.where, "everything of it", "access to it", answer)


def check(place: Place) -> Report:
    """Findings about the repository itself."""
    live, repository = place.live(), place.repository
    if live is None:
        return
    full_name = str(live.get("full_name"))
    if full_name.lower() != repository.full_name.lower():
        yield RENAMED.at(place.where, f"`{repository.full_name}`", f"`{full_name}`", owner=repository.owner)
    if live.get("archived"):
        yield (ARCHIVED_EXISTING if repository.existing else ARCHIVED).at(place.where, "open for changes", "archived")
    yield from _visibility(place, live)
    moved = place.environment is None and live.get("default_branch") != repository.default_branch
    if moved:
        expected, found = f"the default branch `{repository.default_branch}`", value(str(live.get("default_branch")))
        yield DEFAULT_BRANCH.at(place.where, expected, found, branch=repository.default_branch)
    if not repository.existing:
        yield from _settings(place, live)
        yield from _extras(place)
    if not repository.existing or repository.imported:
        yield from _description(place, live)


def _visibility(place: Place, live: Entry) -> Iterator[Exposure]:
    found, planned = str(live.get("visibility")), place.repository.visibility
    if found == planned.value:
        return
    if place.repository.existing:
        yield VISIBILITY.at(place.where, f"`{planned.value}`", f"`{found}`")
        return
    wider = found in OPENNESS and OPENNESS.index(Visibility(found)) > OPENNESS.index(planned)
    who = place.environment.name if place.environment else place.repository.name
    yield (MORE_VISIBLE if wider else LESS_VISIBLE).at(place.where, f"`{planned.value}`", f"`{found}`", who=who)


def planned_settings(place: Place) -> Mapping[str, Any]:
    """Settings of a repository that the topology made, by their names in the REST API."""
    if place.environment is not None:
        return STATE_SETTINGS
    return {**APPLICATION_SETTINGS, "allow_merge_commit": not place.repository.linear_history}


def _settings(place: Place, live: Entry) -> Report:
    wanted = planned_settings(place)
    for name, expected in wanted.items():
        if name in live and live[name] != expected:
            yield SETTING.at(place.where, f"`{name}`: {str(expected).lower()}", str(live[name]).lower())
    hidden = sorted(name for name in wanted if name not in live)
    if hidden:
        why = f"GitHub does not show {', '.join(hidden)} to this token"
        yield Unverifiable(place.where, "its merge settings", why, "Give the token contents (write)")


def _description(place: Place, live: Entry) -> Iterator[Exposure]:
    planned, found = place.repository.description, str(live.get("description") or "")
    # A state repository's ends with the stack that owns it.
    if planned is not None and not found.startswith(planned):
        yield SETTING.at(place.where, f"`description`: {value(planned)}", value(found))


def _extras(place: Place) -> Report:
    """Alerts and labels, which only an application's repository gets."""
    if place.environment is not None:
        return
    repository = place.repository
    answer = place.scene.reader.get("/repos/{}/{}/vulnerability-alerts", repository.owner, repository.name)
    if answer.status == HTTPStatus.NOT_FOUND:
        yield ALERTS.at(place.where, "vulnerability alerts", "none")
    elif not answer.ok:
        yield unreadable(place.where, "its vulnerability alerts", "administration (read)", answer)
    if not repository.labels:
        return
    labels = yield from place.entries("its labels", "issues (read)", "labels")
    there = {str(entry.get("name")).casefold(): entry for entry in labels or ()}
    for label in repository.labels if labels is not None else ():
        found = there.get(label.name.casefold())
        if found is None:
            yield LABEL_MISSING.at(place.where, f"the label `{label.name}`", "none")
            continue
        expected = (label.color.lstrip("#").lower(), label.description or "")
        seen = (str(found.get("color")).lower(), str(found.get("description") or ""))
        if seen != expected:
            where = f"label {label.name} of {repository.full_name}"
            yield LABEL.at(where, " ".join(filter(None, expected)), " ".join(filter(None, seen)))
