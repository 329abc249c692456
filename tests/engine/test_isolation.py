"""Isolation `branch` and `shared` on the real engine: who moves which branch, observed by real pushes."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant, JobWaiting

pytestmark = pytest.mark.engine

APP_PERMISSIONS = {"contents": "write", "workflows": "write", "metadata": "read"}


def grant(world: Any, environment: str) -> JobGrant:
    """What a job of the default branch gets, approved where that is asked for."""
    asked = {"repository": "acme/shop", "event": "push", "ref": "refs/heads/main", "actor": "mara"}
    answer = world.forge.job(**asked, environment=environment)
    if isinstance(answer, JobWaiting):
        answer = world.forge.approve(answer.deployment_id, "rita")
    assert isinstance(answer, JobGrant), answer
    return answer


def key_pair(folder: Path, name: str) -> tuple[str, str]:
    """A new SSH key: private and public half."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True, timeout=30
    )
    return (folder / name).read_text(), (folder / f"{name}.pub").read_text()


def moves(world: Any, clone: Clone, url: str, credential: Any, branch: str) -> bool:
    """Whether a real push of a new commit to the branch, forward, is accepted."""
    read, ref = world.forge.http_url("acme/shop"), f"refs/heads/{branch}"
    head = clone.head(read, ref, world.people["olivia"])
    if head is not None:
        clone.fetch(read, ref, world.people["olivia"])
    commit = clone.commit(head or clone.git("rev-parse", "origin/main"), "forward", {"moved.txt": os.urandom(8).hex()})
    return clone.push(url, f"{commit}:{ref}", credential).allowed


@pytest.fixture
def apps(world: Any) -> dict[str, str]:
    """An App for each of staging and production, installed on the application alone: name -> installation token."""
    tokens = {}
    environments = []
    for name in ("staging", "production"):
        app = world.forge.app("acme", f"shop-{name}", APP_PERMISSIONS, ["acme/shop"])
        world.secret(f"{name}Key", world.forge.app_key(app))
        tokens[name] = world.forge.app_token(app)
        environments.append({"name": name, "isolation": "branch", "writer": {"app": app.id, "key": f"{name}Key"}})
    environments[1]["reviewers"] = [{"team": "platform"}]
    world.change(environments=environments)
    return tokens


def test_an_app_moves_the_branch_of_its_environment_and_no_other(world: Any, apps: dict[str, str]) -> None:
    world.up()
    assert {name: found["isolation"] for name, found in world.outputs()["environments"].items()} == {
        "staging": "branch",
        "production": "branch",
    }
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    url, clone = world.forge.http_url("acme/shop"), world.clone("acme/shop", "dana", "clone")
    credentials = {name: TokenCredential(token) for name, token in apps.items()}
    observed = {
        (actor, target): moves(world, clone, url, credential, f"env/{target}")
        for actor, credential in (credentials | {"olivia": world.people["olivia"]}).items()
        for target in ("staging", "production")
    }
    assert {pair for pair, allowed in observed.items() if allowed} == {
        ("staging", "staging"),
        ("production", "production"),
    }
    unrelated = clone.commit(None, "an unrelated history")
    for name, credential in credentials.items():
        branch = f"refs/heads/env/{name}"
        assert not clone.push(url, f"{unrelated}:{branch}", credential, force=True).allowed
        assert not clone.push(url, f":{branch}", credential).allowed
        assert not clone.push(url, f"{unrelated}:refs/heads/main", credential, force=True).allowed
    assert set(grant(world, "production").secrets) == {"GITOPS_APP_KEY"}
    assert "BEGIN" not in world.state_text()


def test_a_machine_user_moves_the_branch_with_its_own_key(world: Any, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path, "bot")
    world.forge.add_user("acme-bot", public)
    world.forge.add_member("acme", "acme-bot")
    world.forge.grant("acme/shop", "acme-bot", "write")
    world.secret("botKey", private)
    writer = {"user": "acme-bot", "key": "botKey"}
    world.change(environments=[{"name": "staging", "isolation": "branch", "writer": writer}])
    world.up()
    secrets = grant(world, "staging").secrets
    assert set(secrets) == {"GITOPS_USER_KEY"}
    url, clone = world.forge.ssh_url("acme/shop"), world.clone("acme/shop", "dana", "clone")
    assert moves(world, clone, url, KeyCredential(secrets["GITOPS_USER_KEY"], world.forge.known_hosts), "env/staging")
    assert not moves(world, clone, world.forge.http_url("acme/shop"), world.people["dana"], "env/staging")


def test_shared_keys_are_reported_and_move_each_others_branches(world: Any) -> None:
    """The weakness is real, so it is refused unless accepted, and then told."""
    shared = {"isolation": "shared"}
    environments = [
        {"name": "staging", **shared},
        {"name": "production", **shared, "reviewers": [{"team": "platform"}]},
    ]
    world.change(environments=environments)
    refused = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert refused.count("[shared-bypass]") == 2
    assert not [request for request in world.forge.requests if request.method not in {"GET", "HEAD"}]
    world.change(environments=[{**each, "accept_shared_bypass": True} for each in environments])
    world.up()
    outputs = world.outputs()
    assert outputs["enforcement"]["production"]["degraded"] is True
    assert "isolated_credential" not in outputs["enforcement"]["production"]["achieved"]
    both = ["credential of staging", "credential of production"]
    assert outputs["access"]["environments"]["production"]["movers"] == both
    url, clone = world.forge.ssh_url("acme/shop"), world.clone("acme/shop", "dana", "clone")
    key = KeyCredential(grant(world, "staging").secrets["GITOPS_DEPLOY_KEY"], world.forge.known_hosts)
    assert moves(world, clone, url, key, "env/production")
    assert not clone.push(url, ":refs/heads/env/production", key).allowed
    assert not clone.push(url, f"{clone.commit(None, 'other')}:refs/heads/env/production", key, force=True).allowed


def test_a_value_that_is_no_private_key_ends_the_update_before_it_is_a_secret(world: Any, apps: dict[str, str]) -> None:
    world.secret("stagingKey", "not a key at all")
    output = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "[no-private-key]" in output
    assert "not a key at all" not in output
    assert "Traceback" not in output
    assert not [request for request in world.forge.requests if request.method not in {"GET", "HEAD"}]
    assert set(apps) == {"staging", "production"}
