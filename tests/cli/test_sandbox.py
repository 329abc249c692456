"""`gitops-infra sandbox`: a life of the stand-in forge, through the command line only."""

import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import Result

from gitops_infra.cli.sandbox import default_directory

Cli = Callable[..., Result]
NOT_RUNNING = "gitops-infra: the sandbox forge does not run. Start it with `gitops-infra sandbox up`\n"


def test_it_starts_answers_keeps_its_state_and_ends(cli: Cli, tmp_path: Path) -> None:
    try:
        started = json.loads(cli("sandbox", "up", "--json").stdout)
        assert json.loads(cli("sandbox", "up", "--json").stdout) == started
        assert json.loads(cli("sandbox", "status", "--json").stdout) == started
        assert set(started) == {"running", "url", "ssh_port", "known_hosts", "pid"}
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


def test_with_tls_it_says_what_to_trust(cli: Cli) -> None:
    try:
        started = json.loads(cli("sandbox", "up", "--tls", "--json").stdout)
        trusting = ssl.create_default_context(cafile=started["ca_file"])
        answer = httpx.get(f"{started['tls_url']}/api/v3/meta", verify=trusting, trust_env=False)
        assert answer.status_code == 200
        assert (
            f"with TLS at {started['tls_url']}, to be trusted by {started['ca_file']}\n"
            in cli("sandbox", "status").stdout
        )
    finally:
        cli("sandbox", "down")


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


def test_an_application_of_ones_own_goes_in_with_its_history(cli: Cli, tmp_path: Path) -> None:
    """A folder of files gets a first commit; a repository keeps its branches and tags."""
    source = tmp_path / "My shop"
    source.mkdir()
    source.joinpath("app.py").write_text("print('shop')\n")
    state = json.loads(cli("sandbox", "up", "--json").stdout)
    try:
        assert cli("sandbox", "add", source, "--visibility", "public").stdout == "acme/My-shop, default branch main\n"
        live = httpx.get(f"{state['url']}/api/v3/repos/acme/My-shop/contents/app.py").json()
        assert live["path"] == "app.py"
        again = cli("sandbox", "add", source)
        assert again.exit_code == 1
        assert again.stderr == ("gitops-infra: Repository creation failed: name already exists on this account\n")
        empty = cli("sandbox", "add", tmp_path / "nowhere")
        assert empty.stderr == f"gitops-infra: {tmp_path / 'nowhere'} is not a folder; name a git repository\n"
    finally:
        cli("sandbox", "down")


@pytest.mark.engine
def test_the_printed_variables_lead_pulumi_to_the_sandbox(cli: Cli, tmp_path: Path) -> None:
    """A shell that evaluates them runs the sandbox's engine on the sandbox's state, and no passphrase is printed."""
    state = json.loads(cli("sandbox", "up", "--json").stdout)
    try:
        printed = cli("sandbox", "env").stdout
        assert "PASSPHRASE" not in printed
        script = f'{printed}\npulumi whoami --verbose; echo "forge $GITHUB_BASE_URL"'
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert f"forge {state['url']}/" in done.stdout
        assert str(tmp_path / "state") in done.stdout, done.stderr
    finally:
        cli("sandbox", "down")
