"""Ids of approvers, from the forge's answers."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra import ConfigurationError, DeploymentEnvironment
from gitops_infra.forges.github.approvers import parse_id
from gitops_infra.plan.model import Approver


def test_the_id_of_a_user_and_of_a_team_is_read() -> None:
    assert parse_id("acme", Approver(user="ann"), code=200, body='{"login": "ann", "id": 8}') == 8
    assert parse_id("acme", Approver(team="platform"), code=200, body='{"id": 7}') == 7


@pytest.mark.parametrize(
    ("approver", "code", "body", "text"),
    [
        (Approver(team="platfrom"), 404, "{}", "reviewer team acme/platfrom: the forge knows no team acme/platfrom"),
        (Approver(user="anne"), 404, "", "reviewer user anne: the forge knows no user anne (it answered 404)"),
        (Approver(user="anne"), 200, "{}", "reviewer user anne: the forge knows no user anne (it answered 200)"),
    ],
)
def test_an_unknown_approver_is_named(approver: Approver, code: int, body: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_id("acme", approver, code=code, body=body)
    assert text in str(refused.value)
    assert "Correct the name, or give the numeric `id`" in str(refused.value)


def test_an_unknown_approver_ends_the_program_before_any_secret_exists(record: Callable[..., Any]) -> None:
    args = {
        "owner": "acme",
        "github_plan": "team",
        "application": {"name": "shop", "existing": True, "visibility": "public"},
        "environment": {"name": "staging", "reviewers": [{"user": "nobody"}]},
    }
    with pytest.raises(ConfigurationError, match="the forge knows no user nobody"):
        record(lambda: DeploymentEnvironment("staging", args), answers={"users/nobody": {"code": 404, "body": "{}"}})
