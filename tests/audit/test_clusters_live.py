"""Preflight's questions to a real API server: who may what, and what is there."""

from pathlib import Path

import pytest

from gitops_infra.audit.checks import clusters as checks
from gitops_infra.audit.known import Known
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.plan.build import plans
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.topology.validate import validate

pytestmark = pytest.mark.engine

RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    return clusters["production"]


def look(kubeconfig: str, folder: Path, **sync: object) -> list[str]:
    """Severity and code of each finding but that on lock-down."""
    topology = validate(
        {
            "owner": "acme",
            "github_plan": "team",
            "application": {"name": "seen", "existing": True, "visibility": "public"},
            "clusters": [{"name": "eu", "receiver_url": "https://flux.example.com"}],
            "environments": [{"name": "staging", "cluster": "eu", "sync": sync or None}],
        }
    )
    file = folder / "kubeconfig"
    file.write_text(kubeconfig)
    target = (topology.clusters or [])[0]
    deliveries = checks.used(plans(topology))["eu"]
    found = checks.check(target, deliveries, Kubeconfigs({"eu": file}), Known())
    return [str(finding) for finding in found if finding.code != "flux-lockdown"]


def test_an_administrator_finds_flux_and_nothing_in_the_way(cluster: Cluster, tmp_path: Path) -> None:
    assert look(cluster.kubeconfig, tmp_path) == []


def test_who_may_nothing_is_told_what_up_needs(cluster: Cluster, tmp_path: Path) -> None:
    (line,) = look(cluster.user("stranger"), tmp_path)
    assert 'namespaces "seen-staging" is forbidden: User "stranger" cannot get' in line
    assert line.endswith("[cluster-forbidden]")


def test_a_right_that_is_missing_is_named_and_so_is_what_may_not_be_granted(cluster: Cluster, tmp_path: Path) -> None:
    name = "preflight-reader"
    verbs = ["get", "create", "patch", "delete"]
    groups = ("source", "kustomize", "notification")
    rules = [
        {"apiGroups": [""], "resources": ["namespaces", "serviceaccounts"], "verbs": verbs},
        {"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": verbs},
        {"apiGroups": [f"{each}.toolkit.fluxcd.io" for each in groups], "resources": ["*"], "verbs": verbs},
    ]
    body = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": name}}
    cluster.api.apply(f"/apis/{RBAC}/v1/clusterroles/{name}", {**body, "kind": "ClusterRole", "rules": rules})
    binding = {
        "kind": "ClusterRoleBinding",
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": name}],
    }
    cluster.api.apply(f"/apis/{RBAC}/v1/clusterrolebindings/{name}", {**body, **binding})
    lines = look(cluster.user(name), tmp_path)
    assert [line.rpartition("[")[2] for line in lines] == ["missing-right]", "cannot-grant]"]
    assert "create secrets, get secrets, patch secrets, delete secrets in namespace seen-staging" in lines[0]


def test_namespaces_and_cluster_roles_are_looked_for(cluster: Cluster, tmp_path: Path) -> None:
    assert [line.rpartition("[")[2] for line in look(cluster.kubeconfig, tmp_path, existing_namespace=True)] == [
        "namespace-absent]"
    ]
    assert look(cluster.kubeconfig, tmp_path, cluster_role="edit") == []
    assert [line.rpartition("[")[2] for line in look(cluster.kubeconfig, tmp_path, cluster_role="absent")] == [
        "cluster-role-absent]"
    ]
