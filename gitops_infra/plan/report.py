"""Everything that one `up` makes, as plain data: what `gitops-infra plan --format json` prints.

Format 1. Keys may be added to it; a key that changes its meaning or goes away raises `FORMAT`. Lists are in the order
of the plan, mappings by name. No value of a secret is known to a plan, so none can be in here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from gitops_infra.plan.access import reach, undoers
from gitops_infra.plan.budget import budget
from gitops_infra.plan.model import (
    Approver,
    BypassActor,
    Credential,
    Enforcement,
    Environment,
    Plan,
    Repository,
    Rules,
    Ruleset,
)

FORMAT = 1
"""Version of the shape."""

Data = dict[str, Any]


def report(plans: Sequence[Plan], only: str | None = None) -> Data:
    """The plans of one topology (`plan.build.plans`), at least one, as mappings, lists, strings, numbers and None.

    `only` limits it to the environment of that name; the requests are always those of the whole `up`. Raises KeyError
    when no plan has such an environment.
    """
    if only is not None:
        plans[0].environment(only)
    first = plans[0]
    return {
        "format": FORMAT,
        "owner": {"name": first.owner, "kind": first.owner_kind.value, "price_plan": first.price_plan.value},
        "repositories": [repository for plan in plans for repository in _repositories(plan, only)],
        "environments": [_environment(plan, each) for plan, each in _chosen(plans, only)],
        "promotions": [
            {
                "application": plan.application.full_name,
                "source": edge.source,
                "target": edge.target,
                "trigger": edge.trigger.value,
                "method": edge.method.value,
                "tags": edge.tags if edge.trigger.value == "on_release" else None,
            }
            for plan in plans
            for edge in plan.promotions
            if only in (None, edge.source, edge.target)
        ],
        "enforcement": [
            {
                "application": plan.application.full_name,
                "environment": each.name,
                **enforcement(plan.enforcement[each.name]),
            }
            for plan, each in _chosen(plans, only)
        ],
        "access": [
            {
                "application": plan.application.full_name,
                "environment": row.environment,
                "movers": list(row.movers),
                "breakers": list(row.breakers),
                "secret_readers": list(row.secret_readers),
            }
            for plan in plans
            for row in reach(plan)
            if only in (None, row.environment)
        ],
        "undoers": {plan.application.full_name: list(undoers(plan)) for plan in plans},
        "requests": _requests(plans),
    }


def enforcement(value: Enforcement) -> Data:
    """What is asked of one environment, what will hold, and why they differ."""
    return {
        "requested": [protection.value for protection in value.requested],
        "achieved": [protection.value for protection in value.achieved],
        "degraded": value.degraded,
        "why": list(value.why),
    }


def _chosen(plans: Iterable[Plan], only: str | None) -> Iterable[tuple[Plan, Environment]]:
    return [(plan, each) for plan in plans for each in plan.environments if only in (None, each.name)]


def _repositories(plan: Plan, only: str | None) -> Iterable[Data]:
    roles = _roles(plan)
    chosen = {
        name
        for each in plan.environments
        if only in (None, each.name)
        for name in (each.repository, each.former.state.full_name if each.former and each.former.state else None)
    }
    return [
        _repository(repository, *roles[repository.full_name])
        for repository in plan.repositories
        if only is None or repository.full_name in {*chosen, plan.application.full_name}
    ]


def _roles(plan: Plan) -> Mapping[str, tuple[str, str | None]]:
    """What each repository is there for, and for which environment."""
    roles: dict[str, tuple[str, str | None]] = {plan.application.full_name: ("application", None)}
    for each in plan.environments:
        if each.state is not None:
            roles[each.state.full_name] = ("state", each.name)
        if each.former is not None and each.former.state is not None:
            roles[each.former.state.full_name] = ("former state", each.name)
    return roles


def _repository(repository: Repository, role: str, environment: str | None) -> Data:
    origin = "imported" if repository.imported else "existing" if repository.existing else "new"
    actions = repository.actions
    return {
        "name": repository.full_name,
        "role": role,
        "environment": environment,
        "origin": origin,
        "visibility": repository.visibility.value,
        "default_branch": repository.default_branch,
        "kept_on_destroy": repository.retain,
        "actions": None
        if actions is None
        else {
            "enabled": actions.enabled,
            "sha_pinning": actions.sha_pinning,
            "patterns": None if actions.patterns is None else list(actions.patterns),
        },
        "files": [file.path for file in repository.files],
        "labels": [label.name for label in repository.labels],
        "grants": [{"team": grant.team, "user": grant.user, "role": grant.role.value} for grant in repository.access],
        "rulesets": [_ruleset(ruleset) for ruleset in repository.rulesets],
    }


def _ruleset(ruleset: Ruleset) -> Data:
    return {
        "name": ruleset.name,
        "target": ruleset.target.value,
        "include": list(ruleset.include),
        "exclude": list(ruleset.exclude),
        "rules": _rules(ruleset.rules),
        "bypass": [_actor(actor) for actor in ruleset.bypass],
    }


def _rules(rules: Rules) -> Data:
    """Only rules that are set."""
    given: Data = {field.name: getattr(rules, field.name) for field in fields(rules)}
    if rules.pull_request is not None:
        given["pull_request"] = {**asdict(rules.pull_request), "merge_methods": list(rules.pull_request.merge_methods)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value}


def _actor(actor: BypassActor) -> Data:
    return {"kind": actor.kind.value, "id": actor.id, "login": actor.login}


def _environment(plan: Plan, environment: Environment) -> Data:
    policy = environment.policy
    return {
        "application": plan.application.full_name,
        "name": environment.name,
        "kind": environment.kind.value,
        "formerly": environment.formerly,
        "retired": environment.retired,
        "isolation": None if environment.branch is None else environment.isolation.value,
        "repository": environment.repository,
        "branch": environment.branch,
        "former_place": _former(plan, environment),
        "manifests": environment.manifests,
        "paths": list(environment.paths),
        "kept_on_destroy": environment.retain,
        "policy": {
            "refs": list(policy.branch_patterns),
            "approvers": [_approver(approver) for approver in policy.approvers],
            "prevent_self_review": policy.prevent_self_review,
            "wait_minutes": policy.wait_minutes,
            "admins_bypass": policy.admins_bypass,
        },
        "credential": _credential(environment.credential),
        "variables": dict(environment.variables),
        "secrets": [
            *([environment.credential.secret_name] if environment.credential else []),
            *environment.secrets,
        ],
    }


def _former(plan: Plan, environment: Environment) -> str | None:
    """Repository in which the branch was before its isolation changed."""
    if environment.former is None:
        return None
    return plan.application.full_name if environment.former.state is None else environment.former.state.full_name


def _approver(approver: Approver) -> Data:
    return {"user": approver.user, "team": approver.team, "id": approver.id}


def _credential(credential: Credential | None) -> Data | None:
    if credential is None:
        return None
    return {
        "kind": credential.kind.value,
        "holder": credential.holder,
        "moves_branches_of": credential.repository,
        "secret": credential.secret_name,
        "generation": credential.generation if credential.title is not None else None,
        "title": credential.title,
    }


def _requests(plans: Sequence[Plan]) -> Data:
    spent = budget(plans)
    return {"total": spent.total, "writes": spent.writes, "by_kind": dict(spent.by_kind)}
