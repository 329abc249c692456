"""What every cluster has before anybody uses it: Flux's definitions, its namespace and rights, and one machine."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.cluster.api import Api
from gitops_infra.sandbox.cluster.programs import FLUX_NAMESPACE, FLUX_USER
from gitops_infra.sandbox.toolchain.build import files_of
from gitops_infra.sandbox.toolchain.recipes import FLUX

NODE = "machine"
_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ACCOUNTS = ("default", FLUX_NAMESPACE)


def definitions(binaries: Mapping[str, Path]) -> dict[str, Path]:
    """The custom resource definitions of Flux's controllers: name -> file."""
    found: dict[str, Path] = {}
    for recipe in FLUX:
        for path in sorted(files_of(binaries[recipe.name]).rglob("*.yaml")):
            group, _, plural = path.stem.partition("_")  # source.toolkit.fluxcd.io_buckets.yaml
            found[f"{plural}.{group}"] = path
    return found


def furnish(api: Api, binaries: Mapping[str, Path]) -> Callable[[], bool]:
    """Applies everything; what it returns tells whether all definitions are in use."""
    api.apply(f"/api/v1/namespaces/{FLUX_NAMESPACE}", _object("v1", "Namespace", FLUX_NAMESPACE))
    api.apply("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/flux-controllers", _rights())
    api.apply(f"/api/v1/nodes/{NODE}", _node())
    api.apply(f"/api/v1/nodes/{NODE}/status", _node() | {"status": {"allocatable": _CAPACITY, "capacity": _CAPACITY}})
    pending = definitions(binaries)
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda it: api.apply(f"{_DEFINITIONS}/{it[0]}", it[1].read_text("utf-8")), pending.items()):
            pass

    def established() -> bool:
        for name in list(pending):
            if not _condition(api.get(f"{_DEFINITIONS}/{name}"), "Established"):
                return False
            del pending[name]
        return True

    return established


def lives(api: Api) -> bool:
    """Whether the controllers work: each namespace has its service account, and the machine is ready."""
    accounts = (api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default") for name in _ACCOUNTS)
    return all(accounts) and _condition(api.get(f"/api/v1/nodes/{NODE}"), "Ready")


def _condition(found: dict[str, Any] | None, kind: str) -> bool:
    conditions = (found or {}).get("status", {}).get("conditions") or []
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)


def _object(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def _rights() -> dict[str, Any]:
    """Flux may do everything, as its own installation has it; what tenants may do is decided by impersonation."""
    api_group = "rbac.authorization.k8s.io"
    return _object(f"{api_group}/v1", "ClusterRoleBinding", "flux-controllers") | {
        "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": api_group, "kind": "User", "name": FLUX_USER}],
    }


def _node() -> dict[str, Any]:
    node = _object("v1", "Node", NODE)
    node["metadata"] |= {
        "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"},
    }
    return node
