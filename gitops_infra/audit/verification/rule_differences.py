"""How the live rules of a ruleset differ from the planned ones: weaker, stricter or gone. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitops_infra.plan.model import PullRequestRule, Rules

Parameters = Mapping[str, Any]


class Change(StrEnum):
    """Which way a rule differs."""

    MISSING = "missing"
    WEAKER = "weaker"
    STRICTER = "stricter"


@dataclass(frozen=True)
class Difference:
    """One rule, or one parameter of it, in the forge's words."""

    change: Change
    rule: str
    expected: str
    found: str


def planned_rules(rules: Rules) -> dict[str, dict[str, Any]]:
    """The rules as the REST API has them: parameters by type. Source: GitHub REST, "Rules"."""
    plain = ("creation", "deletion", "non_fast_forward", "required_linear_history")
    found: dict[str, dict[str, Any]] = {name: {} for name in plain if getattr(rules, name)}
    if rules.update:
        found["update"] = {"update_allows_fetch_and_merge": False}
    if rules.pull_request is not None:
        found["pull_request"] = _pull_request(rules.pull_request)
    if rules.required_checks:
        found["required_status_checks"] = {"required_status_checks": set(rules.required_checks)}
    if rules.required_deployments:
        found["required_deployments"] = {"required_deployment_environments": set(rules.required_deployments)}
    return found


def _pull_request(rule: PullRequestRule) -> dict[str, Any]:
    return {
        "required_approving_review_count": rule.approvals,
        "require_code_owner_review": rule.code_owner_review,
        "dismiss_stale_reviews_on_push": rule.dismiss_stale_reviews,
        "require_last_push_approval": rule.last_push_approval,
        "allowed_merge_methods": set(rule.merge_methods),
    }


def _fewer(expected: Any, found: Any) -> bool:
    return bool(found < expected)


def _more(expected: Any, found: Any) -> bool:
    return bool(found > expected)


def _lacks(expected: Any, found: Any) -> bool:
    return not found >= expected


def _adds(expected: Any, found: Any) -> bool:
    return not found <= expected


WEAKER: Mapping[str, Callable[[Any, Any], bool]] = {
    "update_allows_fetch_and_merge": _more,
    "required_approving_review_count": _fewer,
    "require_code_owner_review": _fewer,
    "dismiss_stale_reviews_on_push": _fewer,
    "require_last_push_approval": _fewer,
    "allowed_merge_methods": _adds,
    "required_status_checks": _lacks,
    "required_deployment_environments": _lacks,
}
"""Parameter -> whether what is found holds less than what is expected. True counts as more than False."""


def differences(planned: Rules, live: Iterable[Mapping[str, Any]]) -> Iterator[Difference]:
    """Every difference; nothing where the live rules do exactly what is planned."""
    there = {str(rule.get("type")): rule.get("parameters") or {} for rule in live}
    wanted = planned_rules(planned)
    for rule, parameters in wanted.items():
        if rule not in there:
            yield Difference(Change.MISSING, rule, "the rule", "none")
            continue
        for name, expected in parameters.items():
            yield from _parameter(rule, name, expected, _read(name, there[rule].get(name)))
    for rule in sorted(there.keys() - wanted.keys()):
        yield Difference(Change.STRICTER, rule, "no such rule", "the rule")


def _parameter(rule: str, name: str, expected: Any, found: Any) -> Iterator[Difference]:
    if found is None:
        found = type(expected)()
        if name == "allowed_merge_methods":
            return  # all of them: older servers do not know the parameter, and the provider cannot set it there
    if found == expected:
        return
    change = Change.WEAKER if WEAKER[name](expected, found) else Change.STRICTER
    yield Difference(change, f"{rule}.{name}", _said(expected), _said(found))


def _read(name: str, found: Any) -> Any:
    """The live value in the shape of the planned one; None where the forge has none."""
    if name == "required_status_checks" and found is not None:
        return {str(check.get("context")) for check in found}
    return set(found) if isinstance(found, list) else found


def _said(found: Any) -> str:
    if isinstance(found, set):
        return ", ".join(f"`{ascii(str(each))[1:-1]}`" for each in sorted(found)) or "none"
    return str(found).lower() if isinstance(found, bool) else str(found)
