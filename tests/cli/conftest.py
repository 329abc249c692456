"""Runs the command line in this process, cut off from the caller's tokens and state."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gitops_infra.cli.app import app
from gitops_infra.sandbox.forge.server import Sandbox

TOPOLOGY = """\
owner: acme
github_plan: enterprise
application: {name: shop, existing: true, visibility: private}
environments:
  - {name: staging}
  - {name: production, reviewers: [{team: platform}, {user: rita}]}
  - {name: review}
"""


@pytest.fixture(autouse=True)
def _no_ambient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_BASE_URL", "GITHUB_OWNER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Runs `gitops-infra ARGUMENTS`; anything but a clean exit is raised."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    """A file with a valid topology."""
    file = tmp_path / "topology.yaml"
    file.write_text(TOPOLOGY)
    return file


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge") as running:
        for login in ("olivia", "rita"):
            running.add_user(login)
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        running.add_team("acme", "platform", ["rita"])
        running.add_repository("acme/shop", auto_init=True)
        running.grant("acme/shop", "acme/platform", "write")
        yield running
