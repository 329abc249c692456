"""Repository rulesets, the rules that govern a branch, and the log of evaluated pushes (rule suites)."""

from typing import Any

from gitops_infra.sandbox.forge import rulesets as rules
from gitops_infra.sandbox.forge.identity import may
from gitops_infra.sandbox.forge.model import PushRecord, Repository, Ruleset
from gitops_infra.sandbox.forge.price_plans import Feature, offers
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.router import Call, Routes

UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."


def _repository(call: Call, permission: str, level: str) -> Repository:
    """The repository, if its price plan has rulesets."""
    repository = call.repository(permission, level)
    if not offers(call.store, repository, Feature.BRANCH_RULESETS):
        raise Refusal(403, UPGRADE)
    return repository


def list_all(call: Call) -> Response:
    """The repository's rulesets without their rules; `targets` narrows to branch or tag."""
    repository = _repository(call, "metadata", "read")
    targets = call.query.get("targets", "branch,tag").split(",")
    found = (r for r in call.store.rulesets_of(repository) if r.target in targets)
    return call.page(_head(call, repository, ruleset) for ruleset in found)


def get(call: Call) -> Response:
    """One ruleset; `bypass_actors` only for identities that may change it."""
    repository, ruleset = _found(call, "metadata", "read")
    return Response(200, _ruleset(call, repository, ruleset))


def create(call: Call) -> Response:
    """Adds a ruleset. A rule that is not implemented is refused by name."""
    repository = _repository(call, "administration", "write")
    values, now = rules.parse_for(call.store, repository, call.body), call.store.now()
    ruleset = Ruleset(id=call.store.new_id(), repository_id=repository.id, created_at=now, updated_at=now, **values)
    call.store.add(ruleset)
    return Response(201, _ruleset(call, repository, ruleset))


def update(call: Call) -> Response:
    """Changes the fields that are sent."""
    repository, ruleset = _found(call, "administration", "write")
    for name, value in rules.parse_for(call.store, repository, call.body, ruleset).items():
        setattr(ruleset, name, value)
    ruleset.updated_at = call.store.now()
    call.store.save(ruleset)
    return Response(200, _ruleset(call, repository, ruleset))


def delete(call: Call) -> Response:
    """Removes the ruleset."""
    call.store.delete(_found(call, "administration", "write")[1])
    return NO_CONTENT


def for_branch(call: Call) -> Response:
    """Every active rule that governs the branch, which need not exist."""
    repository = _repository(call, "metadata", "read")
    governing = rules.governing(call.store, repository, f"refs/heads/{call['branch']}")
    return call.page(
        {
            **rule,
            "ruleset_source_type": "Repository",
            "ruleset_source": call.store.full_name(repository),
            "ruleset_id": ruleset.id,
        }
        for ruleset in governing
        for rule in ruleset.rules
    )


def suites(call: Call) -> Response:
    """Evaluated pushes, newest first; filters `ref`, `actor_name`, `rule_suite_result` (pass, fail, bypass)."""
    repository = _repository(call, "administration", "read")
    ref = call.query.get("ref")
    wanted = {
        "ref": ref if ref is None or ref.startswith("refs/") else f"refs/heads/{ref}",
        "actor_name": call.query.get("actor_name"),
        "result": {"all": None}.get(call.query.get("rule_suite_result", "all"), call.query.get("rule_suite_result")),
    }
    found = (_suite(call, repository, push) for push in reversed(call.store.pushes_of(repository)))
    return call.page(s for s in found if all(value in (None, s[name]) for name, value in wanted.items()))


def _found(call: Call, permission: str, level: str) -> tuple[Repository, Ruleset]:
    repository = _repository(call, permission, level)
    number = call["id"]
    ruleset = call.store.rulesets.get(int(number)) if number.isdecimal() else None
    if ruleset is None or ruleset.repository_id != repository.id:
        raise not_found()
    return repository, ruleset


def _head(call: Call, repository: Repository, ruleset: Ruleset) -> dict[str, Any]:
    full_name = call.store.full_name(repository)
    return {
        "id": ruleset.id,
        "node_id": shapes.node_id("RRS", ruleset.id),
        "name": ruleset.name,
        "target": ruleset.target,
        "source_type": "Repository",
        "source": full_name,
        "enforcement": ruleset.enforcement,
        "_links": {
            "self": {"href": f"{call.api_url}/repos/{full_name}/rulesets/{ruleset.id}"},
            "html": {"href": f"{call.base_url}/{full_name}/rules/{ruleset.id}"},
        },
        "created_at": timestamp(ruleset.created_at),
        "updated_at": timestamp(ruleset.updated_at),
    }


def _ruleset(call: Call, repository: Repository, ruleset: Ruleset) -> dict[str, Any]:
    body = _head(call, repository, ruleset) | {"conditions": ruleset.conditions, "rules": ruleset.rules}
    if may(call.store, call.identity, repository, "administration", "write"):
        body["bypass_actors"] = ruleset.bypass_actors
    return body


def _suite(call: Call, repository: Repository, push: PushRecord) -> dict[str, Any]:
    result = "fail" if not push.allowed else "bypass" if push.bypassed else "pass"
    user = call.store.user(push.actor)
    return {
        "id": push.id,
        "actor_id": user.id if user else None,
        "actor_name": push.actor,
        "before_sha": push.before,
        "after_sha": push.after,
        "ref": push.ref,
        "repository_id": repository.id,
        "repository_name": repository.name,
        "pushed_at": timestamp(push.at),
        "result": result,
        "evaluation_result": None,
    }


ROUTES: Routes = {
    ("GET", "/repos/{owner}/{repo}/rulesets"): list_all,
    ("POST", "/repos/{owner}/{repo}/rulesets"): create,
    ("GET", "/repos/{owner}/{repo}/rulesets/rule-suites"): suites,
    ("GET", "/repos/{owner}/{repo}/rulesets/{id}"): get,
    ("PUT", "/repos/{owner}/{repo}/rulesets/{id}"): update,
    ("DELETE", "/repos/{owner}/{repo}/rulesets/{id}"): delete,
    ("GET", "/repos/{owner}/{repo}/rules/branches/{branch+}"): for_branch,
}
