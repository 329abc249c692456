"""Actions: off where a branch is kept, and as the plan says where jobs run."""

from http import HTTPStatus

from gitops_infra.audit.verification.exposure import Code, Repair, Report, Severity, listed
from gitops_infra.audit.verification.scene import Place, unreadable
from gitops_infra.plan.model import Actions

NEEDS = "administration (read)"

ENABLED = Code(
    "actions-enabled",
    Severity.HIGH,
    "the environment's credential can push a workflow that runs there, with a token of that repository",
    Repair.UP,
)
DISABLED = Code("actions-disabled", Severity.MEDIUM, "nobody gains by it; no promotion job runs", Repair.UP)
SELECTION = Code(
    "actions-selection",
    Severity.HIGH,
    "an action that nobody chose runs in a job, with what that job may do",
    Repair.UP,
)
PINNING = Code(
    "actions-pinning",
    Severity.MEDIUM,
    "whoever moves a tag of an action changes what jobs run, also those with a credential",
    Repair.UP,
)
TOKEN = Code(
    "workflow-token", Severity.HIGH, "a job whose workflow asks for nothing gets a token that can write", Repair.UP
)
APPROVES = Code(
    "workflow-approves",
    Severity.HIGH,
    "whoever may push starts a job that approves their own pull request",
    Repair.UP,
)
APPROVES_UNMANAGED = Code(
    "workflow-approves-here",
    Severity.HIGH,
    "whoever may push starts a job that approves their own pull request; a rule for code owners still holds",
    Repair.HAND,
    "Switch off that Actions may approve pull requests, in the repository's or the organisation's settings",
)
CODES = (ENABLED, DISABLED, SELECTION, PINNING, TOKEN, APPROVES, APPROVES_UNMANAGED)


def check(place: Place) -> Report:
    """Findings about the Actions permissions of the repository."""
    planned = place.repository.actions
    if planned is not None:
        live = yield from place.ask("its Actions permissions", NEEDS, "actions/permissions")
        if live is not None and not planned.enabled and live.get("enabled") is not False:
            yield ENABLED.at(place.where, "Actions off", "on")
        elif live is not None and planned.enabled and live.get("enabled") is False:
            yield DISABLED.at(place.where, "Actions on", "off")
        elif live is not None and planned.enabled:
            if planned.sha_pinning and not live.get("sha_pinning_required"):
                yield PINNING.at(place.where, "actions pinned by a full SHA", "tags and branches are taken too")
            yield from _selection(place, planned, str(live.get("allowed_actions")))
    if place.environment is None:
        yield from _token(place, managed=planned is not None and planned.enabled and planned.read_only_token)


def _selection(place: Place, planned: Actions, allowed: str) -> Report:
    if planned.patterns is None:
        return
    expected = f"actions of GitHub, and {listed(planned.patterns)}"
    if allowed != "selected":
        yield SELECTION.at(
            place.where, expected, {"all": "every action", "local_only": "local ones"}.get(allowed, allowed)
        )
        return
    live = yield from place.ask("the actions that it allows", NEEDS, "actions/permissions/selected-actions")
    if live is None:
        return
    there = {str(each) for each in live.get("patterns_allowed") or ()}
    verified = " and those of verified creators" if live.get("verified_allowed") else ""
    owned = "actions of GitHub, and " if live.get("github_owned_allowed") else ""
    if there != set(planned.patterns) or verified or not owned:
        more = bool(there - set(planned.patterns) or verified)
        found = f"{owned}{listed(there)}{verified}"
        yield SELECTION.at(place.where, expected, found, severity=None if more else Severity.LOW)


def _token(place: Place, *, managed: bool) -> Report:
    """What a job's token may do where its workflow does not say."""
    owner, name = place.repository.owner, place.repository.name
    answer = place.scene.reader.get("/repos/{}/{}/actions/permissions/workflow", owner, name)
    if answer.status == HTTPStatus.CONFLICT:
        return  # Actions are off
    if not answer.ok or not isinstance(answer.data, dict):
        yield unreadable(place.where, "its workflow token", NEEDS, answer)
        return
    if managed and answer.data.get("default_workflow_permissions") != "read":
        yield TOKEN.at(place.where, "a token that reads", "one that writes")
    if answer.data.get("can_approve_pull_request_reviews"):
        code = APPROVES if managed else APPROVES_UNMANAGED
        yield code.at(place.where, "pull requests approved by people", "jobs may approve them too")
