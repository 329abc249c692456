"""What the tests of the clusters share: the clusters, namespaces of their own, and waiting."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Waits until a call returns something true, and returns that."""

    def wait(question: Callable[[], Any], seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < end, f"waited {seconds} s in vain"
            time.sleep(0.02)
        return answer

    return wait


@pytest.fixture
def staging(clusters: Clusters) -> Cluster:
    return clusters["staging"]


@pytest.fixture
def namespace(request: pytest.FixtureRequest, staging: Cluster) -> str:
    """A namespace of this test in staging. It is left behind: its deletion would take five seconds."""
    name = request.node.name.replace("_", "-")[:50].strip("-")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    staging.api.apply(f"/api/v1/namespaces/{name}", body)
    return name
