"""What Flux is told: where the branch is, how it is applied, and who may tell of a push.

Sources: Flux, API reference of `source.toolkit.fluxcd.io/v1`, `kustomize.toolkit.fluxcd.io/v1` and
`notification.toolkit.fluxcd.io/v1`.
"""

import hashlib

from gitops_infra.agents.objects import Object, metadata
from gitops_infra.plan.model import Delivery

SOURCE_API = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API = "kustomize.toolkit.fluxcd.io/v1"
NOTIFICATION_API = "notification.toolkit.fluxcd.io/v1"

APIS = (SOURCE_API, KUSTOMIZE_API, NOTIFICATION_API)
"""What has to be installed in a cluster."""

GIT_TIMEOUT = "60s"

RECONCILE_INTERVAL = "10m"
"""How often objects are put back as the branch has them, where nothing changed in it."""


def git_secret_name(delivery: Delivery) -> str:
    """Secret with the read-only deploy key: `identity` and `known_hosts`."""
    return f"{delivery.name}-git"


def webhook_secret_name(delivery: Delivery) -> str:
    """Secret with the `token` by which the forge signs its webhooks."""
    return f"{delivery.name}-webhook"


def signers_secret_name(delivery: Delivery) -> str:
    """Secret with the public keys of those who may sign commits."""
    return f"{delivery.name}-signers"


def signers(delivery: Delivery) -> dict[str, str]:
    """The public keys, each as a file of its own."""
    return {f"{number}.asc": key for number, key in enumerate(delivery.signed_by, 1)}


def git_repository(delivery: Delivery) -> Object:
    """Where the branch is read, and by which key."""
    spec: Object = {
        "url": delivery.url,
        "ref": {"branch": delivery.branch},
        "interval": f"{delivery.poll_seconds}s",
        "timeout": GIT_TIMEOUT,
        "secretRef": {"name": git_secret_name(delivery)},
    }
    if delivery.signed_by:
        spec["verify"] = {"mode": "HEAD", "secretRef": {"name": signers_secret_name(delivery)}}
    return _object(delivery, SOURCE_API, "GitRepository", spec)


def kustomization(delivery: Delivery) -> Object:
    """How the branch is applied: by the tenant's service account, into its namespace, whatever manifests say."""
    spec: Object = {
        "sourceRef": {"kind": "GitRepository", "name": delivery.name},
        "path": f"./{delivery.path}",
        "targetNamespace": delivery.tenant.namespace,
        "serviceAccountName": delivery.tenant.service_account,
        "interval": RECONCILE_INTERVAL,
        "retryInterval": f"{delivery.poll_seconds}s",
        "timeout": f"{delivery.timeout_seconds}s",
        "prune": delivery.prune,
        "wait": delivery.wait,
    }
    if delivery.health_checks:
        spec["healthChecks"] = [
            {
                "apiVersion": check.api_version,
                "kind": check.kind,
                "name": check.name,
                "namespace": delivery.tenant.namespace,
            }
            for check in delivery.health_checks
        ]
    return _object(delivery, KUSTOMIZE_API, "Kustomization", spec)


def receiver(delivery: Delivery) -> Object:
    """Takes the forge's signed webhooks and has the branch read at once."""
    spec: Object = {
        "type": "github",
        "events": ["ping", "push"],
        "secretRef": {"name": webhook_secret_name(delivery)},
        "resources": [{"apiVersion": SOURCE_API, "kind": "GitRepository", "name": delivery.name}],
    }
    return _object(delivery, NOTIFICATION_API, "Receiver", spec)


def webhook_address(delivery: Delivery, token: str) -> str:
    """Where the forge sends webhooks: the cluster's address and the path that Flux makes of token, name and namespace.

    Source: notification-controller, `Receiver.GetWebhookPath`.
    """
    path = hashlib.sha256(f"{token}{delivery.name}{delivery.tenant.namespace}".encode()).hexdigest()
    return f"{(delivery.receiver_url or '').rstrip('/')}/hook/{path}"


def _object(delivery: Delivery, api_version: str, kind: str, spec: Object) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata(delivery.tenant, delivery.name),
        "spec": spec,
    }
