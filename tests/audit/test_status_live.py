"""Status against real Flux: objects are made as `pulumi up` makes them, the forge is the sandbox's."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ruamel.yaml import YAML

from gitops_infra.agents import flux, objects
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.status import Status, statuses
from gitops_infra.plan.build import plans
from gitops_infra.plan.model import Delivery
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

pytestmark = pytest.mark.engine

PLURALS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "GitRepository": "gitrepositories",
    "Kustomization": "kustomizations",
    "Receiver": "receivers",
}
SIGNER = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0AAAA==\n-----END PGP PUBLIC KEY BLOCK-----\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {greeting: hello}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\nstringData: {a: b}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      nodeSelector: {nowhere: "true"}
      containers: [{name: shop, image: shop}]
"""


@pytest.fixture(scope="module")
def forge() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.add_user("olivia")
        sandbox.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        yield sandbox


@dataclass
class Environment:
    """One environment whose cluster objects are there, and whose branch a test moves."""

    forge: Sandbox
    cluster: Cluster
    topology: Topology
    delivery: Delivery
    clone: Clone
    parents: list[str | None] = field(default_factory=lambda: [None])

    def promote(self, files: dict[str, str]) -> str:
        sha = self.clone.commit(self.parents[-1], "promoted", files)
        self.parents.append(sha)
        answer = self.clone.push(
            self.forge.http_url(self.delivery.key.repository),
            f"{sha}:refs/heads/{self.delivery.branch}",
            TokenCredential(self.forge.token("olivia")),
        )
        assert answer.allowed, answer.message
        return sha

    def apply(self, found: dict[str, Any]) -> None:
        self.cluster.api.apply(self.path(found["apiVersion"], found["kind"], found["metadata"]["name"]), found)

    def path(self, version: str, kind: str, name: str) -> str:
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        inside = "" if kind == "Namespace" else f"/namespaces/{self.delivery.tenant.namespace}"
        return f"{root}{inside}/{PLURALS[kind]}/{name}"

    def make(self, *, key: bool = True, known_hosts: str | None = None) -> None:
        """What `pulumi up` makes."""
        tenant, private = self.delivery.tenant, Ed25519PrivateKey.generate()
        for found in (
            objects.namespace(tenant),
            objects.service_account(tenant),
            objects.role(tenant),
            objects.role_binding(tenant),
        ):
            assert found is not None
            self.apply(found)
        if key:
            self.register(private)
        self.secret(private, known_hosts or self.forge.known_hosts)
        if self.delivery.signed_by:
            meta = objects.metadata(tenant, flux.signers_secret_name(self.delivery))
            data = flux.signers(self.delivery)
            self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})
        self.apply(flux.git_repository(self.delivery))
        self.apply(flux.kustomization(self.delivery))

    def register(self, private: Ed25519PrivateKey) -> None:
        public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        answer = httpx.post(
            f"{self.forge.api_url}/repos/{self.delivery.key.repository}/keys",
            json={"title": self.delivery.key.title, "key": public.decode(), "read_only": True},
            headers={"Authorization": f"Bearer {self.forge.token('olivia')}"},
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text

    def secret(self, private: Ed25519PrivateKey, known_hosts: str) -> None:
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        ).decode()
        meta = objects.metadata(self.delivery.tenant, flux.git_secret_name(self.delivery))
        data = {"identity": text, "known_hosts": known_hosts}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})

    def patched(self, found: dict[str, Any], **spec: Any) -> None:
        self.apply({**found, "spec": {**found["spec"], **spec}})

    def ask_to_look(self) -> None:
        """Has the source fetch now, as `flux reconcile source git` does."""
        found = flux.git_repository(self.delivery)
        asked = {"reconcile.fluxcd.io/requestedAt": str(time.time_ns())}
        self.apply({**found, "metadata": {**found["metadata"], "annotations": asked}})

    def look(self, kubeconfig: Path | None = None) -> Status:
        given = {"dev": kubeconfig or self.cluster.kubeconfig_file}
        with GitHubReader(self.forge.token("olivia"), self.forge.url) as reader:
            (found,) = statuses(plans(self.topology), self.topology.clusters or (), reader, Kubeconfigs(given))
        return found

    def reaches(self, state: str, code: str | None = None, seconds: float = 60) -> Status:
        """Waits until the status is that."""
        end = time.monotonic() + seconds
        while True:
            found = self.look()
            codes = [trouble.code for trouble in found.verdict.troubles]
            if found.verdict.state == state and (code is None or codes[:1] == [code]):
                return found
            assert time.monotonic() < end, f"waited {seconds} s for {state} {code}: {found}"
            time.sleep(0.2)


