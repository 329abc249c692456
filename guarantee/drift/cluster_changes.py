"""Changes of objects in the cluster: a table, each put back after it was found."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from guarantee.admin import Body, ClusterAdmin
from guarantee.drift.change import ClusterChange, Undo

SPACE, NAME, ACCOUNT = "shop-staging", "shop", "gitops"
CORE, RBAC = f"/api/v1/namespaces/{SPACE}", "/apis/rbac.authorization.k8s.io/v1"
ROLES = f"{RBAC}/namespaces/{SPACE}"
SOURCES = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{SPACE}/gitrepositories"
KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{SPACE}/kustomizations"
RECEIVERS = f"/apis/notification.toolkit.fluxcd.io/v1/namespaces/{SPACE}/receivers"
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
OTTO = {"kind": "User", "name": "otto", "apiGroup": "rbac.authorization.k8s.io"}
ALL = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
OURS = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SPACE}


def _edited(path: str, admin: ClusterAdmin, edit: Any) -> Undo:
    """Changes one object and gives what puts it back."""
    before = admin.get(path)
    body = edit(before)
    admin.merged(path, body)
    return lambda: admin.merged(path, _restoring(body, before))


def _restoring(patch: Body, before: Body) -> Body:
    """The patch that takes another one back."""
    return {
        key: _restoring(value, before.get(key) or {}) if isinstance(value, dict) else before.get(key)
        for key, value in patch.items()
    }


def _removed(path: str, admin: ClusterAdmin) -> Undo:
    before = admin.get(path)
    admin.remove(path)
    kept = {
        key: before["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations")
        if key in before["metadata"]
    }
    body = {**{key: value for key, value in before.items() if key != "status"}, "metadata": kept}
    return lambda: admin.make(path.rpartition("/")[0], body)


def _made(path: str, body: Body, admin: ClusterAdmin) -> Undo:
    admin.make(path, body)
    return lambda: admin.remove(f"{path}/{body['metadata']['name']}")


def _spec(at: str, **fields: Any) -> Any:
    return partial(_edited, at, edit=lambda _: {"spec": fields})


def _binding(kind: str, name: str, subject: Body, role: Body) -> Body:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "roleRef": role,
        "subjects": [subject],
    }


def _source(name: str) -> Body:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name},
        "spec": {"url": "https://otto.example/trap.git", "interval": "1h"},
    }


def _kustomization(name: str) -> Body:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name},
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": NAME},
            "interval": "1h",
            "prune": False,
            "path": "./trap",
            "suspend": True,
        },
    }


def _applied(apply: Any, admin: ClusterAdmin) -> Undo:
    undo: Undo = apply(admin=admin)
    return undo


def cluster_changes() -> Iterator[ClusterChange]:
    """Every row."""
    source, kustomization, receiver = f"{SOURCES}/{NAME}", f"{KUSTOMIZATIONS}/{NAME}", f"{RECEIVERS}/{NAME}"
    space, role, binding = f"/api/v1/namespaces/{SPACE}", f"{ROLES}/roles/{ACCOUNT}", f"{ROLES}/rolebindings/{ACCOUNT}"
    label, pods = "gitops-infra/environment", "pod-security.kubernetes.io/enforce"
    rows: tuple[tuple[str, str, Any], ...] = (
        ("a label of the namespace", "namespace-labels",
         partial(_edited, space, edit=lambda _: {"metadata": {"labels": {label: "other"}}})),
        ("what pods may ask for", "pod-security",
         partial(_edited, space, edit=lambda _: {"metadata": {"labels": {pods: "privileged"}}})),
        ("the account's token is mounted", "account-token",
         partial(_edited, f"{CORE}/serviceaccounts/{ACCOUNT}", edit=lambda _: {"automountServiceAccountToken": True})),
        ("the role is wider", "role-widened",
         partial(_edited, role, edit=lambda found: {"rules": [*found["rules"], SECRETS]})),
        ("the role is narrower", "role-narrowed",
         partial(_edited, role, edit=lambda found: {"rules": found["rules"][1:]})),
        ("somebody else has the rights", "binding-subject",
         partial(_edited, binding, edit=lambda found: {"subjects": [*found["subjects"], OTTO]})),
        ("the account has no rights", "binding-lacks", partial(_edited, binding, edit=lambda _: {"subjects": []})),
        ("a second binding in the namespace", "binding-extra",
         partial(_made, f"{ROLES}/rolebindings", _binding("RoleBinding", "spare", OURS, ALL))),
        ("a binding in the whole cluster", "binding-extra",
         partial(_made, f"{RBAC}/clusterrolebindings", _binding("ClusterRoleBinding", f"{SPACE}-spare", OURS, ALL))),
        ("a binding of every account of the namespace", "binding-extra",
         partial(_made, f"{ROLES}/rolebindings", _binding(
             "RoleBinding", "spare-group",
             {"kind": "Group", "name": f"system:serviceaccounts:{SPACE}", "apiGroup": "rbac.authorization.k8s.io"}, ALL,
         ))),
        ("the source reads another repository", "source-differs", _spec(source, url="https://otto.example/trap.git")),
        ("the source reads another branch", "source-differs", _spec(source, ref={"branch": "env/other"})),
        ("the source reads one commit", "source-differs", _spec(source, ref={"commit": "0" * 40})),
        ("the source uses another key", "source-differs", _spec(source, secretRef={"name": "other"})),
        ("signatures are not looked at", "signatures-off", _spec(source, verify=None)),
        ("the source looks seldom", "agent-tuned", _spec(source, interval="10h")),
        ("the source is suspended", "agent-suspended", _spec(source, suspend=True)),
        ("the source takes in another one", "agent-changes-more",
         _spec(source, include=[{"repository": {"name": "other"}}])),
        ("other people may sign", "signers-differ",
         partial(_edited, f"{CORE}/secrets/{NAME}-signers", edit=lambda _: {"data": {"2.asc": "b3R0bw=="}})),
        ("no account is named", "kustomization-account", _spec(kustomization, serviceAccountName=None)),
        ("another account is named", "kustomization-account", _spec(kustomization, serviceAccountName="default")),
        ("another folder is applied", "kustomization-differs", _spec(kustomization, path="./trap")),
        ("another source is applied", "kustomization-differs", _spec(kustomization, sourceRef={"name": "trap"})),
        ("what was removed stays", "kustomization-prune", _spec(kustomization, prune=False)),
        ("it is suspended", "agent-suspended", _spec(kustomization, suspend=True)),
        ("what is applied is patched", "agent-changes-more",
         _spec(kustomization, patches=[{"patch": "[]", "target": {"kind": "Deployment"}}])),
        ("a second source", "agent-extra", partial(_made, SOURCES, _source("trap"))),
        ("a second Kustomization", "agent-extra", partial(_made, KUSTOMIZATIONS, _kustomization("trap"))),
        ("the receiver listens to other events", "agent-tuned", _spec(receiver, events=["ping"])),
        ("the receiver is gone", "receiver-missing", partial(_removed, receiver)),
        ("the agent's key is gone", "agent-secret-missing", partial(_removed, f"{CORE}/secrets/{NAME}-git")),
        ("the role is gone", "object-missing", partial(_removed, role)),
        ("the binding is gone", "object-missing", partial(_removed, binding)),
        ("the source is gone", "object-missing", partial(_removed, source)),
    )  # fmt: skip
    for name, code, apply in rows:
        yield ClusterChange(name, code, partial(_applied, apply))
