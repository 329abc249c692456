"""What the tests of the plugins share: a plugin as the engine starts it, and the engine itself."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
import yaml
from kubernetes import config
from kubernetes.dynamic import DynamicClient
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters

Stub = provider_pb2_grpc.ResourceProviderStub


@contextmanager
def running(plugin: str, **environment: str) -> Iterator[Stub]:
    """A plugin in a process of its own, over its real protocol."""
    command = [sys.executable, "-P", "-m", "gitops_infra.sandbox.plugins.start", plugin]
    variables = {**os.environ, **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Stub(channel)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def tls() -> Iterator[Stub]:
    with running("tls") as stub:
        yield stub


@pytest.fixture(scope="session")
def cluster(clusters: Clusters) -> Cluster:
    """A real cluster for all tests; each works in a namespace of its own."""
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
    name = f"plugins-{next(_numbers)}"
    live.resources.get(api_version="v1", kind="Namespace").create({"metadata": {"name": name}})
    return name


@pytest.fixture(scope="module")
def configured() -> Iterator[Callable[..., Stub]]:
    """Starts the kubernetes plugin with a provider's settings."""
    with ExitStack() as stack:

        def start(kubeconfig: str, environment: dict[str, str] | None = None, **settings: str) -> Stub:
            stub = stack.enter_context(running("kubernetes", **(environment or {})))
            variables = {f"kubernetes:config:{name}": value for name, value in settings.items()}
            variables["kubernetes:config:kubeconfig"] = kubeconfig
            stub.Configure(provider_pb2.ConfigureRequest(variables=variables, acceptSecrets=True))
            return stub

        yield start


@pytest.fixture(scope="module")
def provider(configured: Callable[..., Stub], cluster: Cluster) -> Stub:
    """The kubernetes plugin on the cluster, with default settings."""
    return configured(cluster.kubeconfig)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a Pulumi.yaml; tests write its __main__.py."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: keys\nruntime: python\n")
    return folder
