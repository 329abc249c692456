"""A change of a running topology, killed at every write in turn: the branch stays shut, and a working key stays known.

One chain for each change: the run is killed (SIGKILL, the whole process tree) just before its first write, taken up by
`gitops-infra resume`, killed just after that write, taken up, and so on with the next one, until a run ends by itself.
After each kill, and before anybody repairs anything, the branch is attacked.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gitops_infra.sandbox.client import KeyCredential
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.router import Request

pytestmark = [pytest.mark.engine, pytest.mark.kill, pytest.mark.timeout(900)]

STATE = "acme/shop-env-staging"
REF = "refs/heads/env/staging"
KEY, APP_KEY = "GITOPS_DEPLOY_KEY", "GITOPS_APP_KEY"


def _what(request: Request) -> tuple[str, str, str]:
    """A write as it is told from the others of a run; never the content of a secret, which is new each time."""
    body = json.loads(request.content or b"{}")
    return request.method, request.path, str(body.get("name", ""))


def killed_in_turn(world: Any, command: str) -> Iterator[str]:
    """Kills `pulumi COMMAND --refresh` at each write, before and after it; yields where, and resumes behind that.

    Each run is killed where none was before, whatever order its writes come in: it differs where nothing orders them.
    """
    met: list[tuple[str, ...]] = []

    def fresh(moment: str, request: Request) -> bool:
        what = (moment, *_what(request))
        if what in met:
            return False
        met.append(what)
        return True

    # A deletion that was done and not written down fails when it is repeated: only a refresh sees it.
    while world.killed(fresh, command, "--refresh"):
        yield " ".join(met[-1])
        world.resume()


def secrets(world: Any) -> dict[str, str]:
    """What a job of the default branch gets in staging right now."""
    answer = world.forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", environment="staging", actor="mara"
    )
    return dict(answer.secrets) if isinstance(answer, JobGrant) else {}


class Branch:
    """The branch of staging in its state repository, with one promotion on it."""

    def __init__(self, world: Any) -> None:
        self.world = world
        world.change(environments=[{"name": "staging"}])
        world.up()
        self.clone = world.clone("acme/shop", "dana", "attacker")
        self.key = KeyCredential(secrets(world)[KEY], world.forge.known_hosts)
        self.head = self.clone.git("rev-parse", "refs/remotes/origin/main")
        assert self.clone.push(world.forge.ssh_url(STATE), f"{self.head}:{REF}", self.key).allowed
        self.unrelated = self.clone.commit(None, "an unrelated history")
        self.forward = self.clone.commit(self.head, "forward")
        world.forge.grant(STATE, "dana", "write")

    def is_shut(self, when: str) -> None:
        """No push of a developer gets through, and the branch is where it was."""
        url, dana = self.world.forge.http_url(STATE), self.world.people["dana"]
        for refspec, force in ((f"{self.unrelated}:{REF}", True), (f":{REF}", False), (f"{self.forward}:{REF}", False)):
            assert not self.clone.push(url, refspec, dana, force=force).allowed, f"{when}: {refspec}"
        assert self.clone.head(url, REF, self.world.people["olivia"]) == self.head, when

    def opens(self, key: KeyCredential) -> bool:
        """Whether the key opens the state repository."""
        return self.clone.read(self.world.forge.ssh_url(STATE), key).allowed

    def keys(self) -> int:
        """How many deploy keys the state repository has."""
        forge = self.world.forge
        return len(forge.store.deploy_keys_of(forge.repository(STATE)))


@pytest.fixture
def branch(world: Any) -> Branch:
    return Branch(world)


def test_a_killed_rotation_leaves_a_working_key_in_the_environment(world: Any, branch: Branch) -> None:
    """R2: the old key works until the new one is distributed; in the end there is one, and it is the new one."""
    world.change(environments=[{"name": "staging", "generation": 2}])
    stops = []
    for stop in killed_in_turn(world, "up"):
        branch.is_shut(stop)
        assert branch.opens(KeyCredential(secrets(world)[KEY], world.forge.known_hosts)), stop
        assert branch.keys() <= 2, stop
        stops.append(stop)
    assert {stop.split()[1] for stop in stops} == {"POST", "PUT", "DELETE"}, stops
    new = KeyCredential(secrets(world)[KEY], world.forge.known_hosts)
    assert branch.opens(new)
    assert not branch.opens(branch.key)
    assert branch.keys() == 1
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_a_killed_move_to_an_app_leaves_one_way_to_promote(world: Any, branch: Branch) -> None:
    """The old key works until the App's is there; what the App's key opens is shut before."""
    app = world.forge.app(
        "acme", "mover", {"contents": "write", "workflows": "write", "metadata": "read"}, ["acme/shop"]
    )
    world.secret("stagingKey", world.forge.app_key(app))
    writer = {"app": app.id, "key": "stagingKey"}
    world.change(
        environments=[{"name": "staging", "isolation": "branch", "writer": writer, "moved_from": "repository"}]
    )
    stops = []
    for stop in killed_in_turn(world, "up"):
        branch.is_shut(stop)
        held = secrets(world)
        if APP_KEY in held:
            url, dana = world.forge.http_url("acme/shop"), world.people["dana"]
            assert not branch.clone.push(url, f"{branch.head}:{REF}", dana).allowed, stop
        else:
            assert branch.opens(KeyCredential(held[KEY], world.forge.known_hosts)), stop
        stops.append(stop)
    assert [stop for stop in stops if stop.startswith("after PUT") and stop.rstrip().endswith(APP_KEY)], stops
    assert not branch.opens(branch.key)
    assert set(secrets(world)) == {APP_KEY}
    assert branch.keys() == 0
    branch.is_shut("in the end")
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_a_killed_retirement_keeps_the_branch_and_revokes_the_key(world: Any, branch: Branch) -> None:
    world.change(environments=[{"name": "staging", "retired": True, "allow_destroy": False}])
    stops = []
    for stop in killed_in_turn(world, "up"):
        branch.is_shut(stop)
        stops.append(stop)
    assert stops
    assert not branch.opens(branch.key)
    assert branch.keys() == 0
    assert KEY not in secrets(world)
    branch.is_shut("in the end")
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_a_killed_destroy_keeps_what_is_retained_shut_and_revokes_every_key(world: Any, branch: Branch) -> None:
    world.change(environments=[{"name": "staging", "allow_destroy": False}])
    world.up()
    stops = []
    for stop in killed_in_turn(world, "destroy"):
        branch.is_shut(stop)
        stops.append(stop)
    assert stops
    assert not world.forge.store.deploy_keys
    assert KEY not in secrets(world)
    branch.is_shut("in the end")
    assert not [
        each
        for each in json.loads(world.pulumi("stack", "export"))["deployment"].get("resources", [])
        if each["custom"]
    ]
