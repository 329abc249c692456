"""The place of one environment in a cluster, as Kubernetes objects."""

from typing import Any

from gitops_infra.plan.model import PolicyRule, Tenant

Object = dict[str, Any]
"""One Kubernetes object as it stands in a manifest."""

POD_SECURITY = "pod-security.kubernetes.io/enforce"

RBAC = "rbac.authorization.k8s.io"


def metadata(tenant: Tenant, name: str) -> Object:
    """Name, namespace and labels of an object of the tenant."""
    return {"name": name, "namespace": tenant.namespace, "labels": dict(tenant.labels)}


def namespace(tenant: Tenant) -> Object:
    """The tenant's namespace. Pods that ask for more of their machine than it says are refused by the API server."""
    labels = {**tenant.labels, POD_SECURITY: tenant.pod_security.value}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.namespace, "labels": labels}}


def service_account(tenant: Tenant) -> Object:
    """Whom the agent impersonates. No token of it is mounted anywhere."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(tenant, tenant.service_account),
        "automountServiceAccountToken": False,
    }


def role(tenant: Tenant) -> Object | None:
    """What it may do in the namespace; None where a ClusterRole says so."""
    if not tenant.rules:
        return None
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": metadata(tenant, tenant.service_account),
        "rules": [_rule(each) for each in tenant.rules],
    }


def role_binding(tenant: Tenant) -> Object:
    """Gives it the Role, or the ClusterRole inside the namespace alone."""
    kind, name = ("ClusterRole", tenant.cluster_role) if tenant.cluster_role else ("Role", tenant.service_account)
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": metadata(tenant, tenant.service_account),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": tenant.service_account, "namespace": tenant.namespace}],
    }


def _rule(rule: PolicyRule) -> Object:
    return {"apiGroups": list(rule.groups), "resources": list(rule.resources), "verbs": list(rule.verbs)}
