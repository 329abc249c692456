"""Clusters: there, with Flux, open to whoever runs `pulumi up`, and with room for each environment."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gitops_infra.agents import flux
from gitops_infra.agents.objects import RBAC
from gitops_infra.audit.cluster_client import ClusterReader
from gitops_infra.audit.cluster_failure import INSTALL, ClusterFailed
from gitops_infra.audit.delivery_status import of_others
from gitops_infra.audit.findings import Finding, error, info, warning
from gitops_infra.audit.known import Known
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.plan.model import Delivery, Plan, Tenant
from gitops_infra.topology.cluster import TargetCluster

VERBS = ("create", "get", "patch", "delete")
"""What `pulumi up` and `pulumi destroy` do with an object."""
AT_ONCE = 8


@dataclass(frozen=True)
class _Resource:
    """What stands in a rule of RBAC."""

    group: str
    plural: str

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


EACH_TENANT = (
    _Resource("", "serviceaccounts"),
    _Resource("", "secrets"),
    _Resource(RBAC, "rolebindings"),
    _Resource(flux.SOURCE_API.partition("/")[0], "gitrepositories"),
    _Resource(flux.KUSTOMIZE_API.partition("/")[0], "kustomizations"),
)
ROLES = _Resource(RBAC, "roles")
RECEIVERS = _Resource(flux.NOTIFICATION_API.partition("/")[0], "receivers")


def used(plans: Iterable[Plan]) -> dict[str, tuple[Delivery, ...]]:
    """By the name of each cluster that is used, what is delivered to it."""
    found: dict[str, tuple[Delivery, ...]] = {}
    for plan in plans:
        for environment in plan.environments:
            delivery = environment.delivery
            if delivery is not None:
                found[delivery.tenant.cluster] = (*found.get(delivery.tenant.cluster, ()), delivery)
    return found


def check(
    cluster: TargetCluster, deliveries: tuple[Delivery, ...], kubeconfigs: Kubeconfigs, known: Known
) -> Iterator[Finding]:
    """Findings about one cluster. Without a kubeconfig it is not looked at, and that is said."""
    where = f"cluster {cluster.name}"
    try:
        reader = ClusterReader(kubeconfigs.of(cluster))
    except ClusterFailed as failed:
        if failed.code == "no-kubeconfig":
            yield info(where, "cluster-not-checked", f"{failed.reason}, so it was not looked at. {failed.remedy}")
        else:
            yield _failed(where, failed)
        return
    try:
        yield from _whole(where, reader)
        for delivery in deliveries:
            yield from _namespace(where, reader, delivery.tenant, known)
        yield from _rights(where, reader, deliveries)
    except ClusterFailed as failed:
        yield _failed(where, failed)


def _failed(where: str, failed: ClusterFailed) -> Finding:
    return error(where, f"cluster-{failed.code}", failed.reason, failed.remedy)


def _whole(where: str, reader: ClusterReader) -> Iterator[Finding]:
    missing = [api for api in flux.APIS if not reader.serves(api)]
    if missing:
        yield error(where, "flux-absent", f"it does not serve {', '.join(missing)}", INSTALL)
    else:
        yield info(
            where,
            "flux-lockdown",
            "whether Flux is locked down for several tenants (`--no-cross-namespace-refs`, "
            "`--default-service-account`) cannot be seen from outside",
        )


def _namespace(where: str, reader: ClusterReader, tenant: Tenant, known: Known) -> Iterator[Finding]:
    space = f"namespace {tenant.namespace} of {where}"
    found = reader.get("v1", "Namespace", None, tenant.namespace)
    if found is None and not tenant.made:
        remedy = "Make it, or leave `existing_namespace` out"
        yield error(space, "namespace-absent", "it does not exist, and `existing_namespace` says that it does", remedy)
    elif found is not None and tenant.made and tenant.namespace not in known.namespaces:
        foreign = of_others(tenant.labels, found)
        remedy = "Set another `namespace`, or `sync.existing_namespace: true` to use it as it is"
        if foreign:
            yield error(space, "namespace-exists", f"it is there already: {foreign}", remedy)
        elif known.stack is not None:
            yield error(
                space,
                "namespace-not-in-state",
                "it was made for this environment, and the stack's state does not have it",
                "Run `gitops-infra resume` after a killed `pulumi up`, or `gitops-infra adopt` after a destroy that "
                "kept it",
            )
    if tenant.cluster_role and reader.get(f"{RBAC}/v1", "ClusterRole", None, tenant.cluster_role) is None:
        remedy = "Make it, or correct `sync.cluster_role`"
        yield error(where, "cluster-role-absent", f"it has no ClusterRole {tenant.cluster_role!a}", remedy)


def _rights(where: str, reader: ClusterReader, deliveries: tuple[Delivery, ...]) -> Iterator[Finding]:
    """What `pulumi up` does, and this identity may not."""
    if reader.allowed("*", "*", "*"):
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for lines in pool.map(lambda delivery: _missing(reader, delivery), deliveries):
            for space, lacking in lines.items():
                yield error(
                    where,
                    "missing-right",
                    f"the identity of its kubeconfig may not {', '.join(lacking)} {space}",
                    "Give it the rights, or use another identity",
                )
        for delivery, granting in zip(deliveries, pool.map(lambda each: _may_grant(reader, each), deliveries)):  # noqa: B905 - as long by nature
            if not granting:
                yield _cannot_grant(where, delivery.tenant)


def _missing(reader: ClusterReader, delivery: Delivery) -> dict[str, list[str]]:
    """By place, `verb resource` of what is not allowed."""
    tenant = delivery.tenant
    resources = [*EACH_TENANT, *((ROLES,) if tenant.rules else ()), *((RECEIVERS,) if delivery.receiver_url else ())]
    lacking = [
        f"{verb} {resource}"
        for resource in resources
        for verb in VERBS
        if not reader.allowed(verb, resource.group, resource.plural, tenant.namespace)
    ]
    found = {f"in namespace {tenant.namespace}": lacking} if lacking else {}
    spaces = [f"{verb} namespaces" for verb in VERBS if tenant.made and not reader.allowed(verb, "", "namespaces")]
    return {**found, **({"in the cluster": spaces} if spaces else {})}


def _may_grant(reader: ClusterReader, delivery: Delivery) -> bool:
    """Whether it may give away rights that it need not have itself."""
    tenant = delivery.tenant
    if tenant.cluster_role:
        return reader.allowed("bind", RBAC, "clusterroles", tenant.namespace, tenant.cluster_role)
    return reader.allowed("escalate", RBAC, "roles", tenant.namespace)


def _cannot_grant(where: str, tenant: Tenant) -> Finding:
    verb, what = ("bind", f"ClusterRole {tenant.cluster_role}") if tenant.cluster_role else ("escalate", "roles")
    return warning(
        where,
        "cannot-grant",
        f"the identity of its kubeconfig may give {tenant.namespace}'s service account only rights that it has itself",
        f"Make sure that it has all of them, or may `{verb}` {what} there",
    )
