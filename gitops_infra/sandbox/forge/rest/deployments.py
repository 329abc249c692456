"""Deployments: those of jobs that asked for an environment, and those made by this API, which open nothing."""

from typing import Any

from gitops_infra.sandbox.forge.deployments import supersede
from gitops_infra.sandbox.forge.model import Deployment, Repository
from gitops_infra.sandbox.forge.responses import Response, invalid, not_found, timestamp
from gitops_infra.sandbox.forge.rest import commits, shapes
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS: dict[str, type | tuple[type, ...]] = {
    "ref": str,
    "task": str,
    "environment": str,
    "description": str,
    "auto_merge": bool,
    "required_contexts": list,
    "payload": (dict, str),
    "transient_environment": bool,
    "production_environment": bool,
}
STATUS_FIELDS = {
    "state": str,
    "description": str,
    "environment": str,
    "environment_url": str,
    "log_url": str,
    "auto_inactive": bool,
}
STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
JOB_STATES = {"granted": "in_progress", "rejected": "failure"}
"""State of a job's deployment -> deployment status; others are the status themselves."""


def list_all(call: Call) -> Response:
    """Deployments, newest first; filters `environment`, `sha`, `ref`."""
    repository = call.repository("deployments", "read")
    wanted = {name: call.query.get(name) for name in ("environment", "sha", "ref")}
    shown = (_deployment(call, repository, d) for d in reversed(call.store.deployments_of(repository)))
    return call.page(d for d in shown if all(value in (None, d[name]) for name, value in wanted.items()))


def get(call: Call) -> Response:
    """One deployment."""
    repository, deployment = _found(call, "read")
    return Response(200, _deployment(call, repository, deployment))


def create(call: Call) -> Response:
    """A deployment without a job: it opens no secret and passes no gate."""
    repository = call.repository("deployments", "write")
    body = call.fields("Deployment", FIELDS, required="ref")
    sha = commits.resolved(call.git(repository), body["ref"])
    if sha is None:
        raise invalid("Deployment", "ref", f"No ref found for: {body['ref']}")
    deployment = Deployment(
        id=call.store.new_id(),
        repository_id=repository.id,
        environment=body.get("environment") or "production",
        ref=body["ref"],
        sha=sha,
        event="api",
        actor_id=call.identity.user_id or call.identity.app_id or 0,
        state="pending",
        created_at=call.store.now(),
    )
    call.store.add(deployment)
    return Response(201, _deployment(call, repository, deployment))


def list_statuses(call: Call) -> Response:
    """The deployment's status, newest first; of one that was replaced also its success before. Older ones are lost."""
    repository, deployment = _found(call, "read")
    present = _status(call, repository, deployment)
    return call.page([present, {**present, "state": "success"}] if deployment.replaced else [present])


def create_status(call: Call) -> Response:
    """Sets the status of a deployment made by this API. A job's status is the gate's alone."""
    repository, deployment = _found(call, "write")
    body = call.fields("DeploymentStatus", STATUS_FIELDS, required="state")
    if body["state"] not in STATES:
        raise invalid("DeploymentStatus", "state", f"state must be one of {', '.join(STATES)}", "invalid")
    if deployment.event != "api":
        raise invalid("DeploymentStatus", "state", "stand-in lets only the job gate change a job's deployment")
    deployment.state, deployment.replaced = body["state"], False
    call.store.save(deployment)
    if body.get("auto_inactive", True):
        supersede(call.store, deployment)
    return Response(201, _status(call, repository, deployment))


def _found(call: Call, level: str) -> tuple[Repository, Deployment]:
    repository = call.repository("deployments", level)
    number = call["id"]
    deployment = call.store.deployments.get(int(number)) if number.isdecimal() else None
    if deployment is None or deployment.repository_id != repository.id:
        raise not_found()
    return repository, deployment


def _deployment(call: Call, repository: Repository, deployment: Deployment) -> dict[str, Any]:
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}/deployments/{deployment.id}"
    creator = call.store.accounts.get(deployment.actor_id)
    return {
        "id": deployment.id,
        "node_id": shapes.node_id("DE", deployment.id),
        "url": url,
        "sha": deployment.sha,
        "ref": deployment.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
        "task": "deploy",
        "environment": deployment.environment,
        "creator": None if creator is None else shapes.account(call, creator),
        "created_at": timestamp(deployment.created_at),
        "updated_at": timestamp(deployment.created_at),
        "statuses_url": f"{url}/statuses",
        "payload": {},
    }


def _status(call: Call, repository: Repository, deployment: Deployment) -> dict[str, Any]:
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}/deployments/{deployment.id}"
    return {
        "id": deployment.id,
        "state": JOB_STATES.get(deployment.state, deployment.state),
        "environment": deployment.environment,
        "environment_url": deployment.environment_url,
        "deployment_url": url,
        "url": f"{url}/statuses/{deployment.id}",
        "created_at": timestamp(deployment.created_at),
    }


_ROOT = "/repos/{owner}/{repo}/deployments"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("POST", _ROOT): create,
    ("GET", f"{_ROOT}/{{id}}"): get,
    ("GET", f"{_ROOT}/{{id}}/statuses"): list_statuses,
    ("POST", f"{_ROOT}/{{id}}/statuses"): create_status,
}
