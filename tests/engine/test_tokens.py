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
