"""A whole topology, or one part of it."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

import pulumi
from pydantic import Field

from gitops_infra.components.application_repository import ApplicationRepository, ApplicationRepositoryArgs
from gitops_infra.components.collector import collect_rarely
from gitops_infra.components.deployment_environment import (
    DeploymentEnvironment,
    DeploymentEnvironmentArgs,
    bad_kubeconfig,
    missing_secrets,
    not_given,
)
from gitops_infra.components.environment_branch import Hosted
from gitops_infra.components.gate import known
from gitops_infra.components.inputs import Args, In, checked, decided
from gitops_infra.components.parts import FOUNDATION, Part, part_problems, protected_by, refuse_losses, undoers_of
from gitops_infra.components.scope import OneEnvironment, refuse_open_state
from gitops_infra.forges.github.approvers import Approvers
from gitops_infra.forges.github.placement import Placement
from gitops_infra.forges.github.retained import retained
from gitops_infra.plan.access import reach
from gitops_infra.plan.build import plans as plan_topology
from gitops_infra.plan.delivery import tenant_key
from gitops_infra.plan.model import Environment, Plan, Tenant
from gitops_infra.plan.report import enforcement
from gitops_infra.topology.cluster import TargetCluster
from gitops_infra.topology.defaults import per_repository
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

if TYPE_CHECKING:
    from gitops_infra.components.cluster import Place


class GitOpsTopologyArgs(Args):
    """Arguments of `GitOpsTopology`."""

    topology: Topology
    """An application, its environments, and how a change moves between them."""
    secrets: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Values of the environments' secrets, of writers' keys and of kubeconfigs, by the configuration key that the
    topology names."""
    kubeconfigs: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Kubeconfigs by the name of the cluster, for clusters that the same program makes."""
    part: Optional[str] = None
    """What of it this stack makes: `foundation` (the repositories and their default branches), or one environment by
    name. Default: everything."""
    foundation: Optional[str] = None
    """For an environment alone: full name of the stack with the foundation, `organization/project/stack`."""
    released: Optional[list[str]] = None
    """Environments that another stack has taken over by `pulumi state move`: this one lets go of them unasked."""


class GitOpsTopology(pulumi.ComponentResource):
    """Application repositories and all of their environments, in the right order.

    A default branch is protected before any environment exists, and every rule before any credential. An environment
    that the topology leaves out, and that the stack's output `environments` has, must have been retired before.
    """

    environments: pulumi.Output[dict[str, Any]]
    """By name, and `repository/name` in a further repository: `kind`, `isolation`, `retired`, `branch`, `ref`,
    `repository`, `ssh_url`, `url`, `fingerprint`, `secret_name`, `cluster`, `namespace`. Export it as
    `environments`."""
    access: pulumi.Output[dict[str, Any]]
    """Predicted: by environment, the `movers` and `breakers` of its branch and the `secret_readers`; and the `undoers`
    of the rules, in sentences."""
    enforcement: pulumi.Output[dict[str, Any]]
    """By environment: `requested` and `achieved` protections, `degraded`, and `why`."""
    retained: pulumi.Output[list[Any]]
    """What destroy keeps: `type`, `name` and import `id` of each resource."""
    foundation: pulumi.Output[dict[str, Any]]
    """By repository (`owner/name`), its protected default branch, known once that is so. Export it as `foundation`: the
    stacks of single environments look for it."""

    def __init__(self, name: str, args: GitOpsTopologyArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        """Raises ConfigurationError with every problem found, before anything is registered."""
        valid = _valid(args)
        plans = decided(lambda: tuple(_with_files(each) for each in plan_topology(valid.topology)))
        part = Part(valid.part)
        refuse_open_state(environment for plan in plans for environment in plan.environments)
        refuse_losses(part, plans, valid.released or ())
        protected = {} if part.foundation else protected_by(valid.foundation, plans)
        as_before = collect_rarely()
        super().__init__("gitops-infra:index:GitOpsTopology", name, None, opts)
        place = Placement.of(self, name, opts, retain=False)
        approvers = Approvers(valid.topology.owner, self)
        places = _places(place, valid, plans, part)
        made = [
            _Repository(place, valid, topology, plan, part, approvers, prefix, places)
            for topology, plan, prefix in zip(per_repository(valid.topology), plans, _prefixes(plans), strict=True)
        ]
        self.environments = _summaries(made)
        # Also in a preview, where it is not known; not after a failure, which ends the program.
        self.environments.apply(as_before, run_with_unknowns=True)
        undoers = dict.fromkeys(sentence for each in made for sentence in undoers_of(part, each.plan))
        self.access = known({"environments": _merged(made, access_report), "undoers": list(undoers)})
        self.enforcement = known(_merged(made, enforcement_report))
        kept = [resource for each in made for resource in each.retained]
        kept += [resource for each in places.values() if each.retain for resource in each.resources]
        self.retained = retained(valid.topology.owner, kept)
        self.foundation = _foundation(made, protected)
        self.register_outputs(
            {
                "environments": self.environments,
                "access": self.access,
                "enforcement": self.enforcement,
                "retained": self.retained,
                "foundation": self.foundation,
            }
        )


class _Repository:
    """One repository of the topology, with its environments, registered."""

    def __init__(  # noqa: PLR0913, PLR0917 - one place, called once
        self,
        place: Placement,
        args: GitOpsTopologyArgs,
        topology: Topology,
        plan: Plan,
        part: Part,
        approvers: Approvers,
        prefix: str,
        places: "Mapping[str, Place]",
    ) -> None:
        self.plan, self.prefix = plan, prefix
        self.names = [wanted.name for wanted in topology.environments if part.makes(wanted.name)]
        self.application: Optional[ApplicationRepository] = None
        if part.foundation:
            self.application = ApplicationRepository(
                place.child(f"{prefix}application"), _application(topology), place.nested(), _plan=plan.application
            )
        hosted = self.application.hosted if self.application else Hosted()
        # Rules before secrets; and GitHub refuses a reviewer who has no access yet.
        before = (*self.application.protection, *self.application.granted) if self.application else ()
        clusters = {cluster.name: cluster for cluster in topology.clusters or ()}
        self.made = {
            wanted.name: DeploymentEnvironment(
                place.child(f"{prefix}{wanted.name}"),
                DeploymentEnvironmentArgs(
                    **_common(topology),
                    environment=wanted,
                    cluster=clusters.get(wanted.cluster or ""),
                    secrets=args.secrets,
                    known_hosts=topology.known_hosts,
                    default_branch_protected=True,
                ),
                self._options(place, wanted, *before, moved_in=not part.foundation),
                _plan=OneEnvironment(plan.environment(wanted.name), plan.enforcement[wanted.name]),
                _approvers=approvers,
                _application=hosted,
                _place=places.get(tenant_key(plan.application.name, wanted)),
            )
            for wanted in topology.environments
            if part.makes(wanted.name)
        }

    def _options(
        self, place: Placement, wanted: WantedEnvironment, *before: pulumi.Resource, moved_in: bool
    ) -> pulumi.ResourceOptions:
        """Of an environment: after the default branch's rules, and found again under what it was called before."""
        former = [f"{self.prefix}{wanted.formerly}"] if wanted.formerly else []
        options = place.renamed(place.nested(*before), *former)
        return place.moved_in(options) if moved_in else options

    @property
    def retained(self) -> list[pulumi.CustomResource]:
        """What destroy keeps."""
        kept = [*self.application.retained] if self.application else []
        return kept + [resource for environment in self.made.values() for resource in environment.retained]

    def key(self, environment: str) -> str:
        """What an environment is called in the outputs."""
        return f"{self.plan.application.name}/{environment}" if self.prefix else environment


