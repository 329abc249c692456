"""An `up` that changes nothing, with many environments in one cluster: what it asks the API server, time, memory."""

import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from bench.api_proxy import Asked, Relay
from bench.followed import KUBECONFIG, Followed
from bench.memory import peak
from bench.rounds import tell
from bench.stacks import PulumiStack
from bench.world import Step, world
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.engine import Engine

PARALLEL = 32
TIMEOUT = 60.0


@dataclass(frozen=True)
class Crowd:
    """One size."""

    environments: int
    made: Step
    """From the size before."""
    asked_first: int
    """Requests to the API server for that."""
    again: Step
    """The one without changes, the first after that."""
    settled: Step
    """One more: the first also writes into the state what the providers have come to see differently."""
    asked: Sequence[Asked]
    """What that asked the API server."""
    peak: int
    """Bytes that the first one and all that it started had at most."""
    state: int
    """Bytes."""
    load: float
    """Of the machine, at its end."""

    @property
    def objects(self) -> list[Asked]:
        """What was asked beyond the start of the provider."""
        return [one for one in self.asked if not one.starts]


def crowd(engine: Engine, cluster: Cluster, sizes: Sequence[int]) -> Iterator[Crowd]:
    """One stack that grows from size to size, each as soon as it is measured."""
    with Relay(_client(cluster)) as relay, world(kubeconfigs={KUBECONFIG: relay.kubeconfig}) as one:

        def subject(size: int) -> Followed:
            return Followed(size, known_hosts=one.forge.known_hosts, receiver_url=cluster.receiver_url)

        stack = PulumiStack(engine, one, subject(sizes[0]), program="ours", settings=None, parallel=PARALLEL)
        for size in sizes:
            tell(f"delivery: up with {size} environments in one cluster")
            before = len(relay.asked)
            made = stack.become(subject(size))
            tell(f"  {made.seconds:.0f} s, {len(relay.asked) - before} requests to the API server; no-op up")
            middle = len(relay.asked)
            with peak(str(engine.home.binaries / "pulumi")) as memory:
                again = stack.no_op()
            asked = tuple(relay.asked[middle:])
            listed = ", ".join(map(str, asked)) or "nothing"
            tell(f"  {again.seconds:.1f} s, {memory.bytes / 1e6:.0f} MB, asked: {listed}")
            settled = stack.no_op()
            tell(f"  once more: {settled.seconds:.1f} s")
            state, load = stack.state_bytes(), os.getloadavg()[0]
            yield Crowd(size, made, middle - before, again, settled, asked, memory.bytes, state, load)


def _client(cluster: Cluster) -> httpx.Client:
    """As the cluster's administrator: certificate and key are where its own clients have them."""
    context = ssl.create_default_context(cadata=cluster.ca)
    context.load_cert_chain(cluster.directory / "pki" / "admin.pem")
    limits = httpx.Limits(max_connections=PARALLEL, max_keepalive_connections=PARALLEL)
    return httpx.Client(base_url=cluster.server, verify=context, trust_env=False, timeout=TIMEOUT, limits=limits)
