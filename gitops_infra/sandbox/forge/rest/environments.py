"""Deployment environments and their deployment branch policies, gated by price plan as at GitHub."""

from typing import Any

from gitops_infra.sandbox.forge.identity import of_user, role
from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.price_plans import Feature, offers
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS: dict[str, type | tuple[type, ...]] = {
    "wait_timer": int,
    "prevent_self_review": bool,
    "can_admins_bypass": bool,
    "reviewers": list,
    "deployment_branch_policy": dict,
}
PAID = {
    "wait_timer": Feature.WAIT_TIMER,
    "reviewers": Feature.REQUIRED_REVIEWERS,
    "prevent_self_review": Feature.PREVENT_SELF_REVIEW,
    "can_admins_bypass": Feature.NO_ADMIN_BYPASS,
}
"""Field -> what the price plan must have, even for a default value. Source: GitHub REST, environments."""
MAX_WAIT = 43_200
MAX_REVIEWERS = 6
MAX_NAME = 255
FORBIDDEN_IN_NAMES = frozenset("'\"`,;\\")
FAILED = "Failed to create the environment protection rule."


def environment_of(call: Call, permission: str, level: str) -> tuple[Repository, EnvironmentRecord]:
    """The environment of the path and its repository. Raises Refusal as `Call.repository`, 404 without environment.

    Where the price plan has no environments any more, nothing in one can be made or changed: 404.
    """
    repository = call.repository(permission, level)
    environment = call.store.environment(repository, call["environment"])
    if environment is None:
        raise not_found()
    changes = level == "write" and call.request.method != "DELETE"
    if changes and not offers(call.store, repository, Feature.ENVIRONMENTS):
        raise not_found()
    return repository, environment


def list_all(call: Call) -> Response:
    """The repository's environments."""
    repository = call.repository("actions", "read")
    found = (_environment(call, repository, e) for e in call.store.environments_of(repository))
    return call.page(found, "environments")


def get(call: Call) -> Response:
    """One environment."""
    return Response(200, _environment(call, *environment_of(call, "actions", "read")))


def put(call: Call) -> Response:
    """Makes the environment, or changes the fields that are sent; what is not sent stays."""
    repository = call.repository("administration", "write")
    body = call.fields("Environment", FIELDS)
    _check_plan(call, repository, body)
    name = call["environment"]
    if len(name) > MAX_NAME or FORBIDDEN_IN_NAMES & set(name) or not name.isprintable():
        raise Refusal(422, f"{FAILED} Name {name[:MAX_NAME]!r} is invalid.")
    environment = call.store.environment(repository, name)
    now = call.store.now()
    changed = environment or EnvironmentRecord(call.store.new_id(), repository.id, name, now, now)
    values = _checked(call, repository, changed, body)
    for field, value in values.items():
        setattr(changed, field, value)
    if not (changed.branch_policy or {}).get("custom_branch_policies"):
        changed.policies = []
    changed.updated_at = now
    (call.store.save if environment else call.store.add)(changed)
    return Response(200, _environment(call, repository, changed))


def _check_plan(call: Call, repository: Repository, body: dict[str, Any]) -> None:
    """Raises Refusal 404 without environments, and 422 for protection that the plan does not have."""
    if not offers(call.store, repository, Feature.ENVIRONMENTS):
        raise not_found()
    if any(name in body and not offers(call.store, repository, feature) for name, feature in PAID.items()):
        raise Refusal(422, f"{FAILED} Please ensure the billing plan supports the required reviewers protection rule.")


def _checked(
    call: Call, repository: Repository, environment: EnvironmentRecord, body: dict[str, Any]
) -> dict[str, Any]:
    values = {name: body[name] for name in ("prevent_self_review", "can_admins_bypass") if body.get(name) is not None}
    if "wait_timer" in body:
        values["wait_timer"] = body["wait_timer"] or 0
        if not 0 <= values["wait_timer"] <= MAX_WAIT:
            raise Refusal(422, f"{FAILED} wait_timer must be between 0 and {MAX_WAIT}.")
    if "reviewers" in body:
        values["reviewers"] = _reviewers(call, repository, body["reviewers"] or [])
    if "deployment_branch_policy" in body:
        values["branch_policy"] = _branch_policy(body["deployment_branch_policy"])
    self_review = values.get("prevent_self_review", environment.prevent_self_review)
    if self_review and not values.get("reviewers", environment.reviewers):
        raise Refusal(422, f"{FAILED} Required reviewers must have at least one reviewer to set prevent_self_review.")
    return values


def _reviewers(call: Call, repository: Repository, wanted: list[Any]) -> list[dict[str, Any]]:
    if len(wanted) > MAX_REVIEWERS:
        # The words are GitHub's: the upstream provider's acceptance test of environments waits for them.
        raise Refusal(422, f"{FAILED} Required reviewers can have at most {MAX_REVIEWERS} reviewers.")
    result = []
    for reviewer in wanted:
        kind, number = (reviewer.get("type"), reviewer.get("id")) if isinstance(reviewer, dict) else (None, None)
        if not _can_review(call, repository, kind, number):
            raise Refusal(422, f"{FAILED} Reviewer {kind} {number} must be a user or team with read access.")
        result.append({"type": kind, "id": number})
    return result


def _can_review(call: Call, repository: Repository, kind: Any, number: Any) -> bool:
    if kind == "Team":
        team = call.store.teams.get(number)
        return team is not None and repository.id in team.repositories
    user = call.store.accounts.get(number) if kind == "User" else None
    return user is not None and user.kind == "User" and role(call.store, of_user(user), repository) is not None


