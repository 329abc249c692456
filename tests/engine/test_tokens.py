"""Tokens that live an hour: what a later command uses, when the one of the last `up` is worth nothing."""

from typing import Any

import pytest

pytestmark = pytest.mark.engine


def test_destroy_takes_a_new_token_from_the_program_and_not_from_the_state(world: Any) -> None:
    """The state has the token of the last `up`. See docs/components/GitOpsTopology.md."""
    world.change(environments=[{"name": "staging"}])
    world.up()
    world.forge.revoke(world.token)
    world.environment["GITHUB_TOKEN"] = world.forge.app_token("provisioner")

    refused = world.pulumi("destroy", "--yes", "--skip-preview", code=1)
    assert "401 Bad credentials" in refused
    assert len(world.forge.store.deploy_keys) == 1

    world.pulumi("destroy", "--yes", "--skip-preview", "--run-program")
    assert len(world.forge.store.deploy_keys) == 0


def test_an_app_of_the_configuration_makes_its_own_tokens(world: Any) -> None:
    """So no run differs from the one before by its token, and destroy needs nothing else than the state."""
    app = world.forge.find_app("provisioner")
    parts = {"id": app.id, "installationId": world.forge.installation(app).id, "pemFile": world.forge.app_key(app)}
    world.change(environments=[{"name": "staging"}])
    for name, value in parts.items():
        done = world.engine.run(
            ["config", "set", "--path", "--secret", f"github:appAuth.{name}", "--stack", "shop"],
            world.folder,
            world.environment,
            text=str(value),
        )
        assert done.returncode == 0, done.stderr
    world.environment["GITHUB_TOKEN"] = "of-a-workflow"

    world.up()
    world.environment["GITHUB_TOKEN"] = "of-another-run"
    world.up("--expect-no-changes")
    assert not [line for line in str(parts["pemFile"]).splitlines() if len(line) > 40 and line in world.state_text()]
    world.pulumi("destroy", "--yes", "--skip-preview")
    assert len(world.forge.store.deploy_keys) == 0
