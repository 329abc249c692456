"""The pytest plugin, as pytest loads it in a repository of a user's: what it costs, and what it gives way to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gitops_infra.testing


def run(folder: Path, *arguments: str, code: int = 0, before: str = "") -> str:
    """The output of pytest in a folder, in a process of its own, with the installed plugin; `before` runs first."""
    command = f"{before}\nimport sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", command, "-p", "no:cacheprovider", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "GITHUB_TOKEN": "ghp_of_the_caller", "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_run_that_uses_nothing_of_it_imports_nothing_of_it(tmp_path: Path) -> None:
    heavy = ["pulumi", "starlette", "uvicorn", "asyncssh", "httpx", "grpc", "pydantic", "gitops_infra.sandbox"]
    text = f"import sys\ndef test_it(): assert not [name for name in {heavy} if name in sys.modules]"
    run(write(tmp_path, test_light=text))


def test_the_fixtures_are_there_without_a_conftest(tmp_path: Path) -> None:
    text = """
def test_it(forge):
    forge.add_repository("acme/shop", auto_init=True)
    assert forge.url.startswith("http://127.0.0.1:")
    assert forge.pushes == []
"""
    run(write(tmp_path, test_forge=text))


def test_own_fixtures_of_the_same_name_win(tmp_path: Path) -> None:
    own = "import pytest\n@pytest.fixture\ndef forge(): return 'mine'\n@pytest.fixture\ndef stack(forge): return forge"
    run(write(tmp_path, conftest=own, test_own="def test_it(forge, stack): assert forge == stack == 'mine'"))


def test_each_test_has_a_forge_of_its_own_in_any_order_and_in_parallel(tmp_path: Path) -> None:
    text = """
import pytest
@pytest.mark.parametrize("number", range(6))
def test_it(forge, number):
    forge.add_repository("acme/shop")
    assert len(forge.store.repositories) == 1
"""
    assert "6 passed" in run(write(tmp_path, test_many=text), "-n", "2")


def test_warnings_as_errors_and_random_import_modes_are_no_trouble(tmp_path: Path) -> None:
    text = "def test_it(forge): forge.add_user('somebody')"
    run(write(tmp_path, test_strict=text), "-W", "error", "--import-mode=importlib", "--strict-markers")


def test_without_the_extra_the_test_fails_with_what_to_install(tmp_path: Path) -> None:
    text = "def test_forge(forge): pass\ndef test_stack(stack): pass\ndef test_other(): pass"
    printed = run(write(tmp_path, test_missing=text), code=1, before="import sys\nsys.modules['starlette'] = None")
    assert "needs the sandbox (" in printed
    assert "Run: python -m pip install 'gitops-infra[sandbox]'" in printed
    assert "1 passed, 2 errors" in printed
    assert "Traceback" not in printed


def test_without_an_engine_only_the_tests_of_stacks_fail(tmp_path: Path) -> None:
    before = """
import os, sys
os.environ["GITOPS_INFRA_TOOL_PULUMI"] = "/nonexistent/pulumi"
"""
    text = "def test_stack(stack): pass\ndef test_forge(forge): pass"
    printed = run(write(tmp_path, test_engine=text), code=1, before=before)
    assert "no Pulumi engine: " in printed
    assert "1 passed, 1 error" in printed


def test_a_failing_assertion_is_what_the_user_sees_first(tmp_path: Path) -> None:
    text = """
from gitops_infra.testing import assert_nobody_moves
def test_it(forge):
    forge.add_repository("acme/shop", auto_init=True)
    assert_nobody_moves(forge, "acme/shop", "main")
"""
    printed = run(write(tmp_path, test_message=text), code=1)
    assert "E       AssertionError: acme/shop main: expected to be moved by nobody; but" in printed
    assert "user olivia: create, push forward, force push" in printed
    assert "branches.py" not in printed  # no frame of ours between the test's line and the message


@pytest.mark.parametrize("name", gitops_infra.testing.__all__)
def test_every_public_name_can_be_loaded(name: str) -> None:
    assert getattr(gitops_infra.testing, name).__name__ == name


def test_the_list_is_sorted_and_is_what_dir_says() -> None:
    assert list(gitops_infra.testing.__all__) == sorted(gitops_infra.testing.__all__)
    assert dir(gitops_infra.testing) == list(gitops_infra.testing.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'assert_all'"):
        gitops_infra.testing.assert_all  # type: ignore[attr-defined]  # noqa: B018 - the access is the test
