"""One environment, end to end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import pulumi
from pydantic import Field

from gitops_infra.agents.kubeconfig import problem as kubeconfig_problem
from gitops_infra.components.branch_credential import BranchCredential, BranchCredentialArgs
from gitops_infra.components.ci_variables import CiVariables, CiVariablesArgs
from gitops_infra.components.environment_branch import EnvironmentBranch, EnvironmentBranchArgs, Hosted
from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import In, checked
from gitops_infra.components.scope import (
    DeliveredScope,
    EnvironmentScope,
    OneEnvironment,
    check_scope,
    plan_scope,
    refuse_open_state,
)
from gitops_infra.forges.github.approvers import Approvers
from gitops_infra.forges.github.environment import environment as register_environment
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.plan.delivery import tenant_key
from gitops_infra.plan.model import CredentialKind, Environment
from gitops_infra.plan.report import enforcement
from gitops_infra.topology.cluster import TargetCluster
from gitops_infra.topology.defaults import is_moved
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.vocabulary import Isolation

if TYPE_CHECKING:
    from gitops_infra.components.cluster import Place


class DeploymentEnvironmentArgs(DeliveredScope):
    """Arguments of `DeploymentEnvironment`."""

    secrets: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Values of the environment's secrets and of its writer's key, by the configuration key that names them."""
    kubeconfig: Optional[In[str]] = Field(default=None, repr=False)
    """Kubeconfig of the cluster. Default: the Kubernetes provider of `opts.providers`, else what `kubectl` uses."""
    default_branch_protected: Optional[bool] = False
    """True: the application's default branch is protected elsewhere in the program, or by hand. Only reported."""


