"""`gitops-infra preflight`, on a running forge."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from gitops_infra.sandbox.forge.server import Sandbox

Cli = Callable[..., Result]


def test_a_fitting_forge_is_exit_code_0(
    cli: Cli, forge: Sandbox, topology: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", forge.token("olivia"))
    monkeypatch.setenv("GITHUB_BASE_URL", forge.url)
    result = cli("preflight", topology)
    assert (result.exit_code, result.stdout) == (0, "preflight: nothing stands in the way of `pulumi up`\n")
    assert result.stderr.startswith("warning: token: it is a personal token of olivia")


def test_findings_are_lines_on_stderr_and_exit_code_1(cli: Cli, forge: Sandbox, topology: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("token").write_text(forge.token("olivia") + "\n")
    topology.write_text(topology.read_text().replace("name: shop", "name: shoq"))
    result = cli("preflight", topology, "--token-file", tmp_path / "token", "--base-url", forge.url)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("error: repository acme/shoq: it does not exist")
    assert lines[-1] == "preflight: 1 to put right before `pulumi up`"


def test_a_machine_reads_json(cli: Cli, forge: Sandbox, topology: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("token").write_text("ghp_wrong")
    result = cli("preflight", topology, "--token-file", tmp_path / "token", "--base-url", forge.url, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["errors"], [finding["code"] for finding in report["findings"]]) == (1, ["bad-token"])
    assert set(report["findings"][0]) == {"severity", "where", "code", "reason", "remedy"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no token. Set GITHUB_TOKEN, or name a file that holds it with --token-file"),
        (("--token-file", "absent"), "the token file absent cannot be read: No such file or directory"),
        (("--token-file", "/dev/null"), "the token file /dev/null is empty"),
    ],
)
def test_without_a_token_nothing_is_asked(cli: Cli, topology: Path, arguments: tuple[str, ...], message: str) -> None:
    result = cli("preflight", topology, *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"gitops-infra: {message}\n")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9", "127.0.0.1:9 cannot be reached: the connection was refused"),
        ("http://git.acme.example", "http://git.acme.example would send the token in clear text; use https"),
        ("nonsense", "the base URL must look like https://github.example.com"),
    ],
)
def test_a_forge_out_of_reach_is_one_line_without_the_token(
    cli: Cli, topology: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_canary")
    result = cli("preflight", topology, "--base-url", url)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"gitops-infra: {message}\n")


def test_a_token_with_a_line_break_is_refused_unseen(cli: Cli, topology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_canary\nghp_canary")
    result = cli("preflight", topology)
    assert result.exit_code == 1
    assert "canary" not in result.output
    assert result.stderr.startswith("gitops-infra: the token is empty or holds characters that no token has")


def test_a_stack_needs_pulumi(cli: Cli, topology: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = cli("preflight", topology, "--stack", "dev")
    assert (result.exit_code, result.stderr) == (
        1,
        "gitops-infra: there is no `pulumi` on PATH; install it, or put the sandbox's on PATH\n",
    )


def test_what_the_stack_made_is_not_reported(
    cli: Cli, forge: Sandbox, topology: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export is a file here: `pulumi` on PATH is a script that prints it."""
    made = {"type": "github:index/repository:Repository", "inputs": {"name": "shop-env-staging"}}
    tmp_path.joinpath("export.json").write_text(json.dumps({"deployment": {"resources": [made]}}))
    script = tmp_path / "bin" / "pulumi"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/export.json\n")
    script.chmod(0o755)
    subprocess.run([str(script)], check=True, capture_output=True)
    forge.add_repository("acme/shop-env-staging")
    monkeypatch.setenv("GITHUB_TOKEN", forge.token("olivia"))
    monkeypatch.setenv("GITHUB_BASE_URL", forge.url)
    assert cli("preflight", topology).exit_code == 1
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    assert cli("preflight", topology, "--stack", "dev").exit_code == 0


def test_a_kubeconfig_is_given_for_a_cluster(
    cli: Cli, forge: Sandbox, topology: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", forge.token("olivia"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    text = topology.read_text().replace("{name: staging}", "{name: staging, cluster: eu}")
    topology.write_text(f"{text}clusters: [{{name: eu}}]\n")
    arguments = ("preflight", topology, "--base-url", forge.url, "--json")
    findings = json.loads(cli(*arguments).stdout)["findings"]
    assert [each["code"] for each in findings if each["where"] == "cluster eu"] == ["cluster-not-checked"]
    tmp_path.joinpath("kubeconfig").write_text("token: canary\n")
    result = cli(*arguments, "--kubeconfig", f"eu={tmp_path / 'kubeconfig'}")
    findings = json.loads(result.stdout)["findings"]
    assert [each["code"] for each in findings if each["where"] == "cluster eu"] == ["cluster-bad-kubeconfig"]
    assert (result.exit_code, "canary" in result.output) == (1, False)
