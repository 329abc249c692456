"""One environment, end to end."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional

import pulumi
from pydantic import Field

from gitops_infra.components.branch_credential import BranchCredential, BranchCredentialArgs
from gitops_infra.components.ci_variables import CiVariables, CiVariablesArgs
from gitops_infra.components.environment_branch import EnvironmentBranch, EnvironmentBranchArgs, Hosted
from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import In, checked
from gitops_infra.components.scope import EnvironmentScope, OneEnvironment, check_scope, plan_scope
from gitops_infra.forges.github.approvers import Approvers
from gitops_infra.forges.github.environment import environment as register_environment
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.plan.model import CredentialKind, Environment
from gitops_infra.plan.report import enforcement
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.vocabulary import Isolation


class DeploymentEnvironmentArgs(EnvironmentScope):
    """Arguments of `DeploymentEnvironment`."""

    secrets: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Values of the environment's secrets and of its writer's key, by the configuration key that names them."""
    known_hosts: Optional[list[str]] = None
    """Host key lines of the forge's SSH server, for any server but github.com, whose key is known."""
    default_branch_protected: Optional[bool] = False
    """True: the application's default branch is protected elsewhere in the program, or by hand. Only reported."""


class DeploymentEnvironment(pulumi.ComponentResource):
    """One environment, end to end, made in an order that is safe to interrupt.

    A CI environment with its approvers and its only ref, a protected branch, the one credential that may move it, and
    the variables and secrets of its jobs.
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

    def __init__(
        self,
        name: str,
        args: DeploymentEnvironmentArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _plan: Optional[OneEnvironment] = None,
        _approvers: Optional[Approvers] = None,
        _application: Optional[Hosted] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. Names with `_` are for `GitOpsTopology`.

        What `opts.depends_on` names exists before anything here: name the default branch's rules there
        (`ApplicationRepository.protection`), else a job of an unprotected branch could read the secrets.
        """
        valid = checked(DeploymentEnvironmentArgs, args, *(() if _plan else (check_scope, check_secrets)))
        plan = _plan or plan_scope(valid, default_branch_protected=bool(valid.default_branch_protected))
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
        self.retained: tuple[pulumi.CustomResource, ...] = (
            *(ci.all if place.retain else ()),
            *(branch.retained if branch else ()),
            *variables.retained,
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
        self.register_outputs(
            {
                "environment": self.environment,
                "enforcement": self.enforcement,
                "branch": self.branch,
                "repository": self.repository,
                "ssh_url": self.ssh_url,
                "url": self.url,
                "fingerprint": self.fingerprint,
            }
        )


def named_secrets(environment: WantedEnvironment, *place: str | int) -> Iterator[tuple[str, str]]:
    """Path and configuration key of each secret that the environment needs; `place` is the path to it."""
    for name, key in sorted((environment.secrets or {}).items()):
        yield path(*place, "secrets", name), key
    if environment.writer is not None and not environment.retired and environment.write_credential is not False:
        yield path(*place, "writer", "key"), environment.writer.key


def missing_secrets(environment: WantedEnvironment, given: Mapping[str, Any], *place: str | int) -> tuple[Problem, ...]:
    """One problem for each secret of the environment whose value was not given. `place` is the path to it."""
    return tuple(
        Problem(
            where=where,
            code="secret-not-given",
            reason=f"there is no value for the configuration key '{key}'",
            remedy=f"Run `pulumi config set --secret {key}`, or pass the value in `secrets`",
        )
        for where, key in named_secrets(environment, *place)
        if key not in given
    )


def check_secrets(args: DeploymentEnvironmentArgs) -> tuple[Problem, ...]:
    """Secrets of the environment whose values were not given."""
    return missing_secrets(args.environment, args.secrets or {}, "environment")


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
