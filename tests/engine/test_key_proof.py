"""A rotation whose new key does not open the repository changes nothing that a job uses, however often it is tried."""

from typing import Any

import pytest

from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY

pytestmark = pytest.mark.engine


def test_a_key_that_cannot_be_tried_is_not_handed_out_and_the_old_one_stays(world: Any) -> None:
    """Here the server's host key is not the one that the topology pins."""
    staging: dict[str, Any] = {"name": "staging"}
    world.change(environments=[staging])
    world.up()
    old = world.key("staging")

    staging["generation"] = 2
    server = world.forge.known_hosts.split()[0]
    world.change(environments=[staging], known_hosts=[f"{server} {GITHUB_COM_HOST_KEY.partition(' ')[2]}"])
    for attempt in range(2):
        told = world.pulumi("up", "--yes", "--skip-preview", code=1)
        assert "the new key does not open" in told
        assert "Traceback" not in told
        assert world.key("staging") == old
        clone = world.clone("acme/shop", "dana", f"clone-{attempt}")
        pushed = clone.push(
            world.forge.ssh_url("acme/shop-env-staging"),
            "refs/heads/main:refs/heads/env/staging",
            old,
        )
        assert pushed.allowed

    world.change(environments=[staging], known_hosts=[world.forge.known_hosts])
    world.up()
    assert world.key("staging") != old
    assert [key.title for key in world.forge.store.deploy_keys.values()] == ["gitops-infra shop staging g2"]
    world.pulumi("destroy", "--yes", "--skip-preview")
