"""`pulumi up` with branches in the application's repository, killed at every write in turn.

As `test_kill`, for isolation `branch`: an App for each environment, whose private key is in the stack's configuration
from the beginning. What must hold at each moment: once a job or the state holds an App's key, that App moves the
branch of its environment and nothing else, and nobody else moves it.
"""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant

pytestmark = [pytest.mark.engine, pytest.mark.kill]

SECRET = "GITOPS_APP_KEY"
APP_PERMISSIONS = {"contents": "write", "workflows": "write", "metadata": "read"}
ENVIRONMENTS = ("staging", "production")
MOMENTS = ("before", "after")

# How many writes one uninterrupted run makes; `test_the_number_of_writes_is_known` keeps it true.
COUNT = 11
SHARDS = 2


@dataclass(frozen=True)
class Writer:
    """The App of one environment: its key as the stack holds it, and what it can do with that."""

    key: str
    credential: TokenCredential


@dataclass(frozen=True)
class Branches:
    """A world whose topology has staging and production in isolation `branch`."""

    world: Any
    writers: dict[str, Writer]

    @classmethod
    def of(cls, world: Any) -> "Branches":
        writers: dict[str, Writer] = {}
        environments: list[dict[str, Any]] = []
        for name in ENVIRONMENTS:
            app = world.forge.app("acme", f"shop-{name}", APP_PERMISSIONS, ["acme/shop"])
            key = world.forge.app_key(app)
            world.secret(f"{name}Key", key)
            writers[name] = Writer(key, TokenCredential(world.forge.app_token(app)))
            environments.append({"name": name, "isolation": "branch", "writer": {"app": app.id, "key": f"{name}Key"}})
        environments[1]["reviewers"] = [{"team": "platform"}]
        world.change(environments=environments)
        return cls(world, writers)

    def held(self) -> set[str]:
        """Environments whose key the state holds, also for a write that never ended."""
        exported = self.world.pulumi("stack", "export", "--show-secrets", code=None)
        return {name for name, writer in self.writers.items() if writer.key.splitlines()[1] in exported}

    def attack(self, when: str) -> None:
        """What a developer with write access, and whoever holds a key that is held already, could try right now."""
        forge, dana = self.world.forge, self.world.people["dana"]
        url = forge.http_url("acme/shop")
        clone = Clone.empty(Path(tempfile.mkdtemp(dir=self.world.folder)) / "attacker")
        head = clone.fetch(url, "refs/heads/main", dana)
        evil = clone.commit(head, "steal", {".github/workflows/steal.yml": "on: push\n"})
        assert clone.push(url, f"{evil}:refs/heads/steal", dana).allowed
        held = self.held()
        for name in ENVIRONMENTS:
            for event, ref in (("push", "refs/heads/steal"), ("pull_request", "refs/pull/1/merge")):
                assert SECRET not in self._job(name, event, ref, evil), f"{when}: a job of {ref} read {name}'s key"
            if SECRET in self._job(name, "push", "refs/heads/main", head):
                held.add(name)
        if clone.push(url, f"{evil}:refs/heads/main", dana).allowed:
            assert not held, f"{when}: main is open"
            assert clone.push(url, f"+{head}:refs/heads/main", dana).allowed
        for name in ENVIRONMENTS:
            branch = f"refs/heads/env/{name}"
            if clone.push(url, f"{head}:{branch}", dana).allowed:
                # Its rules are not there yet: then its App's key is nowhere yet, and the branch is not in use.
                assert name not in held, f"{when}: {branch} is open"
                self._forget(branch)
        for name in held:
            for target in ENVIRONMENTS:
                refspec = f"{evil}:refs/heads/env/{target}" if target != name else f"{evil}:refs/heads/main"
                assert not clone.push(url, refspec, self.writers[name].credential).allowed, f"{when}: {name} {refspec}"
        clone.push(url, ":refs/heads/steal", dana)

    def _forget(self, branch: str) -> None:
        """Deletes it from the forge's disk: the rule against deletion may be there before the one against creation."""
        folder = self.world.forge.store.git_dir(self.world.forge.repository("acme/shop"))
        subprocess.run(["git", "-C", folder, "update-ref", "-d", branch], check=True, timeout=30)

    def _job(self, environment: str, event: str, ref: str, sha: str) -> dict[str, str]:
        answer = self.world.forge.job(
            repository="acme/shop", event=event, ref=ref, environment=environment, actor="dana", sha=sha
        )
        return dict(answer.secrets) if isinstance(answer, JobGrant) else {}


def test_the_number_of_writes_is_known(make_world: Callable[[], Any]) -> None:
    """Else the last writes of a longer run would never be the ones at which it is killed."""
    branches = Branches.of(make_world())
    branches.world.up()
    written = [request for request in branches.world.forge.requests if request.method not in {"GET", "HEAD"}]
    assert len(written) == COUNT
    assert branches.held() == set(ENVIRONMENTS)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.timeout(900)
def test_a_killed_up_leaves_no_branch_open_and_the_next_one_converges(
    make_world: Callable[[], Any], shard: int, moment: str
) -> None:
    """Each write of this shard: killed there, attacked, resumed, and compared with an uninterrupted run."""
    calm = Branches.of(make_world())
    calm.world.up()
    for number in range(1 + shard, COUNT + 1, SHARDS):
        branches = Branches.of(make_world())
        world = branches.world
        world.killed_at(number, moment, "up")
        branches.attack(f"killed {moment} write {number}")
        world.resume()
        world.up("--refresh")
        branches.attack(f"killed {moment} write {number}, then taken up")
        assert world.holdings() == calm.world.holdings(), f"killed {moment} write {number}"
        world.pulumi("preview", "--expect-no-changes")
        world.forge.stop()
