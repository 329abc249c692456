"""`gitops-infra sandbox`: a life of the stand-in forge, through the command line only."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
from typer.testing import Result

from gitops_infra.cli.sandbox import default_directory

Cli = Callable[..., Result]
NOT_RUNNING = "gitops-infra: the sandbox forge does not run. Start it with `gitops-infra sandbox up`\n"


def test_it_starts_answers_keeps_its_state_and_ends(cli: Cli, tmp_path: Path) -> None:
    try:
        started = json.loads(cli("sandbox", "up", "--json").stdout)
        assert json.loads(cli("sandbox", "up", "--json").stdout) == started
        assert json.loads(cli("sandbox", "status", "--json").stdout) == started
        assert set(started) == {"running", "url", "ssh_port", "pid"}
        token = cli("sandbox", "token", "dana").stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{started['url']}/api/v3/user", headers=headers, trust_env=False)
        assert answer.json()["login"] == "dana"
        assert cli("sandbox", "token", "provisioner", "--app").stdout.startswith("ghs_")
        assert cli("sandbox", "token", "nobody").exit_code == 1
        assert cli("sandbox", "down").stdout == "the sandbox forge is stopped\n"
        again = json.loads(cli("sandbox", "up", "--json").stdout)
        answer = httpx.get(f"{again['url']}/api/v3/user", headers=headers, trust_env=False)
        assert answer.json()["login"] == "dana"
        assert json.loads(cli("sandbox", "reset", "--json").stdout)["url"] == again["url"]
        answer = httpx.get(f"{again['url']}/api/v3/user", headers=headers, trust_env=False)
        assert answer.status_code == 401
    finally:
        cli("sandbox", "down")
    assert (tmp_path / "state" / "gitops-infra" / "sandbox").is_dir()


def test_one_that_does_not_run_says_how_to_start_it(cli: Cli) -> None:
    for arguments in (("status",), ("token", "dana")):
        result = cli("sandbox", *arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", NOT_RUNNING)
    assert json.loads(cli("sandbox", "status", "--json").stdout) == {"running": False}
    assert cli("sandbox", "down").stdout == "the sandbox forge did not run\n"


def test_a_folder_that_holds_something_else_is_not_emptied(cli: Cli, tmp_path: Path) -> None:
    tmp_path.joinpath("thesis.txt").write_text("years of work")
    result = cli("sandbox", "reset", "--directory", tmp_path)
    assert result.exit_code == 1
    assert tmp_path.joinpath("thesis.txt").exists()


def test_the_doctor_reports_in_both_forms(cli: Cli) -> None:
    found = {finding["program"] for finding in json.loads(cli("sandbox", "doctor", "--json").stdout)}
    assert {"python", "git", "pulumi", "github provider", "go"} <= found
    assert "python" in cli("sandbox", "doctor").stdout


def test_state_is_where_the_xdg_specification_says(tmp_path: Path) -> None:
    assert default_directory() == tmp_path / "state" / "gitops-infra" / "sandbox"
