"""Actions permissions of a repository: on or off, which actions, and what a job's token may do."""

from typing import Any

from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, invalid
from gitops_infra.sandbox.forge.router import Call, Routes

ALLOWED = ("all", "local_only", "selected")
TOKEN_PERMISSIONS = ("read", "write")
NOT_SELECTED = "Allowed actions are not set to selected"


def get(call: Call) -> Response:
    """Whether Actions run, and which."""
    repository = call.repository("administration", "read")
    actions = repository.actions
    body: dict[str, Any] = {
        "enabled": actions["enabled"],
        "sha_pinning_required": actions.get("sha_pinning_required", False),
    }
    if actions["enabled"]:
        body["allowed_actions"] = actions.get("allowed_actions", "all")
        if body["allowed_actions"] == "selected":
            root = f"{call.api_url}/repos/{call.store.full_name(repository)}"
            body["selected_actions_url"] = f"{root}/actions/permissions/selected-actions"
    return Response(200, body)


def put(call: Call) -> Response:
    """Switches Actions on or off, and sets which may run."""
    repository = call.repository("administration", "write")
    known = {"enabled": bool, "allowed_actions": str, "sha_pinning_required": bool}
    body = call.fields("ActionsPermissions", known, required="enabled")
    if body.get("allowed_actions") not in (None, *ALLOWED):
        raise invalid("ActionsPermissions", "allowed_actions", f"allowed_actions must be one of {', '.join(ALLOWED)}")
    repository.actions = repository.actions | {name: value for name, value in body.items() if value is not None}
    call.store.save(repository)
    return NO_CONTENT


def get_selected(call: Call) -> Response:
    """Which actions may run when `allowed_actions` is `selected`."""
    repository = call.repository("administration", "read")
    if repository.actions.get("allowed_actions") != "selected":
        raise Refusal(409, NOT_SELECTED)
    empty = {"github_owned_allowed": False, "verified_allowed": False, "patterns_allowed": []}
    return Response(200, empty | repository.selected_actions)


def put_selected(call: Call) -> Response:
    """Sets which actions may run; 409 unless `allowed_actions` is `selected`."""
    repository = call.repository("administration", "write")
    known = {"github_owned_allowed": bool, "verified_allowed": bool, "patterns_allowed": list}
    body = call.fields("SelectedActions", known)
    if repository.actions.get("allowed_actions") != "selected":
        raise Refusal(409, NOT_SELECTED)
    repository.selected_actions = {name: value for name, value in body.items() if value is not None}
    call.store.save(repository)
    return NO_CONTENT


def get_workflow(call: Call) -> Response:
    """What a job's token may do by default."""
    return Response(200, call.repository("administration", "read").workflow_permissions)


def put_workflow(call: Call) -> Response:
    """Sets what a job's token may do by default, and whether jobs may approve pull requests."""
    repository = call.repository("administration", "write")
    known = {"default_workflow_permissions": str, "can_approve_pull_request_reviews": bool}
    body = call.fields("WorkflowPermissions", known)
    word = body.get("default_workflow_permissions")
    if word not in (None, *TOKEN_PERMISSIONS):
        raise invalid("WorkflowPermissions", "default_workflow_permissions", f"{word} is neither read nor write")
    sent = {name: value for name, value in body.items() if value is not None}
    repository.workflow_permissions = repository.workflow_permissions | sent
    call.store.save(repository)
    return NO_CONTENT


_ROOT = "/repos/{owner}/{repo}/actions/permissions"
ROUTES: Routes = {
    ("GET", _ROOT): get,
    ("PUT", _ROOT): put,
    ("GET", f"{_ROOT}/selected-actions"): get_selected,
    ("PUT", f"{_ROOT}/selected-actions"): put_selected,
    ("GET", f"{_ROOT}/workflow"): get_workflow,
    ("PUT", f"{_ROOT}/workflow"): put_workflow,
}
