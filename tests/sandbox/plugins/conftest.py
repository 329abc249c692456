"""What the tests of the plugins share: a plugin as the engine starts it, and the engine itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2_grpc


@pytest.fixture(scope="module")
def tls() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The tls plugin in a process of its own, over its real protocol."""
    command = [sys.executable, "-P", "-m", "gitops_infra.sandbox.plugins.start", "tls", "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.kill()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a Pulumi.yaml; tests write its __main__.py."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: keys\nruntime: python\n")
    return folder
