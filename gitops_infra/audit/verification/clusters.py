"""Clusters: what one tenant has there, read object by object. One that cannot be reached is not verifiable."""

import base64
import binascii
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

from gitops_infra.agents import flux
from gitops_infra.agents.flux_install import LOCKDOWN
from gitops_infra.agents.objects import RBAC
from gitops_infra.audit.cluster_client import LOST, ClusterReader
from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.verification import cluster_codes as codes
from gitops_infra.audit.verification import cluster_objects as objects
from gitops_infra.audit.verification.cluster_objects import AGENTS, Object
from gitops_infra.audit.verification.exposure import Report, Unverifiable, listed
from gitops_infra.plan.model import Delivery, Plan
from gitops_infra.topology.cluster import TargetCluster

CODES = codes.CODES

AT_ONCE = 8
OTHER_AGENTS = (("helm.toolkit.fluxcd.io/v2", "HelmRelease"),)
"""Kinds that the plan never makes, and that deliver all the same."""

T = TypeVar("T")
Read = Generator[Unverifiable, None, T | None]


@dataclass(frozen=True)
class Tenancy:
    """One environment in a cluster."""

    environment: str
    delivery: Delivery


def used(plans: Iterable[Plan]) -> dict[str, tuple[Tenancy, ...]]:
    """By the name of each cluster that is used, what is delivered to it."""
    found: dict[str, tuple[Tenancy, ...]] = {}
    for plan in plans:
        for environment in plan.environments:
            if environment.delivery is not None:
                name = environment.delivery.tenant.cluster
                found[name] = (*found.get(name, ()), Tenancy(environment.name, environment.delivery))
    return found


def check(cluster: TargetCluster, tenancies: tuple[Tenancy, ...], kubeconfigs: Kubeconfigs) -> Report:
    """Findings about one cluster."""
    where = f"cluster {cluster.name}"
    try:
        reader = ClusterReader(kubeconfigs.of(cluster))
        missing = [api for api in flux.APIS if not reader.serves(api)]
        if missing:
            yield codes.FLUX_ABSENT.at(where, "Flux", f"none: it does not serve {', '.join(missing)}")
            return
        everywhere = yield from _bindings(where, reader)
        yield from _lockdown(where, reader)
        planned: dict[str, set[str]] = {}
        for each in tenancies:
            planned.setdefault(each.delivery.tenant.namespace, set()).add(each.delivery.name)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify") as pool:
            reports = pool.map(lambda each: list(_tenant(reader, each, planned, everywhere)), tenancies)
            yield from chain.from_iterable(reports)
    except ClusterFailed as failed:
        yield _unseen(where, "everything in it", failed)


def _unseen(where: str, what: str, failed: ClusterFailed) -> Unverifiable:
    return Unverifiable(where, what, failed.reason, failed.remedy)


def _read(where: str, what: str, ask: Callable[[], T]) -> Read[T]:
    """What was asked for; None with a word where it may not be read. Raises ClusterFailed where the cluster is lost."""
    try:
        return ask()
    except ClusterFailed as failed:
        if failed.code in LOST:
            raise
        yield _unseen(where, what, failed)
        return None


def _bindings(where: str, reader: ClusterReader) -> Generator[Unverifiable, None, tuple[tuple[Object, ...], ...]]:
    """RoleBindings of all namespaces and ClusterRoleBindings, as far as they can be read."""
    api = f"{RBAC}/v1"
    namespaced = yield from _read(where, "its RoleBindings", lambda: reader.listed(api, "RoleBinding"))
    whole = yield from _read(where, "its ClusterRoleBindings", lambda: reader.listed(api, "ClusterRoleBinding"))
    return namespaced if namespaced is not None else (), whole or (), () if namespaced is None else ({},)


def _lockdown(where: str, reader: ClusterReader) -> Report:
    """Whether the controllers were started with the flags that keep tenants apart."""
    found = yield from _read(where, "its controllers", lambda: reader.listed("apps/v1", "Deployment"))
    if found is None:
        return
    controllers = {
        name: each
        for each in found
        if (name := str((each.get("metadata") or {}).get("name"))) in LOCKDOWN and _is_flux(each)
    }
    if not controllers:
        why = "no Deployment of Flux is in the cluster, though it serves Flux's APIs"
        yield Unverifiable(where, "whether Flux is locked down for several tenants", why, "Look how it was started")
    for name, each in controllers.items():
        flags = {str(flag) for flag in _arguments(each)}
        lacking = [flag for flag in LOCKDOWN[name] if flag not in flags and flag.removesuffix("=true") not in flags]
        if lacking:
            yield codes.LOCKDOWN_OFF.at(f"{name} in {where}", f"started with {listed(lacking)}", "started without")


