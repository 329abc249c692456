"""`gitops-infra schema`."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Cli = Callable[..., Result]


def test_it_writes_the_schema_and_finds_it_up_to_date(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "stack.schema.json"
    assert cli("schema", "-o", file).exit_code == 0
    assert json.loads(file.read_text())["properties"]["config"]["required"] == ["gitops-infra:topology"]
    assert cli("schema", "--check", "-o", file).exit_code == 0


def test_a_dash_is_standard_output(cli: Cli) -> None:
    assert json.loads(cli("schema", "-o", "-").stdout)["type"] == "object"


def test_a_stale_schema_fails_the_check_and_stays_as_it_is(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "stack.schema.json"
    file.write_text("{}\n")
    result = cli("schema", "--check", "-o", file)
    assert (result.exit_code, result.stdout, file.read_text()) == (1, "", "{}\n")
    assert result.stderr == (
        f"gitops-infra: {file} is stale: the topology's models have changed. Run: gitops-infra schema -o {file}\n"
    )


def test_a_missing_schema_fails_the_check(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "stack.schema.json"
    result = cli("schema", "--check", "-o", file)
    assert result.exit_code == 1
    assert result.stderr == f"gitops-infra: {file} is missing. Run: gitops-infra schema -o {file}\n"


def test_a_place_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("")
    result = cli("schema", "-o", tmp_path / "file" / "schema.json")
    assert result.exit_code == 1
    assert result.stderr == f"gitops-infra: {tmp_path}/file/schema.json cannot be written: File exists\n"
