"""What happens to a topology over the years: added, retired, removed, renamed, moved, rotated, destroyed.

Each change is small and foreseeable in the preview, loses no branch, and leaves it open at no moment.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.recovery.resume import CannotResume, resume
from gitops_infra.sandbox.client import Clone, KeyCredential
from gitops_infra.sandbox.forge.daemon import PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request

pytestmark = pytest.mark.engine

STAGING: dict[str, Any] = {"name": "staging"}
PRODUCTION: dict[str, Any] = {"name": "production", "reviewers": [{"team": "platform"}]}


def changes(world: Any) -> dict[str, int]:
    """What a preview announces, by kind of change, without what stays the same."""
    text = world.pulumi("preview", "--json")
    summary = json.loads(text[text.index("{") :])["changeSummary"]
    return {kind: count for kind, count in summary.items() if kind not in {"same", "read"}}


def key(world: Any, environment: str = "staging") -> KeyCredential:
    answer = world.forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", environment=environment, actor="mara"
    )
    assert isinstance(answer, JobGrant), answer
    return KeyCredential(answer.secrets["GITOPS_DEPLOY_KEY"], world.forge.known_hosts)


def promote(world: Any, clone: Clone, repository: str, credential: Any, branch: str) -> bool:
    """Whether main's head may be pushed to the branch."""
    url = world.forge.ssh_url(repository) if isinstance(credential, KeyCredential) else world.forge.http_url(repository)
    return clone.push(url, f"refs/remotes/origin/main:refs/heads/{branch}", credential).allowed


def head(world: Any, clone: Clone, repository: str, branch: str) -> str | None:
    return clone.head(world.forge.http_url(repository), f"refs/heads/{branch}", world.people["olivia"])


def while_pushing(world: Any, clone: Clone, target: str, ref: str, run: Callable[[], Any]) -> int:
    """Runs `run` while a developer with write access tries to move the ref, again and again; how often they tried.

    Fails when a single push gets through.
    """
    done, tried, won = threading.Event(), [0], []
    unrelated = clone.commit(None, "an unrelated history")

    def attack() -> None:
        while not done.is_set():
            for refspec, force in (
                (f"{unrelated}:{ref}", True),
                (f":{ref}", False),
                (f"refs/remotes/origin/main:{ref}", False),
            ):
                outcome = clone.push(world.forge.http_url(target), refspec, world.people["dana"], force=force)
                tried[0] += 1
                if outcome.allowed and "[up to date]" not in outcome.message:
                    won.append(f"{refspec}: {outcome.message}")

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        run()
    finally:
        done.set()
        attacker.join()
    assert not won, won
    return tried[0]


def writes(world: Any, since: int) -> list[tuple[str, str]]:
    return [(each.method, each.path) for each in world.forge.requests[since:] if each.method not in {"GET", "HEAD"}]


