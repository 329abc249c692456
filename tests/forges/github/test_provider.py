"""The provider factory: settings, secret marks, and what it refuses."""

import json
import os
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from gitops_infra import AppAuth, ConfigurationError, configured_provider, github_provider


def test_token_is_secret_and_the_parallel_client_is_used(record: Callable[..., Any]) -> None:
    (made,) = record(lambda: github_provider("github", owner="acme", token="TOKEN-CANARY")).resources
    assert made.inputs == {
        "owner": "acme",
        "token": "TOKEN-CANARY",
        "baseUrl": "https://api.github.com/",
        "legacyClient": "false",
    }
    assert made.secrets == {"token"}


def test_the_key_of_an_app_is_secret_as_a_whole_setting(record: Callable[..., Any]) -> None:
    """The SDK marks only the token."""
    auth = AppAuth(id="1", installation_id="2", pem="PEM-CANARY")
    (made,) = record(lambda: github_provider("github", owner="acme", app_auth=auth)).resources
    assert made.secrets == {"appAuth"}
    assert "PEM-CANARY" in str(made.inputs["appAuth"])
    assert "PEM-CANARY" not in repr(auth)


def test_the_token_of_the_environment_is_enough(record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "TOKEN-CANARY")
    (made,) = record(lambda: github_provider("github", owner="acme")).resources
    assert made.secrets == {"token"}


@pytest.mark.parametrize("variable", ["GITHUB_OWNER", "GITHUB_ORGANIZATION"])
def test_another_owner_in_the_environment_is_refused(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The provider would follow it, and change the repositories of somebody else."""
    monkeypatch.setenv(variable, "other")
    with pytest.raises(ConfigurationError) as refused:
        record(lambda: github_provider("github", owner="acme", token="TOKEN-CANARY"))
    assert str(refused.value).splitlines()[1:] == [
        (
            f"  - environment variable {variable}: it names another owner than 'acme', and the GitHub provider would "
            f"follow it. Run `unset {variable}`, or set it to acme. [owner-contradiction]"
        )
    ]


def test_the_same_owner_in_other_letters_is_accepted(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OWNER", "ACME")
    assert record(lambda: github_provider("github", owner="acme", token="t")).resources


def test_no_credential_and_two_credentials_are_refused(record: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="neither a token nor App credentials"):
        record(lambda: github_provider("github", owner="acme"))
    auth = AppAuth(id="1", installation_id="2", pem="PEM-CANARY")
    with pytest.raises(ConfigurationError, match="both a token and App credentials") as refused:
        record(lambda: github_provider("github", owner="acme", token="TOKEN-CANARY", app_auth=auth))
    assert "CANARY" not in str(refused.value)


def configured(record: Callable[..., Any], **config: str) -> Any:
    """The provider that the stack's configuration describes."""
    settings = {f"github:{key}": value for key, value in config.items()}
    secret = tuple(key for key in settings if not key.endswith("baseUrl"))
    recorded = record(lambda: configured_provider("github", owner="acme"), config=settings, secret_keys=secret)
    (made,) = recorded.resources
    return made


APP = {"id": 17, "installationId": "23", "pemFile": "PEM-CANARY"}


def test_an_app_of_the_configuration_is_used_and_no_token_beside_it(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK would add the environment's, which is another one at every run of a workflow."""
    monkeypatch.setenv("GITHUB_TOKEN", "TOKEN-CANARY")
    made = configured(record, appAuth=json.dumps(APP), baseUrl="https://github.acme.example/")
    assert made.secrets == {"appAuth"}
    assert "token" not in made.inputs
    assert json.loads(made.inputs["appAuth"]) == {"id": "17", "installationId": "23", "pemFile": "PEM-CANARY"}
    assert made.inputs["baseUrl"] == "https://github.acme.example/"
    assert os.environ["GITHUB_TOKEN"] == "TOKEN-CANARY"


def test_a_token_of_the_configuration_comes_before_that_of_the_environment(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ambient")
    made = configured(record, token="TOKEN-CANARY")
    assert made.inputs["token"] == "TOKEN-CANARY"
    assert made.secrets == {"token"}


@pytest.mark.parametrize(
    ("app", "missing"),
    [
        ({**APP, "pemFile": ""}, "pemFile"),
        ({"id": 17, "pemFile": "PEM-CANARY"}, "installationId"),
        ({**APP, "id": True}, "id"),
    ],
)
def test_an_app_of_the_configuration_must_be_complete(record: Callable[..., Any], app: Any, missing: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(record, appAuth=json.dumps(app))
    assert f"`{missing}` is missing" in str(refused.value)
    assert f"pulumi config set --path --secret github:appAuth.{missing}" in str(refused.value)
    assert "CANARY" not in str(refused.value)


def test_two_credentials_of_the_configuration_are_refused(record: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="both a token and App credentials"):
        configured(record, appAuth=json.dumps(APP), token="TOKEN-CANARY")


def test_a_refusal_ends_the_program_without_a_traceback() -> None:
    assert issubclass(ConfigurationError, pulumi.RunError)
