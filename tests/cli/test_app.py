"""The command tree: help everywhere, exit codes, what is missing."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest
import typer
from typer.testing import Result

from gitops_infra.cli.app import app
from gitops_infra.cli.failure import UserError, clear, extra

Cli = Callable[..., Result]


def commands() -> list[tuple[str, ...]]:
    tree = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []
    for name, command in tree.commands.items():  # type: ignore[attr-defined]
        found.append((name,))
        found += [(name, inner) for inner in getattr(command, "commands", {})]
    return found


def test_the_tree_is_the_documented_one() -> None:
    assert set(commands()) == {
        *(
            (name,)
            for name in (
                "access",
                "adopt",
                "demo",
                "plan",
                "preflight",
                "render",
                "resume",
                "schema",
                "status",
                "verify",
            )
        ),
        *((name,) for name in ("sandbox", "tools")),
        *(("sandbox", name) for name in ("up", "add", "env", "status", "reset", "down", "token", "doctor")),
        ("app",),
        *(("app", name) for name in ("create", "check")),
        ("tools", "build"),
    }


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_that_says_what_it_does(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.split("\n\n")[1].strip()) > 20


def test_the_version_is_the_packages(cli: Cli) -> None:
    assert cli("--version").stdout == f"{version('gitops-infra')}\n"


@pytest.mark.parametrize(
    "arguments", [("frobnicate",), ("preflight",), ("resume",), ("sandbox", "up", "--http-port", "x")]
)
def test_wrong_usage_is_exit_code_2_on_stderr(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(UserError) as caught, extra("sandbox"):
        raise ModuleNotFoundError("No module named 'starlette'", name="starlette")
    assert str(caught.value) == "this command needs starlette. Run: python -m pip install 'gitops-infra[sandbox]'"


def test_a_module_of_ours_that_is_missing_is_no_users_fault() -> None:
    with pytest.raises(ModuleNotFoundError), extra("sandbox"):
        raise ModuleNotFoundError("No module named 'gitops_infra.gone'", name="gitops_infra.gone")


def test_only_errors_that_are_worded_for_users_are_passed_on() -> None:
    with pytest.raises(UserError, match=r"^no such port$"), clear(ValueError):
        raise ValueError("no such port")
    with pytest.raises(TypeError), clear(ValueError):
        raise TypeError


def test_without_typer_the_program_says_what_to_install() -> None:
    """The module is hidden, so the import fails as on a machine without the extra."""
    code = "import sys; sys.modules['typer'] = None; from gitops_infra.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "gitops-infra needs typer. Run: python -m pip install 'gitops-infra[cli]'\n"


def test_a_demo_of_a_folder_that_is_none_is_said_so(cli: Cli) -> None:
    result = cli("demo", "--repo", "absent")
    assert (result.exit_code, result.stderr) == (
        1,
        "gitops-infra: absent is no folder. Give --repo the path of a local git repository\n",
    )
