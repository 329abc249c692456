"""`gitops-infra plan`: offline, and the same to the byte."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]

SECTIONS = [
    "REPOSITORIES",
    "RULESETS OF acme/shop",
    "RULESETS OF acme/shop-env-staging",
    "RULESETS OF acme/shop-env-production",
    "ENVIRONMENTS",
    "CREDENTIALS",
    "VARIABLES AND SECRETS",
    "PROMOTIONS",
    "ENFORCEMENT",
    "ACCESS",
    "WHY, AND WHERE IT ENDS",
    "WHO CAN UNDO IT",
    "REQUESTS OF A FIRST `pulumi up`",
]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection or starts a process fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a plan needs no network and no process")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


@pytest.mark.parametrize("form", ["table", "json", "mermaid"])
def test_it_needs_nothing_and_says_the_same_twice(cli: Cli, topology: Path, form: str) -> None:
    first, second = cli("plan", topology, "--format", form), cli("plan", topology, "--format", form)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    assert first.stdout.endswith("\n")


def test_the_table_has_a_section_per_question_and_at_most_100_columns(cli: Cli, topology: Path) -> None:
    lines = cli("plan", topology).stdout.splitlines()
    assert lines[0] == "acme: organization, price plan enterprise"
    assert [line for line in lines if line and line in SECTIONS] == SECTIONS
    assert max(map(len, lines)) <= 100
    assert not [line for line in lines if line != line.rstrip() or not line.isascii() or "\x1b" in line]


def test_the_table_says_who_moves_a_branch(cli: Cli, topology: Path) -> None:
    lines = cli("plan", topology).stdout.splitlines()
    access = [line.split("  ")[0] for line in lines if "credential of production" in line]
    assert access == ["production"]
    assert " - Owners of the organisation acme have the role admin everywhere." in lines


def test_narrow_columns_lose_nothing(cli: Cli, topology: Path) -> None:
    """A long name is folded, not cut."""
    name = "a" * 100
    topology.write_text(topology.read_text().replace("name: staging", f"name: staging, state_repository: {name}"))
    text = cli("plan", topology).stdout
    assert "…" not in text
    assert name in text.replace("\n", "").replace(" ", "")


def test_json_is_one_document_of_format_1(cli: Cli, topology: Path) -> None:
    document = json.loads(cli("plan", topology, "--format", "json").stdout)
    assert (document["format"], [each["name"] for each in document["environments"]]) == (
        1,
        ["staging", "production", "review"],
    )


def test_one_environment_can_be_asked_for(cli: Cli, topology: Path) -> None:
    document = json.loads(cli("plan", topology, "--format", "json", "-e", "production").stdout)
    assert [each["name"] for each in document["environments"]] == ["production"]


def test_an_unknown_environment_names_the_known_ones(cli: Cli, topology: Path) -> None:
    result = cli("plan", topology, "--environment", "prod")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"gitops-infra: {topology} has no environment 'prod'. It has staging, production, review\n"
    )


def test_a_new_repository_has_its_workflows_among_its_files(cli: Cli, topology: Path) -> None:
    new = topology.read_text().replace("existing: true, ", "")
    topology.write_text(new)
    document = json.loads(cli("plan", topology, "--format", "json").stdout)
    assert ".github/workflows/promote-staging.yml" in document["repositories"][0]["files"]


def test_several_repositories_are_told_apart(cli: Cli, topology: Path) -> None:
    topology.write_text(topology.read_text() + "repositories: [{name: web, existing: true, visibility: private}]\n")
    text = cli("plan", topology).stdout
    assert "RULESETS OF acme/web-env-staging" in text
    assert "staging of web" in text


def test_a_mistake_is_told_with_its_place(cli: Cli, topology: Path) -> None:
    topology.write_text(topology.read_text().replace("kind", "kindd").replace("name: staging", "nmae: staging"))
    result = cli("plan", topology)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{topology}:5 environments[0].nmae" in result.stderr
