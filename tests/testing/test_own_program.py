"""The example of a user's own program with its own tests, run as its user runs it; and copies that break a promise."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "own-program"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SECOND_WRITE_KEY = """
import pulumi_tls as tls

spare = tls.PrivateKey("spare", algorithm="ED25519")
github.RepositoryDeployKey(
    "spare",
    repository=production.repository,
    title="spare",
    key=spare.public_key_openssh,
    read_only=False,
    opts=pulumi.ResourceOptions(provider=provider),
)
"""
WIDER_POLICY = """
github.RepositoryEnvironmentDeploymentPolicy(
    "wider",
    repository="billing",
    environment=production.environment,
    branch_pattern="release/*",
    opts=pulumi.ResourceOptions(provider=provider),
)
"""
OPEN_SECRET = """
pulumi.export("pager", pulumi.Output.unsecret(config.require_secret("pagerToken")))
"""

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
MESSAGE = PAGE.read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
"""What docs/testing.md shows for a second write key."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `pytest` in a copy of the example whose program has some more lines."""

    def start(*arguments: str, more: str = "") -> "subprocess.CompletedProcess[str]":
        copy = Path(shutil.copytree(EXAMPLE, tmp_path / "own-program", ignore=shutil.ignore_patterns("__pycache__")))
        with (copy / "infrastructure" / "__main__.py").open("a") as program:
            program.write(more)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment |= {"GITHUB_TOKEN": "ghp_of_the_caller", "PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )

    return start


def test_its_own_tests_pass(run: Run) -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


@pytest.mark.parametrize(
    ("more", "test", "said"),
    [
        (
            SECOND_WRITE_KEY,
            "test_only_jobs_of_production_move_its_branch",
            tuple(line.strip() for line in MESSAGE.splitlines()),
        ),
        (
            WIDER_POLICY,
            "test_its_secrets_are_read_on_main_after_approval",
            (
                (
                    "environment production of acme/billing: expected its secrets to be read by jobs of main, "
                    "after approval by acme/platform; but"
                ),
                "jobs of release/x (stands for the deployment policy 'release/*') read them:",
            ),
        ),
        (
            OPEN_SECRET,
            "test_a_second_up_changes_nothing_and_the_state_is_safe_to_store",
            (
                "stack test: secrets can be read in its state",
                "secret PAGER_TOKEN of environment production of acme/billing:",
            ),
        ),
    ],
    ids=["second write key", "wider policy", "open secret"],
)
def test_a_broken_promise_fails_with_what_broke_it(run: Run, more: str, test: str, said: tuple[str, ...]) -> None:
    done = run("-k", test, more=more)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    for text in said:
        assert text in done.stdout
    assert "pager-token-of-a-test" not in done.stdout.replace('"pager-token-of-a-test"', "")
    assert "PRIVATE KEY" not in done.stdout
