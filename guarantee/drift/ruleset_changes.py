"""Changes of rulesets: for each planned one, every way in which it could hold less than planned."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gitops_infra.audit.verification.rule_differences import planned_rules
from gitops_infra.plan.model import BypassKind, Plan, Repository, Ruleset
from guarantee.admin import Admin, Body
from guarantee.drift.change import Change

WEAKER: tuple[tuple[str, str, Any], ...] = (
    ("pull_request", "required_approving_review_count", 0),
    ("pull_request", "require_code_owner_review", False),
    ("pull_request", "dismiss_stale_reviews_on_push", False),
    ("pull_request", "require_last_push_approval", False),
    ("required_status_checks", "required_status_checks", [{"context": "another"}]),
    ("required_deployments", "required_deployment_environments", ["review"]),
)
"""Rule, parameter, and a value that holds less."""

OTHERS: tuple[tuple[str, int | None], ...] = (
    ("RepositoryRole", 4),
    ("RepositoryRole", 5),
    ("OrganizationAdmin", 1),
    ("DeployKey", None),
)
"""Actors that could be put into a bypass list: the roles write and admin, owners, every write key."""


def ruleset_changes(plan: Plan) -> Iterator[Change]:
    """Each change of each ruleset of each repository."""
    for repository in plan.repositories:
        for ruleset in repository.rulesets:
            yield from _changes(repository, ruleset)
    name = plan.repositories[0].full_name
    yield Change(f"a ruleset is added to {name}", "ruleset-extra", partial(_added, name))


def _added(full_name: str, admin: Admin) -> None:
    body = {
        "name": "somebody's",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["refs/heads/feature/*"], "exclude": []}},
        "rules": [{"type": "deletion"}],
        "bypass_actors": [],
    }
    admin.send("POST", f"/repos/{full_name}/rulesets", body)


def _changes(repository: Repository, ruleset: Ruleset) -> Iterator[Change]:
    full_name, name = repository.full_name, ruleset.name

    def edited(what: str, code: str, edit: Callable[[Body], None] | None) -> Change:
        place = f"ruleset {name} of {full_name}"
        return Change(f"{place}: {what}", code, lambda admin: admin.ruleset(full_name, name, edit), place=place)

    yield edited("deleted", "ruleset-missing", None)
    yield edited("disabled", "ruleset-off", partial(_set, "enforcement", "disabled"))
    yield edited("only evaluated", "ruleset-off", partial(_set, "enforcement", "evaluate"))
    yield edited("over another ref", "ruleset-narrowed", partial(_refs, "include", _elsewhere(ruleset)))
    yield edited("leaves out a ref", "ruleset-narrowed", partial(_excluded, _one(ruleset)))
    rules = planned_rules(ruleset.rules)
    for rule in rules:
        yield edited(f"without the rule {rule}", "rule-missing", partial(_without, rule))
    for rule, parameter, value in WEAKER:
        if rule in rules:
            yield edited(f"{rule}.{parameter} weaker", "rule-weaker", partial(_parameter, rule, parameter, value))
    planned = [(actor.kind.value, actor.id) for actor in ruleset.bypass]
    for kind, number in OTHERS:
        if (kind, number) not in planned:
            yield edited(f"bypassed by {kind} {number or ''}".strip(), "bypass-added", partial(_bypass, kind, number))
    if planned:
        yield edited("without its bypass", "bypass-missing", partial(_set, "bypass_actors", []))
    if planned and planned[0][0] != BypassKind.DEPLOY_KEY:  # which bypasses always, or not at all
        yield edited("bypassed by pull requests only", "bypass-mode", _pull_requests)
    if ruleset.key == "default-branch":
        yield edited("over another branch too", "ruleset-widened", partial(_more, "refs/heads/other"))
        yield edited("with one more rule", "rule-stricter", partial(_with, {"type": "required_linear_history"}))


def _one(ruleset: Ruleset) -> str:
    return ruleset.include[0] if ruleset.include[0] != "~ALL" else _elsewhere(ruleset)[0]


def _elsewhere(ruleset: Ruleset) -> list[str]:
    return [f"refs/{'tags' if ruleset.target.value == 'tag' else 'heads'}/elsewhere"]


def _set(field: str, value: Any, body: Body) -> None:
    body[field] = value


def _refs(kind: str, refs: list[str], body: Body) -> None:
    body["conditions"]["ref_name"][kind] = refs


def _more(ref: str, body: Body) -> None:
    body["conditions"]["ref_name"]["include"].append(ref)


def _excluded(ref: str, body: Body) -> None:
    body["conditions"]["ref_name"]["exclude"].append(ref)


def _without(rule: str, body: Body) -> None:
    body["rules"] = [each for each in body["rules"] if each["type"] != rule]


def _with(rule: Body, body: Body) -> None:
    body["rules"].append(rule)


def _parameter(rule: str, parameter: str, value: Any, body: Body) -> None:
    for each in body["rules"]:
        if each["type"] == rule:
            each["parameters"][parameter] = value


def _bypass(kind: str, number: int | None, body: Body) -> None:
    body["bypass_actors"].append({"actor_type": kind, "actor_id": number, "bypass_mode": "always"})


def _pull_requests(body: Body) -> None:
    for each in body["bypass_actors"]:
        each["bypass_mode"] = "pull_request"
