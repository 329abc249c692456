"""Clusters that cannot be looked at, or only in part: never fine. On a real one: tests/guarantee/test_changes.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.verification import clusters
from gitops_infra.audit.verification.exposure import Exposure, Unverifiable
from gitops_infra.plan.build import plan
from gitops_infra.topology.validate import validate

LISTS = {
    "/apis/rbac.authorization.k8s.io/v1/rolebindings": {"items": []},
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings": {"items": []},
    "/apis/apps/v1/deployments": {"items": []},
}
Seen = list[Exposure | Unverifiable]


@pytest.fixture
def seen(api: Any, tmp_path: Path) -> Callable[..., Seen]:
    """What is said of a cluster with one tenant. `api` is a fake API server."""
    path = tmp_path / "kubeconfig"

    def run(*, kubeconfig: str | None = None) -> Seen:
        path.write_text(kubeconfig or api.kubeconfig())
        topology = validate(
            {
                "owner": "acme",
                "github_plan": "enterprise",
                "application": {"name": "shop", "existing": True, "visibility": "private"},
                "clusters": [{"name": "dev"}],
                "environments": [{"name": "staging", "cluster": "dev"}],
            }
        )
        (cluster,) = topology.clusters or ()
        used = clusters.used([plan(topology)])
        return list(clusters.check(cluster, used["dev"], Kubeconfigs({"dev": path}, environment={})))

    return run


@pytest.fixture(autouse=True)
def discovery(api: Any) -> None:
    """Kinds that the fake of preflight does not have."""
    rows = [("roles", "Role"), ("rolebindings", "RoleBinding"), ("clusterrolebindings", "ClusterRoleBinding")]
    for path, kinds in (
        ("/api/v1", [("namespaces", "Namespace"), ("serviceaccounts", "ServiceAccount"), ("secrets", "Secret")]),
        ("/apis/rbac.authorization.k8s.io/v1", rows),
        ("/apis/apps/v1", [("deployments", "Deployment")]),
    ):
        resources = [
            {"name": name, "kind": kind, "namespaced": kind not in {"Namespace", "ClusterRoleBinding"}}
            for name, kind in kinds
        ]
        api.answers[path] = (200, {"resources": resources})
    for path, body in LISTS.items():
        api.answers[path] = (200, body)


def whys(found: Seen) -> list[str]:
    return [each.why for each in found if isinstance(each, Unverifiable)]


def test_a_cluster_that_is_down_is_not_verifiable(api: Any, seen: Callable[..., Seen]) -> None:
    (found,) = seen(kubeconfig=api.kubeconfig().replace(api.url, "http://127.0.0.1:1"))
    assert isinstance(found, Unverifiable)
    assert (found.where, found.what) == ("cluster dev", "everything in it")


def test_a_cluster_without_flux_delivers_nothing(api: Any, seen: Callable[..., Seen]) -> None:
    api.answers["/apis/source.toolkit.fluxcd.io/v1"] = (404, {})
    (found,) = seen()
    assert isinstance(found, Exposure)
    assert found.code == "flux-absent"


def test_a_namespace_that_is_gone_is_found(seen: Callable[..., Seen]) -> None:
    assert [each.code for each in seen() if isinstance(each, Exposure)] == ["object-missing"]


def test_what_may_not_be_read_is_said_and_the_rest_is_looked_at(api: Any, seen: Callable[..., Seen]) -> None:
    api.answers["/apis/rbac.authorization.k8s.io/v1/rolebindings"] = (403, {"message": "no rolebindings"})
    api.answers["/apis/apps/v1/deployments"] = (403, {"message": "no deployments"})
    found = seen()
    assert any("no rolebindings" in why for why in whys(found))
    assert any("no deployments" in why for why in whys(found))
    assert [each.code for each in found if isinstance(each, Exposure)] == ["object-missing"]


def deployment(name: str, *flags: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "flux"}},
        "spec": {"template": {"spec": {"containers": [{"args": ["--log-level=info", *flags]}]}}},
    }


def test_flags_that_keep_tenants_apart_are_looked_for(api: Any, seen: Callable[..., Seen]) -> None:
    flags = ("--no-cross-namespace-refs=true", "--default-service-account=default", "--no-remote-bases=true")
    api.answers["/apis/apps/v1/deployments"] = (
        200,
        {"items": [deployment("kustomize-controller", *flags), deployment("notification-controller")]},
    )
    found = [each for each in seen() if isinstance(each, Exposure) and each.code == "flux-lockdown"]
    assert [each.where for each in found] == ["notification-controller in cluster dev"]


def test_flux_that_is_no_deployment_cannot_be_judged(seen: Callable[..., Seen]) -> None:
    assert whys(seen()) == ["no Deployment of Flux is in the cluster, though it serves Flux's APIs"]


def test_no_value_of_a_secret_is_asked_for(api: Any, seen: Callable[..., Seen]) -> None:
    """Only whether it is there: its metadata."""
    api.objects["/api/v1/namespaces/shop-staging"] = {"metadata": {"labels": {}}}
    for kind in ("source", "kustomize", "notification"):
        plural = {"source": "gitrepositories", "kustomize": "kustomizations", "notification": "receivers"}[kind]
        api.answers[f"/apis/{kind}.toolkit.fluxcd.io/v1/namespaces/shop-staging/{plural}"] = (200, {"items": []})
    found = [each.code for each in seen() if isinstance(each, Exposure)]
    assert "agent-secret-missing" in found
    assert [path for _, path, _ in api.asked if path.endswith("/secrets")] == []
    assert json.dumps(found)
