"""`gitops-infra status` on a running forge. What is in the clusters is told by a table."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from gitops_infra.agents import flux, objects
from gitops_infra.audit import status
from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.kubeconfigs import Kubeconfig
from gitops_infra.plan.build import plans
from gitops_infra.plan.model import Delivery
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.load import load

Cli = Callable[..., Result]

TOPOLOGY = """\
owner: acme
github_plan: enterprise
application: {name: shop, existing: true, visibility: private}
clusters:
  - {name: eu, kubeconfig: euKubeconfig}
  - {name: us}
environments:
  - {name: staging, cluster: eu}
  - {name: production, cluster: us, reviewers: [{team: platform}]}
  - {name: review}
"""


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    file = tmp_path / "topology.yaml"
    file.write_text(TOPOLOGY)
    return file


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge") as running:
        running.add_user("olivia")
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        for name in ("acme/shop-env-staging", "acme/shop-env-production"):
            running.add_repository(name)
        monkeypatch.setenv("GITHUB_TOKEN", running.token("olivia"))
        monkeypatch.setenv("GITHUB_BASE_URL", running.url)
        yield running


@pytest.fixture
def promote(forge: Sandbox, tmp_path: Path) -> Callable[[str], str]:
    def push(environment: str) -> str:
        clone = Clone.empty(tmp_path / environment)
        sha = clone.commit(None, "promoted", {"a": environment})
        url = forge.http_url(f"acme/shop-env-{environment}")
        assert clone.push(url, f"{sha}:refs/heads/env/{environment}", TokenCredential(forge.token("olivia"))).allowed
        return sha

    return push


@pytest.fixture
def there(topology: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """By namespace, the SHA that runs there, None before the first promotion; or why the cluster cannot be asked."""
    found: dict[str, Any] = {}
    planned = plans(load(topology))[0].environments
    deliveries = {each.delivery.tenant.namespace: each.delivery for each in planned if each.delivery}

    class Reader:
        def __init__(self, _: Kubeconfig) -> None:
            pass

        def get(self, _: str, kind: str, namespace: str | None, name: str) -> Any:
            space = namespace or name
            if isinstance(found.get(space), Exception):
                raise found[space]
            return None if space not in found else _live(kind, deliveries[space], found[space])

    monkeypatch.setattr(status, "ClusterReader", Reader)
    kubeconfig = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me"}}],
        "clusters": [{"name": "one", "cluster": {"server": "https://one.example"}}],
        "users": [{"name": "me", "user": {"token": "canary"}}],
    }
    tmp_path.joinpath("kubeconfig").write_text(json.dumps(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return found


def _live(kind: str, delivery: Delivery, sha: str | None) -> dict[str, Any]:
    if kind == "Namespace":
        return objects.namespace(delivery.tenant)
    made = flux.git_repository(delivery) if kind == "GitRepository" else flux.kustomization(delivery)
    revision = f"{delivery.branch}@sha1:{sha}"
    applied: dict[str, Any] = {"artifact": {"revision": revision}, "lastAppliedRevision": revision} if sha else {}
    message = "" if sha else "git repository is empty, artifact not found"
    condition = {"type": "Ready", "status": "True" if sha else "False", "message": message, "observedGeneration": 1}
    return {**made, "status": {"observedGeneration": 1, "conditions": [condition], **applied}}


def test_ready_and_waiting_are_exit_code_0(
    cli: Cli, topology: Path, promote: Callable[[str], str], there: dict[str, Any], tmp_path: Path
) -> None:
    sha = promote("staging")
    there |= {"shop-staging": sha, "shop-production": None}
    result = cli("status", topology, "--kubeconfig", f"eu={tmp_path / 'kubeconfig'}")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["environment", "cluster", "head", "fetched", "applied", "state"]
    assert lines[2].split() == ["staging", "eu", *[sha[:8]] * 3, "ready"]
    assert lines[4].split() == ["production", "us", "-", "-", "-", "waiting", "for", "the", "first", "promotion"]
    assert "WHY" not in result.stdout
    assert max(map(len, lines)) <= 100


def test_one_cluster_that_is_down_hides_nothing_of_the_others(
    cli: Cli, topology: Path, promote: Callable[[str], str], there: dict[str, Any], tmp_path: Path
) -> None:
    sha = promote("staging")
    there |= {"shop-staging": sha, "shop-production": ClusterFailed("unreachable", "us cannot be asked", "Start it")}
    result = cli("status", topology, "--kubeconfig", f"eu={tmp_path / 'kubeconfig'}")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[2].endswith("ready")
    assert " - production: cluster us: us cannot be asked. Start it. [unreachable]" in result.stdout.splitlines()


def test_a_machine_reads_json(
    cli: Cli, topology: Path, forge: Sandbox, promote: Callable[[str], str], there: dict[str, Any]
) -> None:
    sha = promote("production")
    there |= {"shop-production": "a" * 40}
    result = cli("status", topology, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["ready"], [each["state"] for each in report["environments"]]) == (False, ["unknown", "behind"])
    assert report["environments"][1] == {
        "application": "acme/shop",
        "environment": "production",
        "cluster": "us",
        "namespace": "shop-production",
        "repository": "acme/shop-env-production",
        "branch": "env/production",
        "state": "behind",
        "head": sha,
        "fetched": "a" * 40,
        "applied": "a" * 40,
        "problems": report["environments"][1]["problems"],
    }
    assert set(report["environments"][1]["problems"][0]) == {"where", "code", "reason", "remedy"}
    # Its kubeconfig is in a stack, and none was given.
    assert [each["code"] for each in report["environments"][0]["problems"]] == ["no-kubeconfig"]


def test_a_forge_that_is_down_hides_nothing_of_the_clusters(
    cli: Cli, topology: Path, there: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_canary")
    there |= {"shop-production": "a" * 40}
    result = cli("status", topology, "--json", "--base-url", "http://127.0.0.1:9")
    production = json.loads(result.stdout)["environments"][1]
    assert (result.exit_code, production["state"], production["applied"]) == (1, "unknown", "a" * 40)
    assert [each["code"] for each in production["problems"]] == ["forge-unreachable"]
    assert "canary" not in result.output


def test_a_bad_token_and_an_absent_repository_are_told(
    cli: Cli, topology: Path, forge: Sandbox, there: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    topology.write_text(TOPOLOGY.replace("name: production,", "name: production, state_repository: gone,"))
    codes = []
    for token in (forge.token("olivia"), "ghp_wrong"):
        monkeypatch.setenv("GITHUB_TOKEN", token)
        report = json.loads(cli("status", topology, "--json").stdout)
        codes.append([each["code"] for each in report["environments"][1]["problems"]])
    assert codes == [["repository-absent", "namespace-absent"], ["bad-token", "namespace-absent"]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("eu", "--kubeconfig 'eu' is no CLUSTER=FILE"),
        ("asia=x", "--kubeconfig 'asia=x': the topology has no cluster 'asia'; it has eu, us"),
    ],
)
def test_a_kubeconfig_of_no_cluster_is_refused(cli: Cli, topology: Path, given: str, message: str) -> None:
    result = cli("status", topology, "--kubeconfig", given)
    assert (result.exit_code, result.stderr) == (1, f"gitops-infra: {message}\n")


def test_without_clusters_there_is_nothing_to_look_at(cli: Cli, topology: Path, forge: Sandbox) -> None:
    plain = TOPOLOGY.replace(", cluster: eu", "").replace(", cluster: us", "")
    topology.write_text(plain)
    result = cli("status", topology)
    assert result.exit_code == 0
    assert result.stdout.endswith("no environment is in a cluster, so there is nothing to look at\n")
