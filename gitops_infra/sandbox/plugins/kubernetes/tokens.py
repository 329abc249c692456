"""Which resource types are served."""

from collections.abc import Mapping
from typing import Any

OWNER = "the kubernetes plugin of the sandbox"

_RBAC = "rbac.authorization.k8s.io/v1"
_CRD = "apiextensions.k8s.io/v1"
BUILT_IN: Mapping[tuple[str, str], tuple[str, bool]] = {
    ("v1", "ConfigMap"): ("configmaps", True),
    ("v1", "Namespace"): ("namespaces", False),
    ("v1", "Secret"): ("secrets", True),
    ("v1", "Service"): ("services", True),
    ("v1", "ServiceAccount"): ("serviceaccounts", True),
    (_RBAC, "ClusterRole"): ("clusterroles", False),
    (_RBAC, "ClusterRoleBinding"): ("clusterrolebindings", False),
    (_RBAC, "Role"): ("roles", True),
    (_RBAC, "RoleBinding"): ("rolebindings", True),
    ("apps/v1", "Deployment"): ("deployments", True),
    ("networking.k8s.io/v1", "NetworkPolicy"): ("networkpolicies", True),
    (_CRD, "CustomResourceDefinition"): ("customresourcedefinitions", False),
}
"""apiVersion and kind: name in paths, and whether it lives in a namespace. A table, so that no request is needed."""

# Groups of Kubernetes itself: what of them is not in the table is refused. Any other group has custom resources.
_OWN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "auditregistration.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "meta",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "settings.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
# Packages of pulumi-kubernetes that are no API groups.
_NOT_OBJECTS = frozenset({"helm.sh", "yaml", "kustomize"})


class NotServedError(ValueError):
    """A resource type that this plugin does not have."""


def token(urn: str) -> str:
    """The type token in a URN."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def kind(urn: str, inputs: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """The apiVersion and kind that a URN's type stands for. Raises NotServedError."""
    name = token(urn)
    package, _, rest = name.partition(":")
    module, _, kind_name = rest.rpartition(":")
    group, _, version = module.partition("/")
    group = "" if group == "core" else group
    api_version = f"{group}/{version}" if group else version
    known = (api_version, kind_name) in BUILT_IN
    if package != "kubernetes" or not version or not kind_name or group in _NOT_OBJECTS:
        raise NotServedError(f"{OWNER} does not implement {name} ({urn})")
    if not known and (group in _OWN_GROUPS or _is_patch(kind_name, inputs)):
        raise NotServedError(f"{OWNER} does not implement {name} ({urn})")
    return api_version, kind_name


def _is_patch(kind_name: str, inputs: Mapping[str, Any] | None) -> bool:
    """A Patch resource changes an object of the kind without `Patch`; a custom kind may be called so by itself."""
    return inputs is not None and f"{inputs.get('kind')}Patch" == kind_name
