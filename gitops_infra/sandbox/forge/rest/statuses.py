"""Commit statuses: what required checks wait for."""

from typing import Any

from gitops_infra.sandbox.forge.model import Repository, Status
from gitops_infra.sandbox.forge.responses import Response, invalid
from gitops_infra.sandbox.forge.rest import commits
from gitops_infra.sandbox.forge.router import Call, Routes

STATES = ("error", "failure", "pending", "success")
FIELDS = {"state": str, "context": str, "description": str, "target_url": str}


def create(call: Call) -> Response:
    """Adds a status to a commit; of one context the last one counts."""
    repository = call.repository("statuses", "write")
    body = call.fields("Status", FIELDS, required="state")
    sha = call["sha"]
    if body["state"] not in STATES:
        raise invalid("Status", "state", f"state must be one of {', '.join(STATES)}", "invalid")
    if call.git(repository).commit_id(sha) != sha:
        raise invalid("Status", "sha", f"No commit found for SHA: {sha}")
    status = Status(
        id=call.store.new_id(),
        repository_id=repository.id,
        sha=sha,
        context=body.get("context") or "default",
        state=body["state"],
        app_id=call.identity.app_id,
    )
    call.store.add(status)
    return Response(201, _status(call, repository, status))


def list_all(call: Call) -> Response:
    """Every status of a commit, newest first."""
    repository = call.repository("statuses", "read")
    found = [s for s in call.store.statuses_of(repository) if s.sha == _sha(call, repository)]
    return call.page(_status(call, repository, status) for status in reversed(found))


def combined(call: Call) -> Response:
    """The last status of each context and what they amount to."""
    repository = call.repository("statuses", "read")
    sha = _sha(call, repository)
    last = {s.context: s for s in call.store.statuses_of(repository) if s.sha == sha}
    states = {s.state for s in last.values()}
    state = "failure" if states & {"error", "failure"} else "success" if states == {"success"} else "pending"
    shown = [_status(call, repository, s) for s in last.values()]
    return Response(200, {"state": state, "sha": sha, "total_count": len(shown), "statuses": shown})


def _sha(call: Call, repository: Repository) -> str:
    sha = commits.resolved(call.git(repository), call["ref"])
    if sha is None:
        raise invalid("Status", "ref", f"No commit found for SHA: {call['ref']}")
    return sha


def _status(call: Call, repository: Repository, status: Status) -> dict[str, Any]:
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}/statuses/{status.sha}"
    return {"id": status.id, "state": status.state, "context": status.context, "url": url}


ROUTES: Routes = {
    ("POST", "/repos/{owner}/{repo}/statuses/{sha}"): create,
    ("GET", "/repos/{owner}/{repo}/commits/{ref+}/statuses"): list_all,
    ("GET", "/repos/{owner}/{repo}/commits/{ref+}/status"): combined,
    **commits.LAST_ROUTES,
}