class DeploymentEnvironment(pulumi.ComponentResource):
    """One environment, end to end, made in an order that is safe to interrupt.

    A CI environment with its approvers and its only ref, a protected branch, the one credential that may move it, the
    variables and secrets of its jobs, and, where it names a cluster, its place there and the agent that follows the
    branch. A cluster that cannot be reached costs these last two, with `pulumi up --continue-on-error`.
    """

    environment: pulumi.Output[str]
    """Name of the environment. Known once everything exists."""
    enforcement: pulumi.Output[dict[str, Any]]
    """`requested` and `achieved` protections, `degraded`, and `why` they differ or where they end."""
    branch: pulumi.Output[Optional[str]]
    """Name of the environment branch; none for review."""
    repository: pulumi.Output[Optional[str]]
    """Name of the repository that holds the branch, known once every rule exists; none for review."""
    ssh_url: pulumi.Output[Optional[str]]
    """Where to push to over SSH; none for review, and in an existing repository that is not imported."""
    url: pulumi.Output[Optional[str]]
    """Page of the environment branch; none as for `ssh_url`."""
    fingerprint: pulumi.Output[Optional[str]]
    """Fingerprint of the deploy key's public half; none without one."""
    source: pulumi.Output[Optional[str]]
    """`namespace/name` of the agent's objects in the cluster, known once they exist; none without a cluster."""

    def __init__(
        self,
        name: str,
        args: DeploymentEnvironmentArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _plan: Optional[OneEnvironment] = None,
        _approvers: Optional[Approvers] = None,
        _application: Optional[Hosted] = None,
        _place: "Optional[Place]" = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. Names with `_` are for `GitOpsTopology`.

        What `opts.depends_on` names exists before anything here: name the default branch's rules there
        (`ApplicationRepository.protection`), else a job of an unprotected branch could read the secrets.
        """
        valid = checked(DeploymentEnvironmentArgs, args, *(() if _plan else (check_scope, check_secrets)))
        plan = _plan or plan_scope(valid, default_branch_protected=bool(valid.default_branch_protected))
        refuse_open_state([plan.environment])
        super().__init__("gitops-infra:index:DeploymentEnvironment", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=plan.environment.retain)
        approvers = _approvers or Approvers(valid.owner, self)
        hosted = _application or Hosted()
        wanted = plan.environment
        ci = register_environment(
            place.within(hosted.deleted),
            repository=valid.application.name,
            name=wanted.name,
            policy=wanted.policy,
            ids=approvers.ids(wanted.policy.approvers),
        )
        branch = _branch(place, valid, wanted, hosted, approvers)
        protection = (*ci.policies, *(branch.protection if branch else ()))
        credential = _credential(place, valid, wanted, branch, hosted, *protection)
        variables = CiVariables(
            place.child("ci"),
            CiVariablesArgs(
                repository=valid.application.name,
                environment=wanted.name,
                variables=dict(wanted.variables),
                secrets={name: (valid.secrets or {})[key] for name, key in wanted.secrets.items()},
            ),
            place.nested(*protection),
            _inside=hosted.deleted,
        )
        agent = _agent(place, valid, wanted, branch, _place)
        self.retained: tuple[pulumi.CustomResource, ...] = (
            *(ci.all if place.retain else ()),
            *(branch.retained if branch else ()),
            *variables.retained,
            *agent.retained,
        )
        self.environment = after(
            wanted.name, (*ci.policies, *(credential.secrets if credential else ()), *variables.secrets)
        )
        self.enforcement = known(enforcement(plan.enforcement))
        self.branch = known(wanted.branch)
        self.repository = branch.repository if branch else known(None)
        self.ssh_url = branch.ssh_url if branch else known(None)
        self.url = branch.url if branch else known(None)
        self.fingerprint = credential.fingerprint if credential else known(None)
        self.source = agent.source
        self.register_outputs(
            {
                "environment": self.environment,
                "enforcement": self.enforcement,
                "branch": self.branch,
                "repository": self.repository,
                "ssh_url": self.ssh_url,
                "url": self.url,
                "fingerprint": self.fingerprint,
                "source": self.source,
            }
        )


def named_secrets(environment: WantedEnvironment, *place: str | int) -> Iterator[tuple[str, str]]:
    """Path and configuration key of each secret that the environment needs; `place` is the path to it."""
    for name, key in sorted((environment.secrets or {}).items()):
        yield path(*place, "secrets", name), key
    if environment.writer is not None and is_moved(environment):
        yield path(*place, "writer", "key"), environment.writer.key


def missing_secrets(environment: WantedEnvironment, given: Mapping[str, Any], *place: str | int) -> tuple[Problem, ...]:
    """One problem for each secret of the environment whose value was not given. `place` is the path to it."""
    return tuple(not_given(where, key) for where, key in named_secrets(environment, *place) if key not in given)


def not_given(where: str, key: str) -> Problem:
    """The problem that there is no value for a configuration key."""
    return Problem(
        where=where,
        code="secret-not-given",
        reason=f"there is no value for the configuration key '{key}'",
        remedy=f"Run `pulumi config set --secret {key}`, or pass the value in `secrets`",
    )


def check_secrets(args: DeploymentEnvironmentArgs) -> tuple[Problem, ...]:
    """Secrets of the environment, and of its cluster, whose values were not given or cannot be right."""
    given = args.secrets or {}
    found = missing_secrets(args.environment, given, "environment")
    if args.cluster is None or args.environment.cluster is None:
        return found
    key = args.cluster.kubeconfig
    if key and key not in given and args.kubeconfig is None:
        return (*found, not_given("cluster.kubeconfig", key))
    where = "kubeconfig" if args.kubeconfig is not None else "cluster.kubeconfig"
    return (*found, *bad_kubeconfig(_kubeconfig(args), args.cluster, where))


def _kubeconfig(args: DeploymentEnvironmentArgs) -> Any:
    # An empty one is wrong: in its place would come the cluster that `kubectl` happens to use.
    if args.kubeconfig is not None or args.cluster is None:
        return args.kubeconfig
    return (args.secrets or {}).get(args.cluster.kubeconfig or "")


def bad_kubeconfig(text: object, cluster: TargetCluster, where: str) -> tuple[Problem, ...]:
    """What is wrong with the kubeconfig of a cluster; one that is known only later is not looked at."""
    if not isinstance(text, str):
        return ()
    key = cluster.kubeconfig or "<key>"
    remedy = f"Store it whole: `kubectl config view --raw --minify --flatten | pulumi config set --secret {key}`"
    found = kubeconfig_problem(text, cluster.context, where, remedy)
    return (found,) if found else ()


def _branch(
    place: Placement, args: EnvironmentScope, plan: Environment, hosted: Hosted, approvers: Approvers
) -> Optional[EnvironmentBranch]:
    if plan.branch is None:
        return None
    return EnvironmentBranch(
        place.child("branch"),
        EnvironmentBranchArgs(
            owner=args.owner,
            owner_kind=args.owner_kind,
            github_plan=args.github_plan,
            application=args.application,
            environment=args.environment,
        ),
        place.nested(),
        _plan=plan,
        _application=hosted,
        _approvers=approvers,
    )


@dataclass(frozen=True)
class _Agent:
    """What makes the cluster follow the branch, registered; empty without one."""

    source: pulumi.Output[Optional[str]]
    retained: tuple[pulumi.CustomResource, ...] = ()


def _agent(
    place: Placement,
    args: DeploymentEnvironmentArgs,
    plan: Environment,
    branch: Optional[EnvironmentBranch],
    there: "Optional[Place]",
) -> _Agent:
    delivery = plan.delivery
    if delivery is None or branch is None or args.cluster is None:
        return _Agent(known(None))
    # The Kubernetes SDK takes longer to load than all the rest, and not everybody has a cluster.
    from gitops_infra.components.cluster import Cluster, ClusterArgs  # noqa: PLC0415
    from gitops_infra.components.gitops_agent import GitOpsAgent, GitOpsAgentArgs  # noqa: PLC0415

    kept: tuple[pulumi.CustomResource, ...] = ()
    if there is None:
        key = tenant_key(args.application.name, args.environment)
        cluster = Cluster(
            place.child("cluster"),
            ClusterArgs(
                owner=args.owner,
                cluster=args.cluster,
                tenants=[],
                kubeconfig=_kubeconfig(args),
            ),
            place.nested(),
            _tenants={key: (delivery.tenant, plan.retain)},
        )
        there, kept = cluster.places[key], cluster.retained
    agent = GitOpsAgent(
        place.child("agent"),
        GitOpsAgentArgs(
            owner=args.owner,
            github_plan=args.github_plan,
            application=args.application,
            environment=args.environment,
            repository=branch.repository,
        ),
        pulumi.ResourceOptions.merge(
            place.nested(*there.resources), pulumi.ResourceOptions(providers=[there.provider])
        ),
        _delivery=delivery,
        _retain=plan.retain,
    )
    return _Agent(agent.source, (*kept, *agent.retained))


def _credential(
    place: Placement,
    args: DeploymentEnvironmentArgs,
    plan: Environment,
    branch: Optional[EnvironmentBranch],
    hosted: Hosted,
    *protection: pulumi.Resource,
) -> Optional[BranchCredential]:
    wanted = plan.credential
    if wanted is None or branch is None:
        return None
    common: dict[str, Any] = {
        "repository": args.application.name,
        "environment": plan.name,
        "secret_name": wanted.secret_name,
    }
    if wanted.kind is CredentialKind.DEPLOY_KEY:
        specific: dict[str, Any] = {
            "state_repository": wanted.repository.partition("/")[2],
            "generation": wanted.generation,
            "title": wanted.title,
            "ssh_url": branch.ssh_url,
            "known_hosts": args.known_hosts,
        }
    else:
        specific = {"private_key": (args.secrets or {})[wanted.key or ""]}
    return BranchCredential(
        place.child("credential"),
        BranchCredentialArgs(**common, **specific),
        place.nested(*protection),
        _inside=hosted.deleted,
        # A key of another place is another key: the old one works until the new one is in the environment.
        _prefix="shared-" if plan.isolation is Isolation.SHARED else "",
    )
