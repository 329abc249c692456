"""What CiVariables registers."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import CiVariables, CiVariablesArgs, ConfigurationError

ARGS = {
    "repository": "shop",
    "environment": "staging",
    "variables": {"LOG_LEVEL": "debug", "AREA": "north"},
    "secrets": {"PAGER_TOKEN": "SECRET-CANARY"},
}


def test_each_variable_and_secret_belongs_to_the_environment(record: Callable[..., Any]) -> None:
    recorded = record(lambda: CiVariables("ci", ARGS))

    assert recorded.names() == [
        ("ActionsEnvironmentSecret", "ci-secret-PAGER_TOKEN"),
        ("ActionsEnvironmentVariable", "ci-variable-AREA"),
        ("ActionsEnvironmentVariable", "ci-variable-LOG_LEVEL"),
        ("CiVariables", "ci"),
    ]
    assert recorded.one("ActionsEnvironmentVariable", "ci-variable-AREA").inputs == {
        "repository": "shop",
        "environment": "staging",
        "variableName": "AREA",
        "value": "north",
    }


def test_a_secret_given_as_plain_text_is_still_registered_as_secret(record: Callable[..., Any]) -> None:
    secret = record(lambda: CiVariables("ci", ARGS)).one("ActionsEnvironmentSecret")
    assert secret.inputs["value"] == "SECRET-CANARY"
    assert "value" in secret.secrets


def test_secrets_are_not_in_the_text_of_the_arguments() -> None:
    """Programs print arguments while they are being written."""
    assert "SECRET-CANARY" not in repr(CiVariablesArgs.model_validate(ARGS))


def test_variables_are_retained_with_the_component_and_secrets_never(record: Callable[..., Any]) -> None:
    options = pulumi.ResourceOptions(retain_on_delete=True)
    recorded = record(lambda: CiVariables("ci", ARGS, options))
    assert {one.retain for one in recorded.every("ActionsEnvironmentVariable")} == {True}
    assert {one.retain for one in recorded.every("ActionsEnvironmentSecret")} == {False}


def test_names_are_outputs(record: Callable[..., Any]) -> None:
    def program() -> None:
        made = CiVariables("ci", ARGS)
        pulumi.export("variables", made.variable_names)
        pulumi.export("secrets", made.secret_names)

    assert record(program).exports == {"variables": ["AREA", "LOG_LEVEL"], "secrets": ["PAGER_TOKEN"]}


def test_refused_names_are_said_together_without_any_value(record: Callable[..., Any]) -> None:
    args = {
        "repository": "shop",
        "environment": "staging",
        "variables": {"GITHUB_X": "1", "both": "2"},
        "secrets": {"BOTH": "SECRET-CANARY", "1ST": "SECRET-CANARY"},
    }

    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            CiVariables("ci", args)
        assert {(problem.where, problem.code) for problem in refused.value.problems} == {
            ("variables.GITHUB_X", "variable-name"),
            ("secrets.BOTH", "variable-and-secret"),
            ("secrets['1ST']", "secret-name"),
        }
        assert "SECRET-CANARY" not in str(refused.value)

    assert record(program).resources == []
