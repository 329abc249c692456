"""`gitops-infra adopt`, without an engine. The whole of it is in tests/engine/test_adopt.py."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from gitops_infra.sandbox.forge.server import Sandbox

Cli = Callable[..., Result]


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge") as running:
        running.add_user("olivia")
        running.add_organization("acme", owners=["olivia"], price_plan="team")
        running.add_repository("acme/shop", auto_init=True)
        yield running


def test_a_repository_is_printed_as_a_piece_of_a_topology(
    cli: Cli, forge: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", forge.token("olivia"))
    result = cli("adopt", "--repository", "acme/shop", "--base-url", forge.url)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\napplication:\n  name: shop\n  existing: true\n  import: true\n" in result.stdout


def test_a_repository_that_is_not_there_is_one_line(cli: Cli, forge: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", forge.token("olivia"))
    result = cli("adopt", "--repository", "acme/shoq", "--base-url", forge.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "gitops-infra: acme/shoq: it does not exist, or the token cannot see it. Correct the name, or give the token "
        "access\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the stack with --stack, or a repository with --repository OWNER/NAME"),
        (("--repository", "shop"), "'shop' is no OWNER/NAME"),
        (("--repository", "a/b/c"), "'a/b/c' is no OWNER/NAME"),
        (
            ("--repository", "acme/shop", "--stack", "dev"),
            "--repository reads a repository only. Leave out FILE, --stack, --output and --run",
        ),
        (("--stack", "dev", "--run"), "--run needs FILE: a stack that still has its resources has nothing to import"),
        (
            ("--stack", "dev", "--cwd", "absent"),
            "absent is no folder. Give --cwd the folder of the Pulumi project",
        ),
        (
            ("absent.json", "--stack", "dev"),
            "absent.json cannot be read: No such file or directory. Write it with `pulumi stack output --json`",
        ),
    ],
)
def test_a_wrong_call_is_one_line(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    result = cli("adopt", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"gitops-infra: {message}\n")
