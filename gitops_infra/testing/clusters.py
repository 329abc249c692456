"""The fixture `clusters`: real Kubernetes clusters with Flux, shared by all tests of one process."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gitops_infra.sandbox.cluster.clusters import Clusters


@pytest.fixture(scope="session")
def clusters() -> Iterator["Clusters"]:
    """The clusters `staging`, `production` and `review`: ready, with Flux, gone when the session ends.

    They are started once for each worker, so tests share them: use a namespace of your own, and bring an API server
    that you stop back. What is missing is built, which takes minutes, once for each machine.
    """
    from gitops_infra.sandbox.cluster.clusters import Clusters  # noqa: PLC0415 - only when a test needs it
    from gitops_infra.sandbox.toolchain.progress import default_progress  # noqa: PLC0415

    with Clusters(progress=default_progress()) as running:
        yield running