def _branch_policy(wanted: dict[str, Any] | None) -> dict[str, bool] | None:
    if wanted is None:
        return None
    names = ("protected_branches", "custom_branch_policies")
    if set(wanted) != set(names) or not all(isinstance(wanted[name], bool) for name in names):
        raise Refusal(422, f"{FAILED} deployment_branch_policy needs the booleans {' and '.join(names)}.")
    if wanted["protected_branches"] == wanted["custom_branch_policies"]:
        raise Refusal(422, f"{FAILED} protected_branches and custom_branch_policies cannot have the same value.")
    return {name: wanted[name] for name in names}


def delete(call: Call) -> Response:
    """Removes the environment with its policies, secrets and variables."""
    repository = call.repository("administration", "write")
    environment = call.store.environment(repository, call["environment"])
    if environment is None:
        raise not_found()
    call.store.delete(environment)
    return NO_CONTENT


def list_policies(call: Call) -> Response:
    """The environment's own branch and tag patterns."""
    _, environment = environment_of(call, "actions", "read")
    return call.page((_policy(p) for p in environment.policies), "branch_policies")


def get_policy(call: Call) -> Response:
    """One pattern."""
    _, environment = environment_of(call, "actions", "read")
    return Response(200, _policy(_known_policy(call, environment)))


def create_policy(call: Call) -> Response:
    """Admits one more pattern. 404 unless the environment has custom branch policies, 303 to an equal one."""
    _, environment = environment_of(call, "administration", "write")
    body = call.fields("DeploymentBranchPolicy", {"name": str, "type": str}, required="name")
    kind = body.get("type") or "branch"
    if not (environment.branch_policy or {}).get("custom_branch_policies"):
        raise not_found()
    if kind not in ("branch", "tag"):
        raise Refusal(422, "Validation Failed: type must be branch or tag")
    for policy in environment.policies:
        if (policy["name"], policy["type"]) == (body["name"], kind):
            return Response(303, _policy(policy), {"Location": f"{call.api_url}{call.request.path}/{policy['id']}"})
    policy = {"id": call.store.new_id(), "name": body["name"], "type": kind}
    environment.policies.append(policy)
    call.store.save(environment)
    return Response(200, _policy(policy))


def update_policy(call: Call) -> Response:
    """Changes the pattern."""
    _, environment = environment_of(call, "administration", "write")
    policy = _known_policy(call, environment)
    policy["name"] = call.fields("DeploymentBranchPolicy", {"name": str}, required="name")["name"]
    call.store.save(environment)
    return Response(200, _policy(policy))


def delete_policy(call: Call) -> Response:
    """Admits the pattern no longer."""
    _, environment = environment_of(call, "administration", "write")
    environment.policies.remove(_known_policy(call, environment))
    call.store.save(environment)
    return NO_CONTENT


def _known_policy(call: Call, environment: EnvironmentRecord) -> dict[str, Any]:
    for policy in environment.policies:
        if str(policy["id"]) == call["id"]:
            return policy
    raise not_found()


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    return {**policy, "node_id": shapes.node_id("DBP", policy["id"])}


def _environment(call: Call, repository: Repository, environment: EnvironmentRecord) -> dict[str, Any]:
    full_name = call.store.full_name(repository)
    return {
        "id": environment.id,
        "node_id": shapes.node_id("EN", environment.id),
        "name": environment.name,
        "url": f"{call.api_url}/repos/{full_name}/environments/{environment.name}",
        "html_url": f"{call.base_url}/{full_name}/deployments/activity_log?environments_filter={environment.name}",
        "created_at": timestamp(environment.created_at),
        "updated_at": timestamp(environment.updated_at),
        "can_admins_bypass": environment.can_admins_bypass,
        "protection_rules": _rules(call, environment),
        "deployment_branch_policy": environment.branch_policy,
    }


def _rules(call: Call, environment: EnvironmentRecord) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if environment.wait_timer:
        rules.append({"type": "wait_timer", "wait_timer": environment.wait_timer})
    if environment.reviewers:
        reviewers = [{"type": r["type"], "reviewer": _reviewer(call, r)} for r in environment.reviewers]
        prevent = environment.prevent_self_review
        rules.append({"type": "required_reviewers", "prevent_self_review": prevent, "reviewers": reviewers})
    if environment.branch_policy:
        rules.append({"type": "branch_policy"})
    # Ten rule ids per environment, so that they stay the same between reads.
    return [
        {"id": environment.id * 10 + n, "node_id": shapes.node_id("GA", environment.id * 10 + n), **rule}
        for n, rule in enumerate(rules)
    ]


def _reviewer(call: Call, reviewer: dict[str, Any]) -> dict[str, Any]:
    if reviewer["type"] == "User":
        return shapes.account(call, call.store.accounts[reviewer["id"]])
    team = call.store.teams.get(reviewer["id"])
    return {"id": reviewer["id"], **({"name": team.name, "slug": team.slug} if team else {})}


_ROOT = "/repos/{owner}/{repo}/environments"
_POLICIES = f"{_ROOT}/{{environment}}/deployment-branch-policies"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("GET", f"{_ROOT}/{{environment}}"): get,
    ("PUT", f"{_ROOT}/{{environment}}"): put,
    ("DELETE", f"{_ROOT}/{{environment}}"): delete,
    ("GET", _POLICIES): list_policies,
    ("POST", _POLICIES): create_policy,
    ("GET", f"{_POLICIES}/{{id}}"): get_policy,
    ("PUT", f"{_POLICIES}/{{id}}"): update_policy,
    ("DELETE", f"{_POLICIES}/{{id}}"): delete_policy,
}
