"""The place of one environment, object by object."""

from collections.abc import Callable

from gitops_infra.agents import objects
from gitops_infra.plan.model import Tenant

Build = Callable[..., Tenant]

LABELS = {
    "gitops-infra/owner": "acme",
    "gitops-infra/application": "shop",
    "gitops-infra/environment": "staging",
}
GITOPS = {"name": "gitops", "namespace": "shop-staging", "labels": LABELS}


def test_the_namespace_has_labels_and_asks_that_no_pod_owns_its_machine(tenant: Build) -> None:
    assert objects.namespace(tenant()) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "shop-staging",
            "labels": {**LABELS, "pod-security.kubernetes.io/enforce": "baseline"},
        },
    }


def test_no_token_of_the_account_is_mounted(tenant: Build) -> None:
    assert objects.service_account(tenant()) == {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": GITOPS,
        "automountServiceAccountToken": False,
    }


def test_the_role_has_the_rules_of_the_plan(tenant: Build) -> None:
    assert objects.role(tenant()) == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": GITOPS,
        "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
        ],
    }


def test_the_role_is_bound_to_the_account_of_that_namespace_alone(tenant: Build) -> None:
    assert objects.role_binding(tenant()) == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": GITOPS,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "gitops"},
        "subjects": [{"kind": "ServiceAccount", "name": "gitops", "namespace": "shop-staging"}],
    }


def test_a_cluster_role_is_bound_inside_the_namespace_and_no_role_is_made(tenant: Build) -> None:
    """By a RoleBinding, never a ClusterRoleBinding: that would give it in every namespace."""
    made = tenant(rules=(), cluster_role="edit")
    assert objects.role(made) is None
    binding = objects.role_binding(made)
    assert binding["kind"] == "RoleBinding"
    assert binding["metadata"]["namespace"] == "shop-staging"
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}


def test_changing_an_object_changes_no_plan(tenant: Build) -> None:
    made = tenant()
    objects.namespace(made)["metadata"]["labels"]["x"] = "y"
    assert "x" not in made.labels
