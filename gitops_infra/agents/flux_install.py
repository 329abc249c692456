"""Flux where it does not run yet, as `TargetCluster.install` asks for it: what the chart is given, or a FluxInstance.

Both lock tenants out of each other and of the controllers' own rights; docs/clusters.md says what each flag is for.

Sources: fluxcd-community/helm-charts, `charts/flux2` (values.yaml, and the templates of the controllers, which say what
flags `multitenancy` stands for); Flux Operator, `docs/api/v1/fluxinstance.md`; Flux, "Multi-tenancy lockdown";
kustomize-controller 1.9, `internal/features`.
"""

import json
from collections.abc import Mapping
from typing import Any

from gitops_infra.agents.objects import Object

CHART = "oci://ghcr.io/fluxcd-community/charts/flux2"
NAMESPACE = "flux-system"
DISTRIBUTION = "2.9.x"
"""Which Flux the operator installs, and keeps up to date within."""
REGISTRY = "ghcr.io/fluxcd"

DEFAULT_SERVICE_ACCOUNT = "default"
"""Whom a Kustomization acts as that names nobody: an account without rights, in the tenant's own namespace."""

CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")

LOCKDOWN: Mapping[str, tuple[str, ...]] = {
    "kustomize-controller": (
        "--no-cross-namespace-refs=true",
        f"--default-service-account={DEFAULT_SERVICE_ACCOUNT}",
        "--no-remote-bases=true",
    ),
    "helm-controller": ("--no-cross-namespace-refs=true", f"--default-service-account={DEFAULT_SERVICE_ACCOUNT}"),
    "notification-controller": ("--no-cross-namespace-refs=true",),
}
"""Flags by which tenants are kept apart."""

STEADY: Mapping[str, tuple[str, ...]] = {
    "kustomize-controller": ("--feature-gates=CancelHealthCheckOnNewRevision=true",),
}
"""Flags by which a revision that hangs does not hold the next one."""

_BY_MULTITENANCY = ("--no-cross-namespace-refs", "--default-service-account")
"""What the chart itself passes on where `multitenancy.enabled` is true; every other flag is an additional argument."""

_VALUES: Mapping[str, str] = {
    "source-controller": "sourceController",
    "kustomize-controller": "kustomizeController",
    "helm-controller": "helmController",
    "notification-controller": "notificationController",
}
_LEFT_OUT = ("imageAutomationController", "imageReflectionController")
"""Controllers that write to repositories or look at registries: nobody here asks for them."""


def chart_values() -> Object:
    """Values of the community chart, for a release in the namespace `flux-system`."""
    values: Object = {
        "installCRDs": True,
        "watchAllNamespaces": True,
        # `privileged`: the controllers impersonate tenants, for which they need more than any of them.
        "multitenancy": {"enabled": True, "defaultServiceAccount": DEFAULT_SERVICE_ACCOUNT, "privileged": True},
        "policies": {"create": True},
        "rbac": {"create": True},
    }
    for controller in CONTROLLERS:
        flags = [flag for flag in _flags(controller) if not flag.startswith(_BY_MULTITENANCY)]
        values[_VALUES[controller]] = {"create": True, **({"container": {"additionalArgs": flags}} if flags else {})}
    return values | {name: {"create": False} for name in _LEFT_OUT}


def flux_instance(*, version: str = DISTRIBUTION, kind: str = "kubernetes") -> Object:
    """The object that Flux Operator installs Flux by. `kind`: `kubernetes`, `openshift`, `aks`, `eks` or `gke`.

    `multitenant` is the operator's word for all of `LOCKDOWN`; it patches the flags of the rest.
    """
    return {
        "apiVersion": "fluxcd.controlplane.io/v1",
        "kind": "FluxInstance",
        # The operator takes one of this name, in its own namespace.
        "metadata": {"name": "flux", "namespace": NAMESPACE},
        "spec": {
            "distribution": {"version": version, "registry": REGISTRY},
            "components": list(CONTROLLERS),
            "cluster": {
                "type": kind,
                "multitenant": True,
                "tenantDefaultServiceAccount": DEFAULT_SERVICE_ACCOUNT,
                "networkPolicy": True,
                "domain": "cluster.local",
            },
            "kustomize": {"patches": [_patch(controller, flags) for controller, flags in STEADY.items()]},
        },
    }


def _flags(controller: str) -> tuple[str, ...]:
    return (*LOCKDOWN.get(controller, ()), *STEADY.get(controller, ()))


def _patch(controller: str, flags: tuple[str, ...]) -> dict[str, Any]:
    """A JSON 6902 patch that appends flags. Its text is JSON, which is YAML too."""
    operations = [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": flag} for flag in flags]
    return {"target": {"kind": "Deployment", "name": controller}, "patch": json.dumps(operations)}