def test_an_environment_comes_is_retired_and_goes(world: Any) -> None:
    """Two steps out: without the first one the second is refused, and the branch outlives both where it is kept."""
    world.change(environments=[STAGING])
    world.up()
    world.change(environments=[STAGING, {"name": "qa", "kind": "staging"}])
    announced = changes(world)
    assert set(announced) == {"create"}
    world.up()
    clone = world.clone("acme/shop", "dana", "clone")
    qa = key(world, "qa")
    assert promote(world, clone, "acme/shop-env-qa", qa, "env/qa")
    moved = head(world, clone, "acme/shop-env-qa", "env/qa")

    world.change(environments=[STAGING])
    refused = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "[environment-removed]" in refused
    assert "retired: true" in refused
    assert head(world, clone, "acme/shop-env-qa", "env/qa") == moved

    world.change(environments=[STAGING, {"name": "qa", "kind": "staging", "retired": True, "allow_destroy": False}])
    world.forge.grant("acme/shop-env-qa", "dana", "write")
    tried = while_pushing(world, clone, "acme/shop-env-qa", "refs/heads/env/qa", world.up)
    assert tried
    assert not clone.read(world.forge.ssh_url("acme/shop-env-qa"), qa).allowed
    assert head(world, clone, "acme/shop-env-qa", "env/qa") == moved

    world.change(environments=[STAGING])
    world.up()
    assert "qa" not in world.outputs()["environments"]
    assert head(world, clone, "acme/shop-env-qa", "env/qa") == moved
    assert not promote(world, clone, "acme/shop-env-qa", world.people["olivia"], "env/other")
    world.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_rename_keeps_branch_state_repository_and_key(world: Any) -> None:
    world.change(environments=[STAGING], promotions=None)
    world.up()
    clone = world.clone("acme/shop", "dana", "clone")
    old = key(world)
    assert promote(world, clone, "acme/shop-env-staging", old, "env/staging")
    moved = head(world, clone, "acme/shop-env-staging", "env/staging")
    world.change(environments=[{"name": "integration", "kind": "staging", "formerly": "staging"}])
    announced = changes(world)
    assert "delete" not in announced
    assert "create" not in announced
    world.forge.grant("acme/shop-env-staging", "dana", "write")
    before = len(world.forge.requests)
    while_pushing(world, clone, "acme/shop-env-staging", "refs/heads/env/staging", world.up)
    made = writes(world, before)
    assert not [path for method, path in made if method in {"POST", "DELETE"} and "/keys" in path]
    assert not [path for method, path in made if method == "DELETE" and path.endswith("shop-env-staging")]
    assert head(world, clone, "acme/shop-env-staging", "env/staging") == moved
    assert key(world, "integration") == old
    assert {each.name for each in world.forge.store.environments_of(world.forge.repository("acme/shop"))} == {
        "integration"
    }
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_moving_to_an_app_keeps_the_old_branch_locked_until_it_is_forgotten(world: Any) -> None:
    world.change(environments=[STAGING])
    world.up()
    clone = world.clone("acme/shop", "dana", "clone")
    old = key(world)
    assert promote(world, clone, "acme/shop-env-staging", old, "env/staging")
    moved = head(world, clone, "acme/shop-env-staging", "env/staging")
    app = world.forge.app(
        "acme", "mover", {"contents": "write", "workflows": "write", "metadata": "read"}, ["acme/shop"]
    )
    world.secret("stagingKey", world.forge.app_key(app))
    branch = {"name": "staging", "isolation": "branch", "writer": {"app": app.id, "key": "stagingKey"}}

    world.change(environments=[branch])
    assert "[isolation-changed]" in world.pulumi("up", "--yes", "--skip-preview", code=None)

    world.change(environments=[{**branch, "moved_from": "repository"}])
    world.forge.grant("acme/shop-env-staging", "dana", "write")
    while_pushing(world, clone, "acme/shop-env-staging", "refs/heads/env/staging", world.up)
    assert head(world, clone, "acme/shop-env-staging", "env/staging") == moved
    assert not clone.read(world.forge.ssh_url("acme/shop-env-staging"), old).allowed
    names = {each.name for each in world.forge.store.rulesets_of(world.forge.repository("acme/shop-env-staging"))}
    assert len(names) == 4
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")

    world.change(environments=[branch])
    world.up()
    assert world.outputs()["environments"]["staging"]["isolation"] == "branch"