@pytest.fixture
def environment(forge: Sandbox, clusters: Clusters, tmp_path: Path, request: pytest.FixtureRequest) -> Environment:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").partition("[")[0])[:30].strip("-")
    sync = {"poll_seconds": 10, "timeout_seconds": 30, **getattr(request, "param", {})}
    topology = validate(
        {
            "owner": "acme",
            "github_plan": "enterprise",
            "application": {"name": name, "existing": True, "visibility": "private"},
            "clusters": [{"name": "dev"}],
            "known_hosts": forge.known_hosts.splitlines(),
            "environments": [{"name": "staging", "cluster": "dev", "sync": sync}],
        }
    )
    delivery = plans(topology)[0].environments[0].delivery
    assert delivery is not None
    forge.add_repository(delivery.key.repository)
    return Environment(forge, clusters["review"], topology, delivery, Clone.empty(tmp_path / "clone"))


@pytest.mark.parametrize("environment", [{"poll_seconds": 3600}], indirect=True)
def test_from_nothing_to_the_head_of_the_branch(environment: Environment) -> None:
    assert [each.code for each in environment.look().verdict.troubles] == ["namespace-absent"]
    environment.make()
    first = environment.reaches("waiting")
    assert (first.head, first.verdict.fetched, first.verdict.applied) == (None, None, None)
    time.sleep(1)
    assert environment.look().verdict.state == "waiting"
    environment.promote({"deploy/staging/shop.yaml": CONFIG_MAP})
    environment.ask_to_look()
    environment.reaches("ready")
    # From here on Flux looks once an hour, so what is in between can be seen however slow the machine is.
    sha = environment.promote({"deploy/staging/shop.yaml": CONFIG_MAP.replace("hello", "welcome")})
    assert environment.look().verdict.state == "behind"
    environment.ask_to_look()
    last = environment.reaches("ready")
    assert (last.head, last.verdict.fetched, last.verdict.applied) == (sha, sha, sha)
    assert last.good


def test_manifests_beyond_the_rights_name_the_permissions(environment: Environment) -> None:
    environment.make()
    environment.promote({"deploy/staging/other.yaml": SECRET})
    trouble = environment.reaches("failed", "refused").verdict.troubles[0]
    assert "`sync.permissions`" in trouble.remedy
    assert "secrets" in trouble.reason


def test_a_branch_without_the_folder(environment: Environment) -> None:
    environment.make()
    environment.promote({"README.md": "nothing"})
    trouble = environment.reaches("failed", "path-absent").verdict.troubles[0]
    assert trouble.reason == "the branch has no folder `deploy/staging`"


def test_manifests_that_cannot_be_built(environment: Environment) -> None:
    environment.make()
    environment.promote({"deploy/staging/kustomization.yaml": "resources: [absent.yaml]\n"})
    environment.reaches("failed", "build-failed")


def test_manifests_that_the_api_server_refuses(environment: Environment) -> None:
    environment.make()
    environment.promote({"deploy/staging/shop.yaml": CONFIG_MAP.replace("name: shop", "name: Shop_1")})
    environment.reaches("failed", "rejected")


def test_what_does_not_become_healthy(environment: Environment) -> None:
    environment.make()
    sha = environment.promote({"deploy/staging/shop.yaml": DEPLOYMENT})
    applying = environment.reaches("behind", "applying")
    assert applying.verdict.fetched == sha
    trouble = environment.reaches("failed", "unhealthy").verdict.troubles[0]
    assert "Deployment" in trouble.reason
    time.sleep(environment.delivery.poll_seconds + 1)
    again = environment.look()
    assert (again.verdict.state, again.verdict.troubles[0].code) == ("failed", "unhealthy")


def test_a_key_that_the_forge_does_not_have(environment: Environment) -> None:
    environment.make(key=False)
    trouble = environment.reaches("failed", "key-refused").verdict.troubles[0]
    assert trouble.remedy == "Raise `sync.generation` by one and run `pulumi up`, which makes a new one"


def test_another_host_key(environment: Environment) -> None:
    other = Ed25519PrivateKey.generate().public_key()
    line = other.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    environment.make(known_hosts=f"{environment.forge.known_hosts.split()[0]} {line}\n")
    environment.reaches("failed", "host-key")


@pytest.mark.parametrize("environment", [{"signed_by": [SIGNER]}], indirect=True, ids=["signed"])
def test_a_commit_that_nobody_signed_is_not_applied(environment: Environment) -> None:
    environment.make()
    sha = environment.promote({"deploy/staging/shop.yaml": CONFIG_MAP})
    found = environment.reaches("failed", "not-signed")
    assert sha in found.verdict.troubles[0].reason
    assert found.verdict.applied is None


def test_suspended_and_changed_by_hand(environment: Environment) -> None:
    environment.make()
    wanted = flux.git_repository(environment.delivery)
    environment.patched(wanted, suspend=True)
    assert environment.look().verdict.troubles[0].code == "suspended"
    environment.patched(wanted, ref={"branch": "elsewhere"})
    assert environment.look().verdict.troubles[0].code == "agent-differs"


def test_a_namespace_of_somebody_else(environment: Environment) -> None:
    found = objects.namespace(environment.delivery.tenant)
    del found["metadata"]["labels"]
    environment.apply(found)
    assert environment.look().verdict.troubles[0].code == "namespace-foreign"


def test_a_branch_that_was_deleted(environment: Environment) -> None:
    environment.make()
    environment.promote({"deploy/staging/shop.yaml": CONFIG_MAP})
    environment.reaches("ready")
    url = environment.forge.http_url(environment.delivery.key.repository)
    credential = TokenCredential(environment.forge.token("olivia"))
    # The default branch of a repository cannot be deleted: it gets another one first.
    assert environment.clone.push(url, f"{environment.parents[-1]}:refs/heads/main", credential).allowed
    httpx.patch(
        f"{environment.forge.api_url}/repos/{environment.delivery.key.repository}",
        json={"default_branch": "main"},
        headers={"Authorization": f"Bearer {environment.forge.token('olivia')}"},
        trust_env=False,
    ).raise_for_status()
    assert environment.clone.push(url, f":refs/heads/{environment.delivery.branch}", credential).allowed
    environment.reaches("failed", "branch-gone")


def test_who_may_not_look_and_whose_credentials_are_old(environment: Environment, tmp_path: Path) -> None:
    environment.make()
    file = tmp_path / "kubeconfig"
    for text, code in (
        (environment.cluster.user("nobody"), "forbidden"),
        (environment.cluster.user("late", expired=True), "refused-credentials"),
        (environment.cluster.service_account_kubeconfig("default", "default"), "forbidden"),
    ):
        file.write_text(text)
        found = environment.look(file)
        assert (found.verdict.state, found.verdict.troubles[0].code) == ("unknown", code)


def test_an_authority_of_another_cluster(environment: Environment, clusters: Clusters, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    document = _yaml(environment.cluster.kubeconfig)
    document["clusters"] = [
        {**entry, "cluster": {**entry["cluster"], **_authority(clusters["staging"])}} for entry in document["clusters"]
    ]
    file.write_text(json.dumps(document))
    trouble = environment.look(file).verdict.troubles[0]
    assert (trouble.code, trouble.where) == ("untrusted", "cluster dev")
    assert "is not signed by the authority of the kubeconfig" in trouble.reason


def _yaml(text: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def _authority(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = _yaml(cluster.kubeconfig)["clusters"][0]["cluster"]
    return {"certificate-authority-data": found["certificate-authority-data"]}
