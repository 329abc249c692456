"""What the tests of the kubernetes plugin share: a real cluster, the plugin as the engine starts it, and objects."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest
import yaml
from kubernetes import config
from kubernetes.dynamic import DynamicClient
from pulumi.runtime.proto import provider_pb2, status_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.plugins import wire

CANARY = "canary-that-nobody-may-see"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
NAMESPACE = "kubernetes:core/v1:Namespace"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
HOLD = "example.com/hold"
OWNER = "the kubernetes plugin of the sandbox"
DEAD = yaml.safe_dump(
    {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": CANARY}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
)
"""A kubeconfig for an address where nothing listens."""

Values = dict[str, Any]
Configured = Callable[..., "Plugin"]


class Plugin:
    """A running plugin, called in plain values."""

    def __init__(self, stub: ResourceProviderStub) -> None:
        self.stub = stub

    def checked(self, token: str, news: Values, olds: Values | None = None, **more: Any) -> Values:
        request = provider_pb2.CheckRequest(urn=urn(token), news=wire.write(news), **more)
        if olds is not None:
            request.olds.CopyFrom(wire.write(olds))
        return wire.read(self.stub.Check(request).inputs)

    def create(self, token: str, inputs: Values, **more: Any) -> tuple[str, Values]:
        answer = self.stub.Create(provider_pb2.CreateRequest(urn=urn(token), properties=wire.write(inputs), **more))
        return answer.id, wire.read(answer.properties)

    def update(self, token: str, olds: Values, news: Values, **more: Any) -> Values:
        request = provider_pb2.UpdateRequest(urn=urn(token), olds=wire.write(olds), news=wire.write(news), **more)
        return wire.read(self.stub.Update(request).properties)

    def diff(self, token: str, olds: Values, news: Values, **more: Any) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(urn=urn(token), olds=wire.write(olds), news=wire.write(news), **more)
        return self.stub.Diff(request)

    def differing(self, token: str, olds: Values, news: Values) -> dict[str, str]:
        found = self.diff(token, olds, news).detailedDiff
        return {path: provider_pb2.PropertyDiff.Kind.Name(one.kind) for path, one in found.items()}

    def read(self, token: str, identity: str, state: Values, inputs: Values) -> tuple[str, Values, Values]:
        request = provider_pb2.ReadRequest(
            urn=urn(token), id=identity, properties=wire.write(state), inputs=wire.write(inputs)
        )
        answer = self.stub.Read(request)
        return answer.id, wire.read(answer.properties), wire.read(answer.inputs)

    def delete(self, token: str, identity: str, state: Values, timeout: float = 0) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(urn=urn(token), id=identity, properties=wire.write(state), timeout=timeout)
        )

    def config_diff(self, olds: Values, news: Values) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(
            urn=urn("pulumi:providers:kubernetes"), olds=wire.write(olds), news=wire.write(news)
        )
        return self.stub.DiffConfig(request)


def urn(token: str, name: str = "thing") -> str:
    return f"urn:pulumi:s::p::{token}::{name}"


def config_map(namespace: str, name: str = "settings", **data: str) -> Values:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data or {"mode": "on"},
    }


def secret(namespace: str, **fields: Any) -> Values:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": namespace}, **fields}


def deployment(namespace: str, **spec: Any) -> Values:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web"}], **spec},
            },
        },
    }


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return str(caught.value.details())


def partial(call: Callable[[], object]) -> provider_pb2.ErrorResourceInitFailed:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    [status] = [value for key, value in caught.value.trailing_metadata() if key == "grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(status).details[0].Unpack(detail)
    return detail


def objects(live: DynamicClient, kind: str = "ConfigMap", api_version: str = "v1") -> Any:
    return live.resources.get(api_version=api_version, kind=kind)


@contextmanager
def running(kubeconfig: str, environment: dict[str, str] | None = None, **settings: str) -> Iterator[Plugin]:
    """The plugin in a process of its own, with a provider's settings."""
    command = [sys.executable, "-P", "-m", "gitops_infra.sandbox.plugins.start", "kubernetes"]
    given = {"kubeconfig": kubeconfig, **settings}
    variables = {f"kubernetes:config:{name}": value for name, value in given.items()}
    surroundings = {**os.environ, **(environment or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = ResourceProviderStub(channel)
                stub.Configure(provider_pb2.ConfigureRequest(variables=variables, acceptSecrets=True))
                yield Plugin(stub)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def cluster(clusters: Clusters) -> Cluster:
    """A real cluster; each test works in a namespace of its own."""
    return clusters["staging"]


@pytest.fixture(scope="session")
def live(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamicClient]:
    """The cluster as its administrator sees it, by the official client."""
    client = config.new_client_from_config_dict(yaml.safe_load(cluster.kubeconfig))
    yield DynamicClient(client, cache_file=str(tmp_path_factory.mktemp("discovery") / "cache.json"))
    client.rest_client.pool_manager.clear()  # else Python complains about its open connection


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def namespace(live: DynamicClient, _numbers: Iterator[int]) -> str:
    """Left behind, for its deletion takes five seconds."""
    name = f"plugins-{next(_numbers)}"
    objects(live, "Namespace").create({"metadata": {"name": name}})
    return name


@pytest.fixture
def configured() -> Iterator[Configured]:
    """Starts the plugin with a provider's settings, for one test."""
    with ExitStack() as stack:
        yield lambda *given, **settings: stack.enter_context(running(*given, **settings))


@pytest.fixture(scope="session")
def provider(cluster: Cluster) -> Iterator[Plugin]:
    """The plugin on the cluster, with default settings."""
    with running(cluster.kubeconfig) as plugin:
        yield plugin
