"""Pushes of three contestants on one cluster: ours, Flux that polls every minute, and a bare script."""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client, config
from ruamel.yaml import YAML

from bench.bare_agent import BareAgent
from bench.followed import BARE, KUBECONFIG, OURS, POLLED, Raced
from bench.manifests import folder
from bench.pushing import Branch, Push
from bench.rounds import tell
from bench.stacks import PulumiStack
from bench.watching import Watching
from bench.world import World, world
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.engine import Engine

MINUTE = 60.0
"""How often Flux looks by default."""
PATIENCE = 300.0
"""Seconds; the branch is made by the first push, and who looked before then comes back after a growing pause."""
PARALLEL = 32


@dataclass(frozen=True)
class Live:
    """One push, and when its change was seen in the cluster."""

    push: Push
    seen: float

    @property
    def whole(self) -> float:
        """Seconds since `git push` was started."""
        return self.seen - self.push.start

    @property
    def after(self) -> float:
        """Seconds since the forge took the push."""
        return self.seen - self.push.accepted


@dataclass(frozen=True)
class Race:
    """What each contestant needed, in order; ours and bare are neighbours."""

    ours: list[Live] = field(default_factory=list)
    bare: list[Live] = field(default_factory=list)
    polled: list[Live] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    """Of the machine, at each round."""


def race(engine: Engine, cluster: Cluster, *, rounds: int, polls: int) -> Race:
    """Provisions the three environments, then pushes: ours and bare in turn, beside them the one that is polled.

    The rounds are spread over the time that the polled one takes, so that all see the same machine.
    """
    with ExitStack() as stack:
        one = stack.enter_context(world(kubeconfigs={KUBECONFIG: cluster.kubeconfig}))
        subject = Raced(3, known_hosts=one.forge.known_hosts, receiver_url=cluster.receiver_url)
        tell("delivery: first up")
        PulumiStack(engine, one, subject, program="ours", settings=None, parallel=PARALLEL).first()
        connected = stack.enter_context(connection(cluster))
        watching = stack.enter_context(Watching(connected))
        track = _Track(one, connected, watching)
        track.warm_up()
        found = Race()
        beside = stack.enter_context(ThreadPoolExecutor(1)).submit(_polled, track, polls)
        pause = MINUTE * polls / rounds
        for number in range(rounds):
            _tell_round(found, number, rounds)
            begin = time.monotonic()
            found.ours.append(track.live(OURS))
            found.bare.append(track.live(BARE))
            _rest(pause - (time.monotonic() - begin), beside)
        found.polled.extend(beside.result())
        return found


@contextmanager
def connection(cluster: Cluster) -> Iterator[client.ApiClient]:
    """The Kubernetes client as the cluster's administrator."""
    settings = YAML(typ="safe").load(cluster.kubeconfig)
    connected: Any = config.new_client_from_config_dict(settings)  # type: ignore[no-untyped-call]
    try:
        yield connected
    finally:
        connected.close()


class _Track:
    """The three branches, and who applies the third."""

    def __init__(self, one: World, connected: client.ApiClient, watching: Watching) -> None:
        self._watching = watching
        self._branches = {name: Branch(one.forge, name, one.folder / "clones") for name in (OURS, POLLED, BARE)}
        bare = self._branches[BARE]
        client.CoreV1Api(connected).create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=BARE)))
        place = one.folder / "bare-agent"
        self._agent = BareAgent(connected, bare.url, bare.ref, bare.key, folder(BARE), BARE, place)

    def warm_up(self) -> None:
        """The first push of each, which makes its branch, and one more."""
        for number in (1, 2):
            pushes = {}
            for name in (OURS, BARE, POLLED):
                tell(f"delivery: warm-up {number} of 2, {name}")
                pushes[name] = self._push(name)
            for push in pushes.values():
                self._watching.seen(push.release, PATIENCE)

    def live(self, name: str) -> Live:
        """Pushes, and waits until that is live."""
        push = self._push(name)
        return Live(push, self._watching.seen(push.release, PATIENCE))

    def _push(self, name: str) -> Push:
        push = self._branches[name].push()
        if name == BARE:
            self._agent.run()
        return push


def _polled(track: _Track, polls: int) -> list[Live]:
    """Pushes at a random moment of each `polls`th part of the minute, in random order, as it counts from the last look.

    Together they are spread over the whole minute, so that few say what many would.
    """
    found = []
    parts = random.sample(range(polls), polls)
    for number, part in enumerate(parts, 1):
        time.sleep(MINUTE * (part + random.random()) / polls)  # noqa: S311 - nothing to guess
        found.append(track.live(POLLED))
        tell(f"delivery: push {number} of {polls} to the polled branch, live after {found[-1].whole:.1f} s")
    return found


def _rest(seconds: float, beside: "Future[list[Live]]") -> None:
    """Waits, but not for nothing if the polled contestant has ended or failed."""
    end = time.monotonic() + seconds
    while not beside.done() and time.monotonic() < end:
        time.sleep(0.05)


def _tell_round(found: Race, number: int, rounds: int) -> None:
    found.loads.append(os.getloadavg()[0])
    last = f", the last: ours {found.ours[-1].whole:.2f} s, bare {found.bare[-1].whole:.2f} s" if number else ""
    tell(f"delivery: round {number + 1} of {rounds}, load {found.loads[-1]:.1f}{last}")
