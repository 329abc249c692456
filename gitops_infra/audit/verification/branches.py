"""Environment branches: at a commit of the default branch, alone where they should be, in nobody else's way."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, listed
from gitops_infra.audit.verification.scene import Entry, Place, Scene, unreadable
from gitops_infra.plan.model import Environment

FOREIGN = Code(
    "head-foreign",
    Severity.CRITICAL,
    "whoever made that commit decides what {environment} runs, and no review has seen it",
    Repair.HAND,
    "Find out who pushed it, make a new credential, then promote a commit of {default} forward: merge that commit by a "
    "reviewed pull request first, as the branch cannot go back",
)
AHEAD = Code(
    "head-not-on-default",
    Severity.CRITICAL,
    "whoever pushed the commits decides what {environment} runs: they are on no reviewed {default}",
    Repair.HAND,
    "Find out who pushed them, make a new credential, then merge them into {default} by a reviewed pull request or "
    "revert what they change",
)
STRAY = Code(
    "branch-extra",
    Severity.MEDIUM,
    "whoever made it got past a rule that locks the repository, or made it while none was there",
    Repair.HAND,
    "Find out who pushed it, then delete it",
)
PROTECTION = Code(
    "protection-in-the-way",
    Severity.MEDIUM,
    "nobody gains by it; a classic branch protection refuses promotions to {environment}, or can",
    Repair.HAND,
    "Delete the classic protection of {branch}: the rulesets guard it",
)
CODES = (FOREIGN, AHEAD, STRAY, PROTECTION)

PART_OF_DEFAULT = ("ahead", "identical")
"""How the default branch stands to a commit that is part of it. Source: GitHub REST, "Compare two commits"."""
REFUSING = ("restrictions", "required_pull_request_reviews", "required_status_checks")
"""Parts of a classic protection that refuse pushes. Source: GitHub REST, "Get branch protection"."""
SWITCHES = ("lock_branch", "required_signatures", "required_linear_history", "block_creations")


def state(place: Place) -> Report:
    """Findings about the branches of a state repository."""
    environment = place.environment
    if environment is None or environment.branch is None:
        return
    live = yield from place.entries("its branches", "contents (read)", "branches")
    for entry in live or ():
        if entry.get("name") == environment.branch:
            yield from _head(place.scene, environment, place, entry)
            yield from _classic(place, environment)
    stray = [str(entry.get("name")) for entry in live or () if entry.get("name") != environment.branch]
    if stray:
        yield STRAY.at(place.where, f"the branch `{environment.branch}` alone", f"{listed(stray)} too")


def application(place: Place) -> Report:
    """Findings about environment branches in the application's own repository, former ones too."""
    for environment in place.scene.plan.environments:
        here = environment.repository == place.repository.full_name
        was = environment.former is not None and environment.former.state is None
        if environment.branch is None or not (here or was):
            continue
        owner, name = place.repository.owner, place.repository.name
        answer = place.scene.reader.get("/repos/{}/{}/branches/{}", owner, name, environment.branch)
        if answer.ok and isinstance(answer.data, Mapping):
            yield from _head(place.scene, environment, place, answer.data)
            yield from _classic(place, environment)
        elif answer.status != HTTPStatus.NOT_FOUND:
            yield unreadable(place.where, f"its branch {environment.branch}", "contents (read)", answer)


def _head(scene: Scene, environment: Environment, place: Place, entry: Entry) -> Report:
    application, sha = scene.application, str((entry.get("commit") or {}).get("sha"))
    default, where = application.default_branch, f"branch {environment.branch} of {place.repository.full_name}"
    words: dict[str, Any] = {"environment": environment.name, "default": default}
    expected, short = f"a commit of {default} of {application.full_name}", sha[:12]
    answer = scene.reader.get(
        "/repos/{}/{}/compare/{}", application.owner, application.name, f"{sha}...{default}", per_page=1
    )
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
        if _default_is_there(scene):
            yield FOREIGN.at(where, expected, f"{short}, which that repository does not have", **words)
        else:
            yield unreadable(where, f"whether it is at {expected}", "contents (read) there", answer)
    elif not answer.ok or not isinstance(answer.data, Mapping):
        yield unreadable(where, f"whether it is at {expected}", "contents (read) there", answer)
    elif answer.data.get("status") not in PART_OF_DEFAULT:
        ahead = answer.data.get("behind_by")
        found = f"{short}, which has {ahead} {'commit' if ahead == 1 else 'commits'} that {default} has not"
        yield AHEAD.at(where, expected, found, **words)


def _default_is_there(scene: Scene) -> bool:
    """Whether the token sees the default branch, so that a 404 is about the other commit."""
    application = scene.application
    return scene.reader.get(
        "/repos/{}/{}/branches/{}", application.owner, application.name, application.default_branch
    ).ok


def _classic(place: Place, environment: Environment) -> Report:
    if environment.credential is None:
        return
    owner, name = place.repository.owner, place.repository.name
    answer = place.scene.reader.get("/repos/{}/{}/branches/{}/protection", owner, name, str(environment.branch))
    if answer.ok and isinstance(answer.data, Mapping):
        yield from _refusing(place, environment, answer.data)
    elif answer.status != HTTPStatus.NOT_FOUND:
        what = f"a classic protection of {environment.branch}"
        yield unreadable(place.where, what, "administration (read)", answer)


def _refusing(place: Place, environment: Environment, live: Mapping[str, Any]) -> Iterator[Exposure]:
    found = [part for part in REFUSING if live.get(part)]
    found += [part for part in SWITCHES if (live.get(part) or {}).get("enabled")]
    if found:
        yield PROTECTION.at(
            f"branch {environment.branch} of {place.repository.full_name}",
            "rulesets alone",
            f"a classic protection with {listed(found)}",
            environment=environment.name,
            branch=environment.branch,
        )
