"""Which Python runs a program."""

import platform
import sys
import venv
from pathlib import Path

import pytest

from gitops_infra.sandbox.plugins import interpreter
from gitops_infra.sandbox.plugins.interpreter import Installed, OptionError, choose


def test_without_options_it_is_the_interpreter_of_gitops_infra(tmp_path: Path) -> None:
    assert choose({}, tmp_path) == Path(sys.executable)
    assert choose({"toolchain": "uv"}, tmp_path) == Path(sys.executable)


def test_a_virtual_environment_is_found_relative_to_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    venv.create(tmp_path / ".venv", with_pip=False)
    assert choose({"virtualenv": "env"}, tmp_path) == tmp_path / "env" / "bin" / "python"
    assert choose({"toolchain": "uv"}, tmp_path) == tmp_path / ".venv" / "bin" / "python"
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", "env")
    assert choose({"toolchain": "uv"}, tmp_path) == tmp_path / "env" / "bin" / "python"


def test_a_missing_virtual_environment_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        choose({"virtualenv": "venv"}, tmp_path)
    assert str(caught.value) == (
        f"Pulumi.yaml: there is no virtual environment {tmp_path / 'venv'}. "
        "Make it with: python -m venv venv and install the project's requirements, "
        f"or remove the option virtualenv to use {sys.executable}"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"typechecker": "mypy"}, "runtime option 'typechecker' is not implemented"),
        ({"toolchain": "poetry"}, "toolchain 'poetry' is not implemented"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(tmp_path: Path, options: dict[str, str], reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        choose(options, tmp_path)


def test_the_plugins_are_those_that_the_packages_ask_for() -> None:
    rows = {row["name"]: row["version"] for row in interpreter.plugins(Path(sys.executable))}
    assert {"github", "tls", "kubernetes"} <= set(rows)


def test_packages_that_others_need_are_marked() -> None:
    rows = {row.name.lower(): row.needed for row in interpreter.packages(Path(sys.executable))}
    assert rows["grpcio"] is True
    assert rows["gitops-infra"] is False


def test_another_interpreter_answers_for_itself(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    assert interpreter.packages(python) == []
    assert interpreter.plugins(python) == []
    assert interpreter.version(python) == platform.python_version()
    (package,) = (tmp_path / "env").glob("lib/python*/site-packages")
    files = {
        "pulumi_own/pulumi-plugin.json": '{"resource": true, "name": "own", "version": "1.2.3"}',
        "own-1.2.3.dist-info/METADATA": "Name: own\nVersion: 1.2.3\nRequires-Dist: Else_where>1\n",
        "else_where-2.dist-info/METADATA": "Name: else-where\nVersion: 2\n",
    }
    for name, text in files.items():
        (package / name).parent.mkdir()
        (package / name).write_text(text)
    assert interpreter.plugins(python) == [{"resource": True, "name": "own", "version": "1.2.3"}]
    needed, own = interpreter.packages(python)
    assert (needed, own) == (Installed("else-where", "2", needed=True), Installed("own", "1.2.3", needed=False))
