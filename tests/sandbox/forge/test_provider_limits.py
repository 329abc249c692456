"""The real provider, with the client that topologies use, meets rate limits in the middle of an `up`."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.router import Request
from gitops_infra.sandbox.forge.server import Sandbox

pytestmark = pytest.mark.engine

LABELS = 12
PROGRAM = f"""
import pulumi
import pulumi_github as github
from gitops_infra.forges.github.provider import github_provider

using = pulumi.ResourceOptions(provider=github_provider("acme", owner="acme"))
for number in range({LABELS}):
    github.IssueLabel(f"label-{{number}}", repository="shop", name=f"label-{{number}}", color="ff0000", opts=using)
"""


class Clock:
    """The real time, plus what the test adds."""

    def __init__(self) -> None:
        self.added = 0.0

    def __call__(self) -> float:
        return time.time() + self.added


@dataclass
class Project:
    """Twelve labels of acme/shop, as a project that the command line runs."""

    forge: Sandbox
    clock: Clock
    engine: Engine
    folder: Path
    environment: dict[str, str]

    def up(self) -> subprocess.CompletedProcess[str]:
        words = ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", "test"]
        return self.engine.run(words, self.folder, self.environment, timeout=200)

    @property
    def labels(self) -> int:
        return len(self.forge.repository("acme/shop").labels)

    def answers(self, status: int) -> list[str]:
        """Methods of the requests that were answered with it."""
        return [request.method for request in self.forge.requests if request.status == status]

    def statuses(self, method: str) -> list[int]:
        """What the requests of a method were answered with."""
        return [request.status for request in self.forge.requests if request.method == method]


@pytest.fixture
def project(tmp_path: Path, engine: Engine, seed: Callable[[Sandbox], Sandbox]) -> Iterator[Project]:
    clock, folder = Clock(), tmp_path / "project"
    folder.mkdir()
    folder.joinpath("Pulumi.yaml").write_text("name: limits\nruntime: python\n")
    folder.joinpath("__main__.py").write_text(PROGRAM)
    with Sandbox(tmp_path / "forge", clock=clock) as forge:
        seed(forge)
        forge.app("acme", PROVISIONER, PROVISIONER_PERMISSIONS)
        token = forge.app_token(PROVISIONER, expires_in=1_000_000)
        environment = engine.environment(
            tmp_path / "state", "a passphrase", GITHUB_TOKEN=token, GITHUB_BASE_URL=f"{forge.url}/"
        )
        engine.run(["stack", "init", "test"], folder, environment)
        yield Project(forge, clock, engine, folder, environment)


def test_at_the_primary_limit_the_up_ends_with_an_error_and_a_rerun_continues(project: Project) -> None:
    """It does not wait for the reset, which may be an hour away, and it says when that is."""
    project.forge.limits(primary=10)
    failed = project.up()
    assert failed.returncode != 0
    assert "primary rate limit reached on request to" in failed.stdout
    assert re.search(r"wait until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", failed.stdout)
    made = project.labels
    assert 0 < made < LABELS
    project.clock.added += 3600
    written = len(project.answers(201))
    done = project.up()
    assert done.returncode == 0, done.stdout
    assert (project.labels, len(project.answers(201)) - written) == (LABELS, LABELS - made)


def test_at_a_secondary_limit_it_waits_as_it_is_told_and_then_sends_refused_writes_without_their_body(
    project: Project,
) -> None:
    """What was not sent yet waits and goes well; what was refused is repeated, empty, and fails; a rerun makes it.

    The body is spent by the first attempt and not wound back (go-github-ratelimit 2.0.2, provider 6.13.0). With a
    provider that does, the first `up` would go well.
    """
    empty: list[float] = []

    def note(request: Request) -> None:
        if request.method == "POST" and not request.content:
            empty.append(project.clock())

    project.forge.before(note)
    project.forge.limits(secondary_writes_per_minute=5, minute=2)
    first = project.up()
    refused = [request.at for request in project.forge.requests if request.status == 403]
    assert refused
    assert len(empty) == len(refused)
    assert min(empty) - min(refused) >= 1, "it was told to wait for 1 or 2 seconds"
    assert first.returncode != 0
    # An empty repeat may be refused for its haste again, and is then repeated once more: one label, two refusals.
    failed = [status for status in project.statuses("POST") if status not in {201, 403}]
    assert failed
    assert project.labels == LABELS - len(failed)
    project.forge.unlimited()
    second = project.up()
    assert second.returncode == 0, second.stdout
    assert project.labels == LABELS