def _places(place: Placement, args: GitOpsTopologyArgs, plans: tuple[Plan, ...], part: Part) -> "Mapping[str, Place]":
    """What each environment has in its cluster, by tenant. One component for each cluster that is used."""
    tenants: dict[str, dict[str, tuple[Tenant, bool]]] = {}
    for wanted in args.topology.environments:
        for plan in plans if part.makes(wanted.name) else ():
            found = plan.environment(wanted.name)
            if found.delivery is not None:
                there = tenants.setdefault(found.delivery.tenant.cluster, {})
                there[tenant_key(plan.application.name, wanted)] = (found.delivery.tenant, found.retain)
    if not tenants:
        return {}
    # The Kubernetes SDK takes longer to load than all the rest, and not everybody has a cluster.
    from gitops_infra.components.cluster import Cluster, ClusterArgs  # noqa: PLC0415

    return {
        key: found
        for cluster in args.topology.clusters or ()
        if cluster.name in tenants
        for key, found in Cluster(
            place.child(f"cluster-{cluster.name}"),
            ClusterArgs(owner=args.topology.owner, cluster=cluster, tenants=[], kubeconfig=_kubeconfig(args, cluster)),
            place.nested() if part.foundation else place.moved_in(place.nested()),
            _tenants=tenants[cluster.name],
        ).places.items()
    }


