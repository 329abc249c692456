"""A target cluster: who may do what in which namespace of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

import pulumi
from pydantic import Field

from gitops_infra.agents import objects
from gitops_infra.agents.kubeconfig import problem as kubeconfig_problem
from gitops_infra.agents.kubernetes import given_provider, provider, register
from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import Args, In, checked
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.passphrase import open_state
from gitops_infra.plan.build import is_retained
from gitops_infra.plan.delivery import tenant, tenant_key
from gitops_infra.plan.model import Tenant
from gitops_infra.topology import names
from gitops_infra.topology.application import Application
from gitops_infra.topology.cluster import TargetCluster
from gitops_infra.topology.defaults import namespace_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.model import Model
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown


class ClusterTenant(Model):
    """One environment of one application that gets a place in the cluster."""

    application: str
    """Name of the application's repository, without the owner."""
    environment: Environment
    """The environment; of it count `name`, `namespace`, `kind`, `sync` and what says that it is kept."""


class ClusterArgs(Args):
    """Arguments of `Cluster`."""

    owner: str
    """Organisation or user that owns the applications."""
    cluster: TargetCluster
    """The cluster."""
    tenants: list[ClusterTenant]
    """Who gets a place in it."""
    kubeconfig: Optional[In[str]] = Field(default=None, repr=False)
    """A whole kubeconfig, also one that is known only while the program runs. Marked secret. Default: the provider of
    `opts.providers`, else what `kubectl` uses."""


@dataclass(frozen=True)
class Place:
    """What one tenant has in the cluster, registered."""

    tenant: Tenant
    provider: pulumi.ProviderResource
    namespace: Optional[pulumi.CustomResource]
    """None: it was there."""
    resources: tuple[pulumi.CustomResource, ...]
    """All of it: who comes after these may impersonate the service account."""
    retain: bool


class Cluster(pulumi.ComponentResource):
    """A target cluster: a namespace for each tenant, and a service account with the least rights in it.

    An agent that applies a tenant's branch impersonates that account, so nothing in the branch reaches beyond the
    namespace. A namespace that is there already is refused unless `sync.existing_namespace` says so.
    """

    namespaces: pulumi.Output[dict[str, Any]]
    """By tenant, `application/environment`: the namespace, known once its service account has its rights."""

    def __init__(
        self,
        name: str,
        args: ClusterArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _tenants: Optional[Mapping[str, tuple[Tenant, bool]]] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. `_tenants` is for `GitOpsTopology`."""
        valid = checked(ClusterArgs, args, *(() if _tenants else (_problems,)))
        tenants = _tenants if _tenants is not None else _planned(valid)
        super().__init__("gitops-infra:index:Cluster", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=False)
        ready = None if valid.kubeconfig is not None or valid.cluster.context else given_provider(self)
        self.provider: pulumi.ProviderResource = ready or provider(
            place.child("provider"), kubeconfig=valid.kubeconfig, context=valid.cluster.context
        )
        self.places: dict[str, Place] = {
            key: _place(
                replace(place, name=place.child(key.replace("/", "-")), retain=place.retain or retain),
                wanted,
                self.provider,
            )
            for key, (wanted, retain) in tenants.items()
        }
        self.retained: tuple[pulumi.CustomResource, ...] = tuple(
            resource for each in self.places.values() if each.retain for resource in each.resources
        )
        found = {key: after(each.tenant.namespace, each.resources) for key, each in self.places.items()}
        self.namespaces = pulumi.Output.all(**found) if found else known({})
        self.register_outputs({"namespaces": self.namespaces})


def _place(place: Placement, tenant: Tenant, cluster: pulumi.ProviderResource) -> Place:
    provided = pulumi.ResourceOptions(provider=cluster)

    def options(*earlier: pulumi.Resource, within: Optional[pulumi.Resource] = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(place.options(*earlier, deleted_with=within), provided)

    namespace = None
    if tenant.made:
        namespace = register(place.child("namespace"), objects.namespace(tenant), options())
    first = () if namespace is None else (namespace,)
    account = register(
        place.child("service-account"), objects.service_account(tenant), options(*first, within=namespace)
    )
    role = objects.role(tenant)
    roles = () if role is None else (register(place.child("role"), role, options(*first, within=namespace)),)
    binding = register(
        place.child("role-binding"), objects.role_binding(tenant), options(account, *roles, within=namespace)
    )
    return Place(tenant, cluster, namespace, (*first, account, *roles, binding), place.retain)


def _planned(args: ClusterArgs) -> dict[str, tuple[Tenant, bool]]:
    return {
        tenant_key(each.application, each.environment): (
            tenant(
                each.environment,
                Application(name=each.application, existing=True),
                args.owner,
                args.cluster.name,
            ),
            is_retained(each.environment),
        )
        for each in args.tenants
    }


def _problems(args: ClusterArgs) -> tuple[Problem, ...]:
    found = []
    seen: dict[str, int] = {}
    keys: dict[str, int] = {}
    for index, each in enumerate(args.tenants):
        # Of the logical names, in which `/` is `-`.
        alike = keys.setdefault(tenant_key(each.application, each.environment).replace("/", "-"), index)
        if alike != index:
            found.append(
                Problem(
                    path("tenants", index),
                    "duplicate-tenant",
                    f"it is called as tenants[{alike}] is, application and environment together",
                    "Leave one out, or rename an environment",
                )
            )
        namespace = namespace_of(each.application, each.environment)
        refusal = names.namespace(namespace)
        if refusal and each.environment.namespace is None:
            found.append(
                Problem(
                    path("tenants", index, "environment", "namespace"),
                    "bad-namespace",
                    f"the namespace would be {shown(namespace)}, which {refusal.reason}",
                    "Set `namespace`",
                )
            )
        first = seen.setdefault(namespace, index)
        if first != index:
            found.append(
                Problem(
                    path("tenants", index, "environment", "namespace"),
                    "same-namespace",
                    f"it is in namespace {shown(namespace)}, as tenants[{first}] is",
                    "Give each a namespace of its own",
                )
            )
    if isinstance(args.kubeconfig, str):
        remedy = "Pass the content of the file, which `kubectl config view --raw --minify --flatten` prints"
        bad = kubeconfig_problem(args.kubeconfig, args.cluster.context, "kubeconfig", remedy)
        found += [bad] if bad else []
    return (*found, *(open_state() if args.kubeconfig is not None else ()))
