"""The stack program with a stack's configuration, from end to end."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from ruamel.yaml import YAML

from gitops_infra import ConfigurationError

ROOT = Path(__file__).parents[2]
ANSWERS = {"orgs/acme/teams/platform": {"code": 200, "body": '{"id": 7}'}}


def _program() -> None:
    runpy.run_path(str(ROOT / "stacks" / "__main__.py"))


def _config() -> dict[str, Any]:
    config: dict[str, Any] = YAML(typ="safe").load((ROOT / "stacks/config/Pulumi.shop.yaml").read_text())["config"]
    return config


def _texts(config: dict[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


@pytest.fixture(autouse=True)
def _token(record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """After `record`, which clears the ambient ones."""
    monkeypatch.setenv("GITHUB_TOKEN", "TOKEN-CANARY")


@pytest.mark.parametrize("preview", [True, False])
def test_the_stack_in_the_repository_is_complete(record: Callable[..., Any], *, preview: bool) -> None:
    recorded = record(_program, config=_texts(_config()), preview=preview, answers=ANSWERS)
    assert [one.name for one in recorded.every("DeploymentEnvironment")] == [
        "shop-production",
        "shop-review",
        "shop-staging",
    ]
    assert set(recorded.exports) == {"environments", "access", "enforcement", "retained", "foundation"}
    assert len(recorded.calls) == 1


def test_every_github_resource_uses_the_provider_of_the_topology_s_owner(record: Callable[..., Any]) -> None:
    config = _config() | {"github:baseUrl": "https://github.acme.example/"}
    recorded = record(_program, config=_texts(config), answers=ANSWERS)
    (provider,) = [one for one in recorded.resources if one.type == "pulumi:providers:github"]
    assert provider.inputs["owner"] == "acme"
    assert provider.inputs["baseUrl"] == "https://github.acme.example/"
    assert "token" in provider.secrets
    used = {one.provider.rsplit("::", 1)[0] for one in recorded.resources if one.type.startswith("github:")}
    assert used == {provider.urn}


def test_a_secret_of_the_configuration_reaches_its_environment(record: Callable[..., Any]) -> None:
    config = _config()
    config["gitops-infra:topology"]["environments"][0]["secrets"] = {"PAGER_TOKEN": "pager"}
    config["gitops-infra:pager"] = "SECRET-CANARY"
    recorded = record(_program, config=_texts(config), secret_keys=("gitops-infra:pager",), answers=ANSWERS)
    secret = recorded.one("ActionsEnvironmentSecret", "shop-staging-ci-secret-PAGER_TOKEN")
    assert secret.inputs["value"] == "SECRET-CANARY"
    assert "value" in secret.secrets


def test_missing_and_plain_secrets_are_refused_together_without_their_values(record: Callable[..., Any]) -> None:
    config = _config()
    config["gitops-infra:topology"]["environments"][0]["secrets"] = {"ONE": "plain", "TWO": "absent", "KEY": "db:key"}
    config["gitops-infra:plain"] = "SECRET-CANARY"
    config["db:key"] = "SECRET-CANARY"
    with pytest.raises(ConfigurationError) as refused:
        record(_program, config=_texts(config), answers=ANSWERS)
    assert str(refused.value).splitlines() == [
        "3 problems in the topology:",
        (
            "  - environments[0].secrets.KEY: the stack's configuration holds 'db:key' in plain text. "
            "Run `pulumi config set --secret db:key` and replace the value: it may have been read. "
            "[secret-in-plain-text]"
        ),
        (
            "  - environments[0].secrets.ONE: the stack's configuration holds 'gitops-infra:plain' in plain text. "
            "Run `pulumi config set --secret gitops-infra:plain` and replace the value: it may have been read. "
            "[secret-in-plain-text]"
        ),
        (
            "  - environments[0].secrets.TWO: the stack's configuration has no value 'gitops-infra:absent'. "
            "Run `pulumi config set --secret gitops-infra:absent`. [secret-not-given]"
        ),
    ]


def test_a_base_file_is_found_from_the_folder_of_the_project(
    record: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the engine tells no folder, that is the project around the current one."""
    (tmp_path / "Pulumi.yaml").write_text("name: gitops-infra\nruntime: python\n")
    topology = _config()["gitops-infra:topology"]
    topology["environments"][0]["secrets"] = {"PAGER_TOKEN": "pager"}
    with (tmp_path / "base.yaml").open("w") as file:
        YAML(typ="safe").dump(topology, file)
    (tmp_path / "program").mkdir()
    monkeypatch.chdir(tmp_path / "program")
    config = {
        "gitops-infra:topology": {"extends": "base.yaml", "application": {"name": "blog"}},
        "gitops-infra:pager": "SECRET-CANARY",
    }
    recorded = record(_program, config=_texts(config), secret_keys=("gitops-infra:pager",), answers=ANSWERS)
    assert [one.name for one in recorded.every("DeploymentEnvironment")] == [
        "blog-production",
        "blog-review",
        "blog-staging",
    ]
    secret = recorded.one("ActionsEnvironmentSecret", "blog-staging-ci-secret-PAGER_TOKEN")
    assert "value" in secret.secrets


def test_a_base_file_that_is_missing_ends_the_program_with_a_text(
    record: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigurationError, match=r"extends: 'base\.yaml' does not exist in the project\. Give its path"
    ):
        record(_program, config={"gitops-infra:topology": json.dumps({"extends": "base.yaml"})})


def test_an_encrypted_topology_is_refused_without_showing_it(record: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="the topology is encrypted") as refused:
        record(_program, config=_texts(_config()), secret_keys=("gitops-infra:topology",), answers=ANSWERS)
    assert "acme" not in str(refused.value)


@pytest.mark.parametrize(
    ("stack", "secrets", "made"),
    [
        pytest.param("foundation", (), ["shop-application"], id="foundation"),
        pytest.param("staging", ("stagingPager",), ["shop-staging"], id="staging"),
        pytest.param("production", ("productionPager",), ["shop-production"], id="production"),
    ],
)
def test_the_stacks_of_a_layout_make_their_own_part_of_one_topology(
    record: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    stack: str,
    secrets: tuple[str, ...],
    made: list[str],
) -> None:
    """And need the secrets of their own part only."""
    folder = ROOT / "examples" / "stack-per-environment"
    monkeypatch.chdir(folder)
    config = YAML(typ="safe").load((folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    keys = tuple(f"gitops-infra:{secret}" for secret in secrets)
    recorded = record(
        _program,
        config=_texts(config | dict.fromkeys(keys, "SECRET-CANARY")),
        secret_keys=keys,
        answers=ANSWERS,
        outputs={"organization/gitops-infra/foundation": {"foundation": {"acme/shop": "refs/heads/main"}}},
    )
    parts = [*recorded.every("ApplicationRepository"), *recorded.every("DeploymentEnvironment")]
    assert [one.name for one in parts] == made
    assert recorded.exports["foundation"] == {"acme/shop": "refs/heads/main"}


def test_a_stack_without_a_topology_ends_with_a_text(record: Callable[..., Any]) -> None:
    with pytest.raises(pulumi.RunError, match="gitops-infra:topology"):
        record(_program)


def test_the_program_is_short() -> None:
    assert len((ROOT / "stacks" / "__main__.py").read_text().splitlines()) <= 30