def _is_flux(found: Object) -> bool:
    labels = (found.get("metadata") or {}).get("labels") or {}
    return labels.get("app.kubernetes.io/part-of") == "flux" or labels.get("app.kubernetes.io/component") in LOCKDOWN


def _arguments(found: Object) -> Iterable[object]:
    containers = (((found.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
    return (flag for each in containers for flag in each.get("args") or ())


def _tenant(
    reader: ClusterReader,
    tenancy: Tenancy,
    planned: Mapping[str, set[str]],
    everywhere: tuple[tuple[Object, ...], ...],
) -> Report:
    delivery, environment = tenancy.delivery, tenancy.environment
    tenant = delivery.tenant
    where = f"namespace {tenant.namespace} of cluster {tenant.cluster}"

    def get(api: str, kind: str, name: str, *, inside: bool = True) -> Read[tuple[Object | None]]:
        space = tenant.namespace if inside else None
        return _read(where, f"its {kind} {name}", lambda: (reader.get(api, kind, space, name),))

    there = yield from get("v1", "Namespace", tenant.namespace, inside=False)
    if there is not None:
        yield from objects.namespace_findings(tenant, there[0])
        if there[0] is None:
            return
    account = yield from get("v1", "ServiceAccount", tenant.service_account)
    if account is not None:
        yield from objects.account_findings(tenant, account[0])
    if tenant.rules:
        role = yield from get(f"{RBAC}/v1", "Role", tenant.service_account)
        if role is not None:
            yield from objects.role_findings(tenant, role[0])
    namespaced, whole, readable = everywhere
    if readable:
        yield from objects.binding_findings(tenant, namespaced, whole)
    yield from _agent(reader, where, tenancy, planned[tenant.namespace])
    yield from _secrets(reader, where, delivery)
    for api, kind in OTHER_AGENTS:
        if reader.serves(api):
            found = yield from _read(where, f"its objects {kind}", partial(reader.listed, api, kind, tenant.namespace))
            yield from objects.extra_findings(tenant, environment, kind, set(), found or ())


def _agent(reader: ClusterReader, where: str, tenancy: Tenancy, planned: set[str]) -> Report:
    """The agent's objects, and others of their kinds beside them."""
    delivery, tenant = tenancy.delivery, tenancy.delivery.tenant
    ours: dict[str, Object | None] = {}
    complete = True
    for api, kind in AGENTS:
        found = yield from _read(where, f"its objects {kind}", partial(reader.listed, api, kind, tenant.namespace))
        complete = complete and found is not None
        by_name = {str((each.get("metadata") or {}).get("name")): each for each in found or ()}
        ours[kind] = by_name.get(delivery.name)
        yield from objects.extra_findings(tenant, tenancy.environment, kind, planned, by_name.values())
    if complete:
        yield from objects.agent_findings(delivery, tenancy.environment, ours)


def _secrets(reader: ClusterReader, where: str, delivery: Delivery) -> Report:
    """That they are there. Only the public keys of those who sign are looked into."""
    tenant = delivery.tenant
    names = [flux.git_secret_name(delivery)]
    names += [flux.webhook_secret_name(delivery)] if delivery.receiver_url is not None else []
    for name in names:
        there = yield from _read(
            where, f"its Secret {name}", partial(reader.exists, "v1", "Secret", tenant.namespace, name)
        )
        if there is False:
            yield codes.SECRET_MISSING.at(objects.named("Secret", tenant, name), "the Secret", "none")
    if delivery.signed_by:
        name = flux.signers_secret_name(delivery)
        found = yield from _read(
            where, f"its Secret {name}", lambda: (reader.get("v1", "Secret", tenant.namespace, name),)
        )
        if found is not None:
            yield from objects.signer_findings(delivery, None if found[0] is None else _opened(found[0]))


def _opened(found: Object) -> dict[str, str]:
    data = {}
    for key, text in (found.get("data") or {}).items():
        try:
            data[str(key)] = base64.b64decode(str(text), validate=True).decode(errors="replace")
        except binascii.Error:
            data[str(key)] = ""
    return data
