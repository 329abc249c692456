"""How a cluster follows an environment's branch: a place for it there, and what its agent is told."""

import re

from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY
from gitops_infra.plan.model import Delivery, HealthCheck, PolicyRule, ReadKey, Tenant
from gitops_infra.topology.application import Application
from gitops_infra.topology.cluster import Sync, TargetCluster
from gitops_infra.topology.defaults import branch_of, forge_host, identity_of, namespace_of, state_repository_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.vocabulary import PodSecurity

SERVICE_ACCOUNT = "gitops"
"""Whom the agent impersonates, in each tenant's namespace."""

LABEL = "gitops-infra"
"""Prefix of our labels."""

ALL_VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")

READING = ("get", "list", "watch")

WORKLOADS = (
    PolicyRule(("",), ("configmaps", "persistentvolumeclaims", "serviceaccounts", "services"), ALL_VERBS),
    PolicyRule(("apps",), ("daemonsets", "deployments", "statefulsets"), ALL_VERBS),
    PolicyRule(("batch",), ("cronjobs", "jobs"), ALL_VERBS),
    PolicyRule(("autoscaling",), ("horizontalpodautoscalers",), ALL_VERBS),
    PolicyRule(("policy",), ("poddisruptionbudgets",), ALL_VERBS),
    PolicyRule(("networking.k8s.io",), ("ingresses", "networkpolicies"), ALL_VERBS),
    PolicyRule(("gateway.networking.k8s.io",), ("grpcroutes", "httproutes"), ALL_VERBS),
    # Flux looks at these to tell whether a Deployment or StatefulSet is healthy, and waits in vain without.
    PolicyRule(("apps",), ("replicasets",), READING),
    PolicyRule(("",), ("pods",), READING),
)
"""What manifests may contain unless more is permitted, and what the agent reads to judge their health.

No Secrets: the agent's own key is one, and manifests in git hold none in plain text. No RBAC objects: with them the
agent could widen its rights.
"""

_LABEL_VALUE = re.compile(r"[^A-Za-z0-9._-]+")
_LABEL_LENGTH = 63


def delivery(
    environment: Environment,
    application: Application,
    owner: str,
    cluster: TargetCluster | None,
    known_hosts: tuple[str, ...] = (),
) -> Delivery | None:
    """What the agent of the environment's cluster is told; None without a cluster or a branch."""
    branch, repository = branch_of(environment), state_repository_of(application.name, environment)
    if cluster is None or branch is None or repository is None:
        return None
    sync = environment.sync or Sync()
    generation = sync.generation or 1
    full_name = f"{owner}/{repository}"
    checks = tuple(HealthCheck(each.api_version, each.kind, each.name) for each in sync.health_checks or ())
    return Delivery(
        tenant=tenant(environment, application, owner, cluster.name),
        name=object_name(application.name),
        url=f"ssh://git@{_authority(forge_host(known_hosts))}/{full_name}.git",
        branch=branch,
        path=environment.manifests or f"deploy/{identity_of(environment)}",
        key=ReadKey(
            full_name,
            f"gitops-infra {application.name} {identity_of(environment)} read by cluster {cluster.name} g{generation}",
            generation,
        ),
        known_hosts=known_hosts or (GITHUB_COM_HOST_KEY,),
        poll_seconds=sync.poll_seconds or Sync().poll_seconds or 0,
        timeout_seconds=sync.timeout_seconds or Sync().timeout_seconds or 0,
        wait=sync.wait is not False and not checks,
        prune=sync.prune is not False,
        health_checks=checks,
        signed_by=tuple(sync.signed_by or ()),
        receiver_url=cluster.receiver_url,
    )


def tenant(environment: Environment, application: Application, owner: str, cluster: str) -> Tenant:
    """The place of the environment in the cluster of that name."""
    sync = environment.sync or Sync()
    permitted = tuple(
        PolicyRule(tuple(each.groups or ("",)), tuple(each.resources), tuple(each.verbs or ALL_VERBS))
        for each in sync.permissions or ()
    )
    return Tenant(
        cluster=cluster,
        namespace=namespace_of(application.name, environment),
        service_account=SERVICE_ACCOUNT,
        labels={
            f"{LABEL}/owner": _label(owner),
            f"{LABEL}/application": _label(application.name),
            f"{LABEL}/environment": _label(identity_of(environment)),
        },
        rules=() if sync.cluster_role else (*WORKLOADS, *permitted),
        cluster_role=sync.cluster_role,
        pod_security=sync.pod_security or PodSecurity.BASELINE,
        made=not sync.existing_namespace,
    )


def tenant_key(application: str, environment: Environment) -> str:
    """What a tenant is called in the outputs and, with `-`, in logical names: the same after it was renamed."""
    return f"{application}/{identity_of(environment)}"


def object_name(application: str) -> str:
    """The application's name as the name of Kubernetes objects."""
    return re.sub(r"[^a-z0-9]+", "-", application.lower()).strip("-")[:_LABEL_LENGTH].strip("-") or "application"


def _authority(host: str) -> str:
    """`[host]:port` of a known_hosts line as it stands in an address."""
    return re.sub(r"^\[([^:\]]+)\](?=:|$)", r"\1", host)


def _label(text: str) -> str:
    """The text as the value of a label."""
    return _LABEL_VALUE.sub("-", text)[:_LABEL_LENGTH].strip("-._")
