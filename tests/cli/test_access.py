"""`gitops-infra access`: who can change production, how, and what stops the others; offline, the same to the byte."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]

DEGRADED = """\
owner: acme
github_plan: team
application: {name: shop, existing: true, visibility: private}
environments:
  - {name: staging, isolation: shared, accept_shared_bypass: true}
  - {name: qa, kind: staging, isolation: shared, accept_shared_bypass: true}
  - {name: production, reviewers: [{team: platform}], allow_degraded: true}
"""


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection or starts a process fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a prediction needs no network and no process")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


def section(text: str, title: str) -> str:
    """What stands below that title, up to the next one; one space between words."""
    found = text.partition(f"\n{title}\n")[2].partition("\n\n")[0]
    return " ".join(found.split())


@pytest.mark.parametrize("options", [(), ("--all",), ("--format", "json"), ("--format", "mermaid")])
def test_it_needs_nothing_and_says_the_same_twice(cli: Cli, topology: Path, options: tuple[str, ...]) -> None:
    first, second = cli("access", topology, *options), cli("access", topology, *options)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    assert first.stdout.endswith("\n")


@pytest.mark.parametrize("options", [(), ("production",), ("--all",), ("production", "--all")])
def test_the_text_has_at_most_100_columns_of_plain_characters(
    cli: Cli, topology: Path, options: tuple[str, ...]
) -> None:
    topology.write_text(topology.read_text().replace("{name: staging}", f"{{name: {'staging-' * 4}1, kind: staging}}"))
    lines = cli("access", topology, *options).stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert not [line for line in lines if line != line.rstrip() or not line.isascii() or "\x1b" in line]


def test_environments_for_which_the_same_holds_are_told_together(cli: Cli, topology: Path) -> None:
    """Five screens for three environments, or for thirty, is what nobody reads."""
    more = "".join(f"  - {{name: qa{number}, kind: staging}}\n" for number in range(30))
    topology.write_text(topology.read_text() + more)
    text = cli("access", topology).stdout
    assert text.count("WHAT STOPS THE OTHERS: ") == 1
    assert "WHAT STOPS THE OTHERS: staging, production, qa0 and 29 more" in text
    assert len(text.splitlines()) < 400
    assert "every other credential" in text


def test_it_says_who_moves_production_and_what_is_left_to_others_than_the_forge(cli: Cli, topology: Path) -> None:
    text = cli("access", topology, "production").stdout
    movers = section(text, "WHO MOVES IT")
    assert "production env/production credential of nobody job of the default" in movers
    may = section(text, "WHO MAY DO WHAT: production")
    assert "push foreign commits its branch promotion job, audit" in may
    assert "edit the policy its environment audit" in may
    assert "staging" not in movers


def test_it_says_what_stops_each_of_the_others(cli: Cli, topology: Path) -> None:
    text = section(cli("access", topology, "production").stdout, "WHAT STOPS THE OTHERS: production")
    for words in (
        "outsider everything role: no role; the repository is private",
        "developer, maintainer push, force, merge, create ruleset gitops: production writers",
        "rename ruleset gitops: production locked branches",
        "expired token everything authentication: the token has expired",
        "credential of staging everything scope of the deploy key: a deploy key authenticates to its own repository",
    ):
        assert words in text


def test_it_says_who_changes_it_indirectly_with_steps_and_what_is_in_the_way(cli: Cli, topology: Path) -> None:
    text = section(cli("access", topology, "production").stdout, "WHO CHANGES IT INDIRECTLY")
    for words in (
        "owners of the organisation do what an admin can, in production audit acme every repository",
        "1. take the private key production audit",
        "production review, approval, audit",
        "the approvers: team platform let a promotion job start production promotion job",
    ):
        assert words in text


def test_a_degraded_mode_is_shown_as_what_it_is(cli: Cli, topology: Path) -> None:
    topology.write_text(DEGRADED)
    text = cli("access", topology).stdout
    document = json.loads(cli("access", topology, "--format", "json").stdout)
    movers = {each["environment"]: each["movers"] for each in document["environments"]}
    assert movers["staging"] == movers["qa"] == ["credential of staging", "credential of qa"]
    assert "1 other credential push commits of the default its branch promotion job" in section(
        text, "WHO MAY DO WHAT: staging, qa"
    )
    assert "whoever has any write deploy" in section(text, "WHO CHANGES IT INDIRECTLY")
    lost = section(text, "ASKED FOR, AND NOT HELD")
    assert "staging isolated_credential GitHub's bypass for deploy keys means every write key of shop" in lost
    assert "production required_reviewers GitHub offers it for public repositories" in lost
    assert "which has no such rule." in section(text, "WHERE THE RULES END")


def test_an_environment_called_like_a_word_of_the_text_does_not_spoil_it(cli: Cli, topology: Path) -> None:
    """`a` is a word, and part of nearly all the others."""
    more = "".join(f"  - {{name: {name}, kind: staging}}\n" for name in ("a", "role", "is"))
    topology.write_text(topology.read_text().replace("name: shop", "name: a") + more)
    text = cli("access", topology).stdout
    reasons = section(text, "WHAT STOPS THE OTHERS: staging, production, a and 2 more")
    assert "reader everything but read role read" in reasons
    assert "outsider everything role: no role; the repository is private" in reasons


def test_nothing_is_said_to_be_lost_where_all_is_held(cli: Cli, topology: Path) -> None:
    text = topology.read_text().replace("visibility: private", "visibility: private, code_owners: true")
    topology.write_text(text)
    assert "ASKED FOR" not in cli("access", topology).stdout


def test_with_all_every_place_is_told_with_every_verdict(cli: Cli, topology: Path) -> None:
    text = cli("access", topology, "production", "--all").stdout
    document = json.loads(cli("access", topology, "production", "--format", "json").stdout)
    titles = [f"{place['ref']} of {place['repository']}" for place in document["places"]]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert "refs/heads/env/new of acme/shop-env-production" in titles
    assert "settings of acme/shop" in titles


def test_json_is_one_document_of_format_1_with_rule_mechanism_and_guards(cli: Cli, topology: Path) -> None:
    document = json.loads(cli("access", topology, "--format", "json").stdout)
    assert list(document) == ["format", "owner", "environments", "places", "indirect"]
    assert document["format"] == 1
    [branch] = [place for place in document["places"] if place["ref"] == "refs/heads/env/production"]
    [delete] = [each for each in branch["verdicts"] if each["operations"] == ["delete"]]
    assert delete == {
        "actors": ["developer", "maintainer", "admin", "owner", "provisioner", "credential of production"],
        "operations": ["delete"],
        "allowed": False,
        "rule": "gitops: production integrity: deletion",
        "mechanism": "ruleset",
        "guards": ["forge"],
    }


def test_several_repositories_are_told_apart(cli: Cli, topology: Path) -> None:
    topology.write_text(topology.read_text() + "repositories: [{name: web, existing: true, visibility: private}]\n")
    text = cli("access", topology).stdout
    assert "staging of web" in text
    assert "all of web" in section(text, "WHO CHANGES IT INDIRECTLY")


def test_a_review_environment_has_no_branch_that_anybody_moves(cli: Cli, topology: Path) -> None:
    text = cli("access", topology, "review").stdout
    assert "review - nobody nobody job of a feature branch" in section(text, "WHO MOVES IT")
    assert "WHAT STOPS THE OTHERS" not in text
    assert "WHO CHANGES IT INDIRECTLY" not in text


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--format", "mermaid")])
def test_an_unknown_environment_names_the_known_ones(cli: Cli, topology: Path, options: tuple[str, ...]) -> None:
    result = cli("access", topology, "prod", *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"gitops-infra: {topology} has no environment 'prod'. It has staging, production, review\n"
    )


def test_a_mistake_is_told_with_its_place(cli: Cli, topology: Path) -> None:
    topology.write_text(topology.read_text().replace("name: staging", "nmae: staging"))
    result = cli("access", topology)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{topology}:5 environments[0].nmae" in result.stderr
