"""How live rules differ from planned ones: which way decides how bad it is."""

from typing import Any

import pytest

from gitops_infra.audit.verification.rule_differences import Change, differences, planned_rules
from gitops_infra.plan.model import PullRequestRule, Rules

PLANNED = Rules(
    creation=True,
    update=True,
    pull_request=PullRequestRule(1, code_owner_review=True, merge_methods=("squash", "rebase")),
    required_checks=("test",),
    required_deployments=("staging",),
)


def live(**changes: Any) -> list[dict[str, Any]]:
    """What the forge has; a key `rule__parameter` changes one, `rule=None` leaves one out."""
    rules = {name: dict(parameters) for name, parameters in planned_rules(PLANNED).items()}
    rules["pull_request"]["allowed_merge_methods"] = ["squash", "rebase"]
    rules["required_status_checks"] = {"required_status_checks": [{"context": "test", "integration_id": 7}]}
    rules["required_deployments"] = {"required_deployment_environments": ["staging"]}
    for key, value in changes.items():
        rule, _, parameter = key.partition("__")
        if parameter:
            rules[rule][parameter] = value
        elif value is None:
            del rules[rule]
        else:
            rules[rule] = value
    return [{"type": name, "parameters": parameters} for name, parameters in rules.items()]


def found(**changes: Any) -> list[tuple[Change, str]]:
    return [(each.change, each.rule) for each in differences(PLANNED, live(**changes))]


def test_what_is_planned_differs_in_nothing() -> None:
    """Which App reports a check is left open by the plan."""
    assert found() == []


@pytest.mark.parametrize("rule", list(planned_rules(PLANNED)))
def test_a_rule_that_is_gone_is_missing(rule: str) -> None:
    assert found(**{rule: None}) == [(Change.MISSING, rule)]


@pytest.mark.parametrize(
    ("parameter", "value", "change"),
    [
        ("pull_request__required_approving_review_count", 0, Change.WEAKER),
        ("pull_request__required_approving_review_count", 2, Change.STRICTER),
        ("pull_request__require_code_owner_review", False, Change.WEAKER),
        ("pull_request__dismiss_stale_reviews_on_push", False, Change.WEAKER),
        ("pull_request__require_last_push_approval", None, Change.WEAKER),
        ("pull_request__allowed_merge_methods", ["merge", "squash", "rebase"], Change.WEAKER),
        ("pull_request__allowed_merge_methods", ["squash"], Change.STRICTER),
        ("update__update_allows_fetch_and_merge", True, Change.WEAKER),
        ("required_status_checks__required_status_checks", [], Change.WEAKER),
        ("required_status_checks__required_status_checks", [{"context": "other"}], Change.WEAKER),
        (
            "required_status_checks__required_status_checks",
            [{"context": "test"}, {"context": "other"}],
            Change.STRICTER,
        ),
        ("required_deployments__required_deployment_environments", ["review"], Change.WEAKER),
    ],
)
def test_a_parameter_is_weaker_or_stricter(parameter: str, value: Any, change: Change) -> None:
    assert found(**{parameter: value}) == [(change, parameter.replace("__", "."))]


def test_a_rule_that_nobody_planned_is_stricter() -> None:
    assert found(required_signatures={}) == [(Change.STRICTER, "required_signatures")]


def test_a_server_that_does_not_know_merge_methods_allows_all_of_them() -> None:
    assert found(pull_request__allowed_merge_methods=None) == []
