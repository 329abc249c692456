"""An application of two repositories in one `up`: each key moves the branch of one environment of one repository."""

from typing import Any

import pytest

from gitops_infra.sandbox.client import Clone

pytestmark = pytest.mark.engine

REPOSITORIES = ("shop", "web")
ENVIRONMENTS = ("staging", "production")


def test_each_key_moves_one_branch_of_one_repository(world: Any) -> None:
    source = Clone.empty(world.folder / "web-source")
    source.git("update-ref", "refs/heads/main", source.commit(None, "The shop window", {"index.html": "hello\n"}))
    world.forge.add_repository("acme/web", source=source.directory)
    world.forge.grant("acme/web", "acme/developers", "write")
    world.forge.grant("acme/web", "acme/platform", "maintain")
    world.change(
        repositories=[{"name": "web", "existing": True, "visibility": "private"}],
        environments=[{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform"}]}],
    )
    world.up()
    environments = world.outputs()["environments"]
    assert {name: each["repository"] for name, each in environments.items()} == {
        "staging": "shop-env-staging",
        "production": "shop-env-production",
        "web/staging": "web-env-staging",
        "web/production": "web-env-production",
    }

    keys = {
        (repository, environment): world.key(environment, f"acme/{repository}")
        for repository in REPOSITORIES
        for environment in ENVIRONMENTS
    }
    moved = {
        (holder, (repository, environment))
        for repository in REPOSITORIES
        for clone in (world.clone(f"acme/{repository}", "dana", f"clone-{repository}"),)
        for environment in ENVIRONMENTS
        for holder, credential in keys.items()
        if clone.push(
            world.forge.ssh_url(f"acme/{repository}-env-{environment}"),
            f"refs/heads/main:refs/heads/env/{environment}",
            credential,
        ).allowed
    }
    assert moved == {(place, place) for place in keys}
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
