"""docs/testing.md: its code is run as its reader would, and its words are those of the package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gitops_infra.testing

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(PAGE) if name == language]


def test_every_kind_of_block_is_one_that_is_tested() -> None:
    """Python here; the shell line by the metadata below; the message where the example is broken on purpose."""
    assert {name for name, _ in BLOCK.findall(PAGE)} == {"python", "sh", "text"}


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_its_python_runs_as_files_of_a_users_repository(tmp_path: Path) -> None:
    for text in blocks("python"):
        name = text.splitlines()[0].removeprefix("# ")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_what_it_tells_to_install_is_what_the_package_offers() -> None:
    assert blocks("sh") == ["python -m pip install 'gitops-infra[sandbox]' pytest\n"]


@pytest.mark.parametrize("name", [name for name in gitops_infra.testing.__all__ if name.startswith(("assert", "as_"))])
def test_it_names_every_assertion(name: str) -> None:
    assert f"`{name}(" in PAGE


@pytest.mark.parametrize("name", ["user", "app", "job", "environment", "deploy_key"])
def test_it_names_every_kind_of_actor(name: str) -> None:
    assert f"`Actor.{name}(" in PAGE
    assert callable(getattr(gitops_infra.testing.Actor, name))
