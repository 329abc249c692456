"""Flux follows branches of the sandbox forge, over HTTP and over SSH with a key that can only read."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.forge.server import Sandbox

Wait = Callable[..., Any]
MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: shop}}
data: {{greeting: {greeting}}}
"""
GIT, DELIVERY, RECEIVER = (
    "source.toolkit.fluxcd.io/v1",
    "kustomize.toolkit.fluxcd.io/v1",
    "notification.toolkit.fluxcd.io/v1",
)


class Tenant:
    """A namespace that follows a branch."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def apply(self, version: str, plural: str, kind: str, name: str, **parts: Any) -> dict[str, Any]:
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **parts}
        return self.cluster.api.apply(self.path(version, plural, name), body)

    def get(self, version: str, plural: str, name: str) -> dict[str, Any]:
        return self.cluster.api.get(self.path(version, plural, name)) or {}

    def path(self, version: str, plural: str, name: str) -> str:
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        return f"{root}/namespaces/{self.namespace}/{plural}/{name}"

    def ready(self, version: str, plural: str, name: str) -> tuple[str, str]:
        """Status and message of the Ready condition."""
        conditions = self.get(version, plural, name).get("status", {}).get("conditions", [])
        found = (entry for entry in conditions if entry["type"] == "Ready")
        return next(((entry["status"], entry["message"]) for entry in found), ("", ""))

    def source(self, url: str, **more: Any) -> None:
        spec = {"url": url, "interval": "1h", "ref": {"branch": "main"}, **more}
        self.apply(GIT, "gitrepositories", "GitRepository", "shop", spec=spec)

    def delivery(self, **place: str) -> None:
        reference = {"kind": "GitRepository", "name": "shop", **place}
        spec = {"interval": "1h", "retryInterval": "2s", "prune": True, "path": "./", "sourceRef": reference}
        self.apply(
            DELIVERY, "kustomizations", "Kustomization", "shop", spec={**spec, "targetNamespace": self.namespace}
        )

    def allow(self) -> None:
        """Lets the namespace's own service account, as which Flux acts, edit the namespace."""
        group = "rbac.authorization.k8s.io"
        self.apply(
            f"{group}/v1",
            "rolebindings",
            "RoleBinding",
            "delivery",
            roleRef={"apiGroup": group, "kind": "ClusterRole", "name": "edit"},
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": self.namespace}],
        )

    def greeting(self) -> str:
        return str(self.get("v1", "configmaps", "shop").get("data", {}).get("greeting", ""))


@pytest.fixture
def tenant(staging: Cluster, namespace: str) -> Tenant:
    return Tenant(staging, namespace)


@pytest.fixture(scope="module")
def forge() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.add_user("olivia")
        sandbox.add_organization("acme", owners=["olivia"])
        yield sandbox


@pytest.fixture
def push(forge: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Pushes a greeting to a public repository of this test; its full name is `acme/<test>`."""
    name = f"acme/{request.node.name.replace('_', '-')[:50].strip('-')}"
    forge.add_repository(name, visibility="public")
    credential = TokenCredential(forge.token("olivia"))
    clone = Clone.empty(tmp_path / "clone")
    parents: list[str | None] = [None]

    def change(greeting: str) -> str:
        sha = clone.commit(parents[-1], greeting, {"shop.yaml": MANIFEST.format(greeting=greeting)})
        parents.append(sha)
        answer = clone.push(forge.http_url(name), f"{sha}:refs/heads/main", credential)
        assert answer.allowed, answer.message
        return name

    return change


def test_a_push_is_live_soon_and_only_with_the_tenants_own_rights(
    forge: Sandbox,
    tenant: Tenant,
    push: Callable[[str], str],
    eventually: Wait,
    record_property: Callable[[str, object], None],
) -> None:
    tenant.source(forge.http_url(push("hello")))
    tenant.delivery()
    eventually(lambda: "forbidden" in tenant.ready(DELIVERY, "kustomizations", "shop")[1])
    assert "default" in tenant.ready(DELIVERY, "kustomizations", "shop")[1]
    tenant.allow()
    eventually(lambda: tenant.greeting() == "hello")

    tenant.apply("v1", "secrets", "Secret", "token", stringData={"token": "anything"})
    sources = [{"apiVersion": GIT, "kind": "GitRepository", "name": "shop"}]
    spec = {"type": "generic", "secretRef": {"name": "token"}, "resources": sources}
    tenant.apply(RECEIVER, "receivers", "Receiver", "shop", spec=spec)
    path = eventually(lambda: tenant.get(RECEIVER, "receivers", "shop").get("status", {}).get("webhookPath"))
    push("goodbye")
    started = time.monotonic()
    answer = httpx.post(f"{tenant.cluster.receiver_url}{path}", trust_env=False)
    assert answer.status_code == 200, answer.text
    eventually(lambda: tenant.greeting() == "goodbye")
    record_property("seconds_from_webhook_to_live", time.monotonic() - started)


def test_source_controller_clones_over_ssh_with_a_key_that_can_only_read(
    forge: Sandbox, tenant: Tenant, push: Callable[[str], str], eventually: Wait, tmp_path: Path
) -> None:
    name = push("by key")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    answer = httpx.post(
        f"{forge.api_url}/repos/{name}/keys",
        json={"title": "flux", "key": public, "read_only": True},
        headers={"Authorization": f"Bearer {forge.token('olivia')}"},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    url = forge.ssh_url(name)
    assert url.startswith("ssh://git@127.0.0.1:")
    tenant.apply("v1", "secrets", "Secret", "key", stringData={"identity": private, "known_hosts": forge.known_hosts})
    tenant.allow()
    tenant.source(url, secretRef={"name": "key"})
    tenant.delivery()
    eventually(lambda: tenant.greeting() == "by key")
    assert tenant.ready(GIT, "gitrepositories", "shop")[0] == "True"

    thief = Clone.of(url, tmp_path / "thief", KeyCredential(private, forge.known_hosts))
    assert not thief.push(url, "HEAD:refs/heads/other", KeyCredential(private, forge.known_hosts)).allowed


def test_a_source_with_another_servers_host_key_is_refused(
    forge: Sandbox, tenant: Tenant, push: Callable[[str], str], eventually: Wait
) -> None:
    name = push("never")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    other = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    hosts = f"{forge.known_hosts.split()[0]} {other}\n"
    tenant.apply("v1", "secrets", "Secret", "key", stringData={"identity": private, "known_hosts": hosts})
    tenant.source(forge.ssh_url(name), secretRef={"name": "key"})
    status, message = eventually(
        lambda: (found := tenant.ready(GIT, "gitrepositories", "shop"))[0] == "False" and found
    )
    assert status == "False"
    assert "knownhosts" in message


def test_a_tenant_cannot_use_the_source_of_another(tenant: Tenant, eventually: Wait) -> None:
    tenant.delivery(namespace="flux-system")
    message = eventually(lambda: tenant.ready(DELIVERY, "kustomizations", "shop")[1])
    assert "cross-namespace references have been blocked" in message
