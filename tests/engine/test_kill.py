"""`pulumi up` killed at every write in turn: nothing is open afterwards, and the next `up` ends where one run ends.

A run of `up` is a chain of writes to the forge. It is killed (SIGKILL, the whole process tree) at each of them twice:
just before the forge does it, and just after, when the forge has done it and the engine never hears. Between two
writes the engine only does things that nobody else sees, so these are all the states that a kill can leave behind.

A kill may leave something on the forge that Pulumi does not know of (a new repository is two writes, for one), so
`gitops-infra resume` takes such things over before the next `up`.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.client import Clone, KeyCredential
from gitops_infra.sandbox.forge.jobs import JobGrant

pytestmark = [pytest.mark.engine, pytest.mark.kill]

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SECRET = "GITOPS_DEPLOY_KEY"
MOMENTS = ("before", "after")

# How many writes one uninterrupted run makes; `test_the_number_of_writes_is_known` keeps it true.
COUNT = 32
SHARDS = 4


def test_the_number_of_writes_is_known(make_world: Callable[[], Any]) -> None:
    """Else the last writes of a longer run would never be the ones at which it is killed."""
    world = make_world()
    world.up()
    assert sum(request.method in WRITES for request in world.forge.requests) == COUNT


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.timeout(900)
def test_a_killed_up_leaves_nothing_open_and_the_next_one_converges(
    make_world: Callable[[], Any], shard: int, moment: str
) -> None:
    """Each write of this shard: killed there, attacked, resumed, and compared with an uninterrupted run."""
    wanted = _uninterrupted(make_world)
    for number in range(1 + shard, COUNT + 1, SHARDS):
        world = make_world()
        world.killed_at(number, moment, "up")
        _attack(world, f"killed {moment} write {number}")
        world.resume()
        world.up("--refresh")
        assert world.holdings() == wanted, f"killed {moment} write {number}"
        world.pulumi("preview", "--expect-no-changes")
        world.forge.stop()


def _uninterrupted(make_world: Callable[[], Any]) -> dict[str, Any]:
    world = make_world()
    world.up()
    return world.holdings()


def _attack(world: Any, when: str) -> None:
    """What a developer with write access, and whoever holds a key that exists already, could try right now."""
    forge = world.forge
    clone = Clone.empty(Path(tempfile.mkdtemp(dir=world.folder)) / "attacker")
    dana = world.people["dana"]
    head = clone.fetch(forge.http_url("acme/shop"), "refs/heads/main", dana)
    evil = clone.commit(head, "steal", {".github/workflows/steal.yml": "on: push\n"})
    assert clone.push(forge.http_url("acme/shop"), f"{evil}:refs/heads/steal", dana).allowed
    for environment in ("staging", "production", "review"):
        for event, ref in (("push", "refs/heads/steal"), ("pull_request", "refs/pull/1/merge")):
            answer = forge.job(
                repository="acme/shop", event=event, ref=ref, environment=environment, actor="dana", sha=evil
            )
            secrets = answer.secrets if isinstance(answer, JobGrant) else {}
            assert SECRET not in secrets, f"{when}: a job of {ref} read the key of {environment}"
    direct = clone.push(forge.http_url("acme/shop"), f"{evil}:refs/heads/main", dana)
    if direct.allowed:
        # Nothing protects main yet: then there must be nothing to steal either, now or for whoever dispatches main.
        for environment in ("staging", "production"):
            answer = forge.job(
                repository="acme/shop", event="push", ref="refs/heads/main", environment=environment, actor="dana"
            )
            assert not isinstance(answer, JobGrant) or SECRET not in answer.secrets, f"{when}: main is open"
        assert clone.push(forge.http_url("acme/shop"), f"+{head}:refs/heads/main", dana).allowed
    for environment in ("staging", "production"):
        state = f"acme/shop-env-{environment}"
        assert not clone.push(forge.http_url(state), f"{head}:refs/heads/env/{environment}", dana).allowed, when
        for key in world.state_keys():
            credential = KeyCredential(key, forge.known_hosts)
            for refspec in (f"{head}:refs/heads/elsewhere", f"{head}:refs/tags/v1"):
                assert not clone.push(forge.ssh_url(state), refspec, credential).allowed, f"{when}: {refspec}"
    clone.push(forge.http_url("acme/shop"), ":refs/heads/steal", dana)
