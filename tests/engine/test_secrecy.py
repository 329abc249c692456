"""What the guard and the empty passphrase mean on the real engine: refused, told in one text, and nothing made."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

SECRET = "SECRET-CANARY-8f3Kq0ZrT6mW2xY9"
PLAIN = f"""\
import pulumi
import pulumi_github as github
import pulumi_tls as tls

from gitops_infra import refuse_plain_secrets

refuse_plain_secrets()
first = tls.PrivateKey("first", algorithm="ED25519")
secret = first.id.apply(lambda _: "{SECRET}") if pulumi.Config().get_bool("later") else "{SECRET}"
github.RepositoryWebhook(
    "hook", repository="shop", events=["push"], configuration={{"url": "https://ci.example/", "secret": secret}}
)
"""


def writes(world: Any) -> list[str]:
    return [each.path for each in world.forge.requests if each.method not in {"GET", "HEAD"}]


@pytest.mark.parametrize("later", [False, True])
def test_a_program_with_a_plain_secret_ends_with_one_text(world: Any, *, later: bool) -> None:
    """C20. An output is judged when it is known: what it depends on was made by then, the webhook never is."""
    program = world.folder / "program"
    program.mkdir()
    (program / "__main__.py").write_text(PLAIN)
    (world.folder / "Pulumi.yaml").write_text(f"name: gitops-infra\nruntime: python\nmain: {program}\n")
    world.pulumi("config", "set", "later", str(later).lower())
    said = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "resource 'hook' (github:index/repositoryWebhook:RepositoryWebhook): `configuration.secret` holds" in said
    assert said.count("[secret-not-marked]") == 1
    assert "Traceback" not in said
    assert SECRET not in said + world.state_text()
    assert writes(world) == []


def wanted() -> dict[str, Any]:
    return {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
        "environments": [{"name": "staging"}],
    }


@pytest.fixture
def open_world(world: Any) -> Any:
    """A world whose stack was made with an empty passphrase."""
    world.pulumi("stack", "rm", "--yes", "--force")
    (world.folder / "Pulumi.shop.yaml").unlink(missing_ok=True)
    world.environment["PULUMI_CONFIG_PASSPHRASE"] = ""
    world.pulumi("stack", "init")
    return world


def test_with_an_empty_passphrase_nothing_is_made_and_nothing_previewed(open_world: Any) -> None:
    open_world.configure(wanted())
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        said = open_world.pulumi(*command, code=None)
        assert "environment variable PULUMI_CONFIG_PASSPHRASE: it is empty, so everybody who gets hold of" in said
        assert "[empty-passphrase]" in said
        assert "Traceback" not in said
    preflight = ["preflight", "Pulumi.shop.yaml", "--stack", "shop"]
    done = subprocess.run(
        [sys.executable, "-c", "from gitops_infra.cli import main; main()", *preflight],
        cwd=open_world.folder,
        env=open_world.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout
    assert "error: environment variable PULUMI_CONFIG_PASSPHRASE: it is empty" in done.stderr
    assert writes(open_world) == []
    assert open_world.token not in open_world.state_text()


def test_with_an_empty_file_it_is_the_same(open_world: Any, tmp_path: Path) -> None:
    del open_world.environment["PULUMI_CONFIG_PASSPHRASE"]
    file = tmp_path / "passphrase"
    file.write_text("\n")
    open_world.environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(file)
    open_world.configure(wanted())
    said = open_world.pulumi("preview", code=None)
    assert "the file of PULUMI_CONFIG_PASSPHRASE_FILE: it is empty" in said


def test_the_advice_works(open_world: Any) -> None:
    """A new passphrase for the stack that is there: then it is provisioned."""
    process = subprocess.run(
        [
            str(open_world.engine.home.binaries / "pulumi"),
            *("stack", "change-secrets-provider", "passphrase", "--stack", "shop", "--non-interactive"),
        ],
        cwd=open_world.folder,
        env=open_world.environment,
        input="a passphrase\na passphrase\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    open_world.environment["PULUMI_CONFIG_PASSPHRASE"] = "a passphrase"
    open_world.configure(wanted())
    assert "[empty-passphrase]" not in open_world.pulumi("preview")