def _kubeconfig(args: GitOpsTopologyArgs, cluster: TargetCluster) -> Any:
    # An empty one is wrong: in its place would come the cluster that `kubectl` happens to use.
    given = (args.kubeconfigs or {}).get(cluster.name)
    return (args.secrets or {}).get(cluster.kubeconfig or "") if given is None else given


def access_report(plan: Plan) -> dict[str, Any]:
    """Who reaches each environment, by name. Not the whole matrix, which has a thousand rows."""
    return {
        row.environment: {
            "movers": list(row.movers),
            "breakers": list(row.breakers),
            "secret_readers": list(row.secret_readers),
        }
        for row in reach(plan)
    }


def enforcement_report(plan: Plan) -> dict[str, Any]:
    """What was asked of each environment, what is held, and why they differ."""
    return {name: enforcement(found) for name, found in plan.enforcement.items()}


def _merged(made: list[_Repository], describe: Callable[[Plan], dict[str, Any]]) -> dict[str, Any]:
    """The description of the environments that are made here, of every repository."""
    found = [(each, describe(each.plan)) for each in made]
    return {each.key(name): described[name] for each, described in found for name in each.names}


def _summaries(made: list[_Repository]) -> pulumi.Output[dict[str, Any]]:
    """By environment, what is known of it. One output for all: see `gate` on what nested ones cost."""
    pairs = [(each, name, one) for each in made for name, one in each.made.items()]
    found = [output for _, _, one in pairs for output in (one.repository, one.ssh_url, one.url, one.fingerprint)]

    def summarise(values: list[Any]) -> dict[str, Any]:
        groups = zip(values[0::4], values[1::4], values[2::4], values[3::4], strict=True)
        return {
            each.key(name): _summary(each.plan.environment(name), *group)
            for (each, name, _), group in zip(pairs, groups, strict=True)
        }

    return pulumi.Output.all(*found).apply(summarise)


def _summary(plan: Environment, repository: str, ssh_url: str, url: str, fingerprint: str) -> dict[str, Any]:
    return {
        "kind": plan.kind.value,
        "isolation": plan.isolation.value,
        "retired": plan.retired,
        "branch": plan.branch,
        "ref": plan.ref,
        "repository": repository,
        "ssh_url": ssh_url,
        "url": url,
        "fingerprint": fingerprint,
        "secret_name": None if plan.credential is None else plan.credential.secret_name,
        "cluster": None if plan.delivery is None else plan.delivery.tenant.cluster,
        "namespace": None if plan.delivery is None else plan.delivery.tenant.namespace,
    }


def _foundation(made: list[_Repository], protected: Mapping[str, Any]) -> pulumi.Output[dict[str, Any]]:
    names = [each.plan.application.full_name for each in made if each.application]
    refs = [each.application.protected for each in made if each.application]
    if not names:
        return known(dict(protected))
    return pulumi.Output.all(*refs).apply(lambda values: dict(zip(names, values, strict=True)))