def test_a_new_key_that_opens_nothing_leaves_the_old_one_in_use(world: Any) -> None:
    """Rotation: new key, tried, distributed, old one revoked; what fails in between fails safe."""
    world.change(environments=[STAGING])
    world.up()
    old, clone = key(world), world.clone("acme/shop", "dana", "clone")
    world.change(environments=[{**STAGING, "generation": 2}])
    # The forge takes the key and then lets nothing in over SSH: an organisation that has just forbidden deploy keys.
    organization = world.forge.organization("acme")

    def forbid(request: Request, response: Response) -> None:
        if request.method == "POST" and request.path.endswith("/keys"):
            organization.deploy_keys_enabled = False

    stop = world.forge.after(forbid)
    failed = world.pulumi("up", "--yes", "--skip-preview", code=None)
    stop()
    assert "the new key does not open" in failed
    assert "Traceback" not in failed
    organization.deploy_keys_enabled = True
    assert key(world) == old
    assert promote(world, clone, "acme/shop-env-staging", old, "env/staging")

    world.up()
    new = key(world)
    assert new != old
    assert not clone.read(world.forge.ssh_url("acme/shop-env-staging"), old).allowed
    assert clone.read(world.forge.ssh_url("acme/shop-env-staging"), new).allowed
    assert len(world.forge.store.deploy_keys_of(world.forge.repository("acme/shop-env-staging"))) == 1
    world.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_an_owned_topology_is_destroyed_in_three_writes_a_repository(world: Any) -> None:
    application = {
        "name": "fresh",
        "visibility": "private",
        "owners": ["@acme/platform"],
        "grants": [{"team": "platform", "role": "maintain"}],
        "allow_destroy": True,
    }
    owned = [
        {**STAGING, "variables": {"A": "1"}},
        {**PRODUCTION, "allow_destroy": True},
        {"name": "review", "variables": {"B": "2"}},
    ]
    world.change(application=application, environments=owned)
    world.up()
    before = len(world.forge.requests)
    world.pulumi("destroy", "--yes", "--skip-preview")
    made = writes(world, before)
    by_repository: dict[str, list[tuple[str, str]]] = {}
    names = {str(each.id): each.name for each in world.forge.store.repositories.values()}
    for method, path in made:
        parts = path.split("/")
        name = parts[3] if parts[1] == "repos" else names.get(parts[2], parts[2])
        by_repository.setdefault(name, []).append((method, path))
    assert {name: len(found) <= 3 for name, found in by_repository.items()} == {
        "fresh": True,
        "fresh-env-staging": True,
        "fresh-env-production": True,
    }, made
    assert {each.name for each in world.forge.store.repositories.values()} == {"shop"}
    assert not [
        each
        for each in json.loads(world.pulumi("stack", "export"))["deployment"].get("resources", [])
        if each["custom"]
    ]


def test_destroy_goes_on_after_a_repository_vanished_and_after_rights_came_back(world: Any) -> None:
    world.change(environments=[STAGING, PRODUCTION])
    world.up()
    world.forge.set_app_permissions("provisioner", {"metadata": "read", "contents": "read"})
    failed = world.pulumi("destroy", "--yes", "--skip-preview", code=None)
    assert "Resource not accessible by integration" in failed
    world.forge.set_app_permissions("provisioner", PROVISIONER_PERMISSIONS)
    address, owner = f"{world.forge.api_url}/repos/acme/shop-env-staging", world.people["olivia"].token
    assert httpx.delete(address, headers={"Authorization": f"Bearer {owner}"}).is_success
    # To the provider a key that is gone with its repository is an error, in a refresh too.
    assert "404 Not Found" in world.pulumi("destroy", "--yes", "--skip-preview", code=None)
    pulumi, told = Pulumi(world.folder, "shop", world.environment), []
    with pytest.raises(CannotResume, match="acme/shop is not gone: the forge answered 200"):
        resume(pulumi, lambda url: GitHubReader(world.token, url), told.append, gone=["acme/shop"])
    resume(pulumi, lambda url: GitHubReader(world.token, url), told.append, gone=["acme/shop-env-staging"])
    assert [line for line in told if "acme/shop-env-staging is gone" in line]
    world.pulumi("destroy", "--yes", "--skip-preview")
    assert {each.name for each in world.forge.store.repositories.values()} == {"shop", "shop-env-production"}
    assert not world.forge.store.deploy_keys
