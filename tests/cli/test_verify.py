"""`gitops-infra verify`, on a running forge on which nothing was provisioned; a provisioned one: tests/guarantee."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from gitops_infra.audit.verification.exposure import Exposure, Repair, Severity, Unverifiable
from gitops_infra.audit.verify import Verification
from gitops_infra.cli.verify import FailOn, _code
from gitops_infra.cli.verify_table import report, summary
from gitops_infra.sandbox.forge.server import Sandbox

Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def token(forge: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(forge.token("olivia") + "\n")
    return path


def exposure(severity: Severity = Severity.CRITICAL) -> Exposure:
    return Exposure(severity, "repository acme/shop", "code", "one", "two", "somebody", "Put it right", Repair.HAND)


HIDDEN = Unverifiable("repository acme/shop", "its keys", "the forge answered 403", "Give the token more")


def verification(*findings: Exposure, hidden: int = 0) -> Verification:
    looked = {"repositories": 1, "environments": 2, "clusters": 0}
    return Verification(findings, (HIDDEN,) * hidden, looked)


@pytest.mark.parametrize(
    ("found", "least", "code"),
    [
        (verification(), FailOn.MEDIUM, 0),
        (verification(exposure(Severity.INFO), exposure(Severity.LOW)), FailOn.MEDIUM, 0),
        (verification(exposure(Severity.LOW)), FailOn.LOW, 1),
        (verification(exposure(Severity.MEDIUM)), FailOn.MEDIUM, 1),
        (verification(exposure(Severity.HIGH)), FailOn.CRITICAL, 0),
        (verification(hidden=1), FailOn.MEDIUM, 3),
        (verification(exposure(Severity.LOW), hidden=1), FailOn.MEDIUM, 3),
        (verification(exposure(Severity.HIGH), hidden=1), FailOn.MEDIUM, 1),
    ],
)
def test_what_was_hidden_is_never_exit_code_0(found: Verification, least: FailOn, code: int) -> None:
    assert _code(found, least) == code


def test_the_words_of_the_option_are_the_severities() -> None:
    assert [each.value for each in FailOn] == [each.value for each in Severity]


def test_the_report_names_place_exploit_and_remedy() -> None:
    assert report(verification(exposure(), hidden=2)) == (
        "CRITICAL  repository acme/shop  [code]\n"
        " - expected one; found two\n"
        " - exploit: somebody\n"
        " - remedy: Put it right (by hand)\n"
        "\n"
        "NOT VERIFIABLE\n"
        " - repository acme/shop: its keys; repository acme/shop: its keys: the forge answered 403. Give the\n"
        "   token more.\n"
        "\n"
        "verify: looked at 1 repository, 2 environments: 1 critical, 2 not verifiable\n"
    )


def test_a_clean_one_is_a_single_line() -> None:
    assert summary(verification()) == "verify: looked at 1 repository, 2 environments: everything is as planned"


def test_what_is_missing_is_exit_code_1(cli: Cli, forge: Sandbox, topology: Path, token: Path) -> None:
    result = cli("verify", topology, "--token-file", token, "--base-url", forge.url)
    assert result.exit_code == 1
    assert "HIGH  repository acme/shop-env-staging  [repository-missing]" in result.stdout
    assert "CRITICAL  ruleset gitops: default branch of acme/shop  [ruleset-missing]" in result.stdout
    # Nothing more is said of what is in a repository that is not there.
    heads = [line for line in result.stdout.splitlines() if line.endswith("]")]
    assert [line for line in heads if "acme/shop-env-staging" in line] == [
        "HIGH  repository acme/shop-env-staging  [repository-missing]"
    ]
    assert result.stdout.rstrip().splitlines()[-1].startswith("verify: looked at 3 repositories, 3 environments: ")


def test_a_machine_reads_json(cli: Cli, forge: Sandbox, topology: Path, token: Path) -> None:
    result = cli("verify", topology, "--token-file", token, "--base-url", forge.url, "--json")
    told = json.loads(result.stdout)
    assert (told["format"], told["looked_at"]) == (1, {"repositories": 3, "environments": 3, "clusters": 0})
    assert set(told["findings"][0]) == {
        "severity",
        "where",
        "code",
        "expected",
        "found",
        "exploit",
        "remedy",
        "repair",
    }
    assert told["unverifiable"] == []


def test_a_token_that_sees_little_says_so(cli: Cli, forge: Sandbox, topology: Path, tmp_path: Path) -> None:
    """A member who may read: rulesets without bypass lists, no keys, no secrets."""
    tmp_path.joinpath("token").write_text(forge.token("rita"))
    result = cli("verify", topology, "--token-file", tmp_path / "token", "--base-url", forge.url, "--json")
    hidden = {(each["where"], each["what"]) for each in json.loads(result.stdout)["unverifiable"]}
    assert ("repository acme/shop", "its deploy keys") in hidden
    assert ("repository acme/shop", "its Actions permissions") not in hidden  # which an existing one keeps as they are
    assert ("repository acme/shop", "its workflow token") in hidden


def test_a_bad_token_is_one_line_that_does_not_show_it(
    cli: Cli, forge: Sandbox, topology: Path, tmp_path: Path
) -> None:
    tmp_path.joinpath("token").write_text("ghp_canary")
    result = cli("verify", topology, "--token-file", tmp_path / "token", "--base-url", forge.url)
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "gitops-infra: the forge does not accept the token: it is wrong, expired or revoked\n",
    )


def test_a_forge_out_of_reach_is_one_line(cli: Cli, topology: Path, token: Path) -> None:
    result = cli("verify", topology, "--token-file", token, "--base-url", "http://127.0.0.1:9")
    assert (result.exit_code, result.stderr) == (
        1,
        "gitops-infra: 127.0.0.1:9 cannot be reached: the connection was refused\n",
    )


def test_a_part_that_the_topology_does_not_have_is_refused(cli: Cli, topology: Path, token: Path) -> None:
    lines = topology.read_text().splitlines()
    inside = "\n".join(f"    {line}" for line in lines)
    topology.write_text(f"config:\n  gitops-infra:part: canary\n  gitops-infra:topology:\n{inside}\n")
    result = cli("verify", topology, "--token-file", token)
    assert result.exit_code == 1
    assert "the part 'canary' is neither `foundation` nor one of staging, production, review" in result.stderr


def test_a_second_run_counts_little_and_says_the_same(cli: Cli, forge: Sandbox, topology: Path, token: Path) -> None:
    """What GitHub has not changed is answered with 304, which it does not count."""
    arguments = ("verify", topology, "--token-file", token, "--base-url", forge.url, "--json")
    first = cli(*arguments)
    asked = len(forge.requests)
    second = cli(*arguments)
    assert second.stdout == first.stdout
    new = forge.requests[asked:]
    assert len(new) == asked
    assert [each.status for each in new if each.counted] == [404] * sum(each.counted for each in new)
    third = cli(*arguments, "--no-cache")
    assert third.stdout == first.stdout
    assert all(each.counted for each in forge.requests[asked + len(new) :])
