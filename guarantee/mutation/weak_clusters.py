"""Weakenings of what `up` made in the cluster. Only the audit can see them: no push tells."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from gitops_infra.plan.model import Delivery, Environment
from guarantee.admin import Body, ClusterAdmin
from guarantee.matrix.world import World
from guarantee.mutation.protections import in_environment
from guarantee.mutation.weakening import ClusterWeakening, Undo

RBAC = "rbac.authorization.k8s.io"
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
STRANGER = {"kind": "User", "name": "stranger", "apiGroup": RBAC}


def of_clusters(world: World) -> Iterator[ClusterWeakening]:
    """Each weakening of each environment's objects."""
    for environment in world.plan.environments:
        if environment.delivery is not None:
            yield from _of(environment, environment.delivery)


def _of(environment: Environment, delivery: Delivery) -> Iterator[ClusterWeakening]:
    tenant = delivery.tenant
    space, name = tenant.namespace, environment.name
    roles = f"/apis/{RBAC}/v1/namespaces/{space}"
    account, binding = f"{roles}/roles/{tenant.service_account}", f"{roles}/rolebindings/{tenant.service_account}"
    source = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{space}/gitrepositories/{delivery.name}"
    applied = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{space}/kustomizations/{delivery.name}"
    other = {"branch": "feature/x"}
    rows: tuple[tuple[str, str, str, Callable[[Body], Mapping[str, Any]]], ...] = (
        ("its role allows everything", "role", account, lambda live: {"rules": [*live["rules"], EVERYTHING]}),
        ("somebody else has its rights", "role binding", binding, lambda _: {"subjects": [STRANGER]}),
        ("somebody has its rights too", "role binding", binding, lambda b: {"subjects": [*b["subjects"], STRANGER]}),
        ("its source follows another branch", "source", source, lambda _: {"spec": {"ref": other}}),
        ("it applies with the agent's own rights", "account of the agent", applied, _without_account),
    )
    for what, part, path, edit in rows:
        change = partial(_edited, path=path, edit=edit)
        yield ClusterWeakening(f"namespace {space}: {what}", in_environment(name, part), change)


def _without_account(_live: Body) -> Mapping[str, Any]:
    return {"spec": {"serviceAccountName": None}}


def _edited(admin: ClusterAdmin, path: str, edit: Callable[[Body], Mapping[str, Any]]) -> Undo:
    """Changes one object as `kubectl edit` does."""
    live = admin.get(path)
    patch = edit(live)
    admin.merged(path, patch)
    return lambda: admin.merged(path, _before(patch, live))


def _before(patch: Mapping[str, Any], live: Body) -> Body:
    """The patch that takes another one back."""
    return {
        key: _before(value, live.get(key) or {}) if isinstance(value, dict) else live.get(key)
        for key, value in patch.items()
    }