def _prefixes(plans: tuple[Plan, ...]) -> list[str]:
    """Of the logical names: none for the first repository, the name of each further one."""
    return ["", *(f"{plan.application.name}-" for plan in plans[1:])]


def _with_files(plan: Plan) -> Plan:
    if plan.application.existing:
        return plan
    # A YAML writer comes with it, which a program around an existing repository does without.
    from gitops_infra.pipelines.github_actions import with_workflows  # noqa: PLC0415

    return with_workflows(plan)


def _common(topology: Topology) -> dict[str, Any]:
    return {
        "owner": topology.owner,
        "owner_kind": topology.owner_kind,
        "github_plan": topology.github_plan,
        "application": topology.application,
    }


def _application(topology: Topology) -> ApplicationRepositoryArgs:
    return ApplicationRepositoryArgs(
        **_common(topology), environments=topology.environments, promotions=topology.promotions
    )


def _valid(args: Union[GitOpsTopologyArgs, Mapping[str, Any]]) -> GitOpsTopologyArgs:
    given = args
    if isinstance(args, GitOpsTopologyArgs):
        decided(lambda: validate(args.topology))
    elif isinstance(args, Mapping) and "topology" in args:
        # First on its own: its messages then name places in the topology, and all of them at once.
        given = {**args, "topology": decided(lambda: validate(args["topology"]))}
    return checked(GitOpsTopologyArgs, given, _part_problems, _missing_secrets, _bad_kubeconfigs)


def _part_problems(args: GitOpsTopologyArgs) -> tuple[Problem, ...]:
    return part_problems(args.part, args.foundation, [each.name for each in args.topology.environments])


def _bad_kubeconfigs(args: GitOpsTopologyArgs) -> tuple[Problem, ...]:
    """Kubeconfigs of the clusters that are used here whose values were not given, or cannot be right."""
    known = [cluster.name for cluster in args.topology.clusters or ()]
    found = [
        Problem(
            path("kubeconfigs", name),
            "unknown-cluster",
            f"{shown(name)} is no cluster of the topology",
            f"Give one of {', '.join(known)}" if known else "Describe it under `clusters`",
        )
        for name in args.kubeconfigs or {}
        if name not in known
    ]
    here = Part(args.part)
    used = {each.cluster for each in args.topology.environments if here.makes(each.name)}
    for index, cluster in enumerate(args.topology.clusters or ()):
        if cluster.name not in used:
            continue
        where, text = path("clusters", index, "kubeconfig"), _kubeconfig(args, cluster)
        if cluster.kubeconfig and text is None:
            found.append(not_given(where, cluster.kubeconfig))
        found += bad_kubeconfig(text, cluster, where)
    return (*found, *_same_clusters(args, used))


def _same_clusters(args: GitOpsTopologyArgs, used: set[Optional[str]]) -> Iterator[Problem]:
    """Clusters of two names that are one: production would be where staging is, and nobody would notice."""
    seen: dict[tuple[Optional[str], Optional[str]], str] = {}
    for index, cluster in enumerate(args.topology.clusters or ()):
        if cluster.name not in used or cluster.name in (args.kubeconfigs or {}):
            continue
        first = seen.setdefault((cluster.kubeconfig, cluster.context), cluster.name)
        if first != cluster.name:
            yield Problem(
                path("clusters", index),
                "same-cluster",
                f"it is reached by the same kubeconfig and context as cluster {shown(first)}, so it is the same one",
                "Give it a `kubeconfig` or `context` of its own, or name one cluster in both environments",
            )


def _missing_secrets(args: GitOpsTopologyArgs) -> tuple[Problem, ...]:
    return tuple(
        problem
        for index, environment in enumerate(args.topology.environments)
        if args.part in {None, environment.name} and args.part != FOUNDATION
        for problem in missing_secrets(environment, args.secrets or {}, "environments", index)
    )
