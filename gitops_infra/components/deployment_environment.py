"""One environment, end to end."""

from collections.abc import Mapping
from typing import Any, Optional

import pulumi
from pydantic import Field

from gitops_infra.components.branch_credential import BranchCredential, BranchCredentialArgs
from gitops_infra.components.ci_variables import CiVariables, CiVariablesArgs
from gitops_infra.components.environment_branch import EnvironmentBranch, EnvironmentBranchArgs
from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import In, checked
from gitops_infra.components.scope import EnvironmentScope, OneEnvironment, check_scope, plan_scope
from gitops_infra.forges.github.approvers import Approvers
from gitops_infra.forges.github.environment import environment as register_environment
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.plan.model import Enforcement, Environment
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.problems import Problem, path


class DeploymentEnvironmentArgs(EnvironmentScope):
    """Arguments of `DeploymentEnvironment`."""

    secrets: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Values of the environment's secrets, by the configuration key that `environment.secrets` names."""
    default_branch_protected: Optional[bool] = False
    """True: the application's default branch is protected elsewhere in the program, or by hand. Only reported."""


class DeploymentEnvironment(pulumi.ComponentResource):
    """One environment, end to end, made in an order that is safe to interrupt.

    A CI environment with its approvers and its only ref, a protected branch in a state repository, the one credential
    that may move it, and the variables and secrets of its jobs.
    """

    environment: pulumi.Output[str]
    """Name of the environment. Known once everything exists."""
    enforcement: pulumi.Output[dict[str, Any]]
    """`requested` and `achieved` protections, `degraded`, and `why` they differ or where they end."""
    branch: pulumi.Output[Optional[str]]
    """Name of the environment branch; none for review."""
    repository: pulumi.Output[Optional[str]]
    """Name of the state repository, known once every rule exists; none for review."""
    ssh_url: pulumi.Output[Optional[str]]
    """Where promotions push to, over SSH; none for review."""
    url: pulumi.Output[Optional[str]]
    """Page of the environment branch; none for review."""
    fingerprint: pulumi.Output[Optional[str]]
    """Fingerprint of the credential's public key; none without a credential."""

    def __init__(
        self,
        name: str,
        args: DeploymentEnvironmentArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _plan: Optional[OneEnvironment] = None,
        _approvers: Optional[Approvers] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. `_plan` and `_approvers` are for `GitOpsTopology`.

        What `opts.depends_on` names exists before anything here: name the default branch's rules there
        (`ApplicationRepository.protection`), else a job of an unprotected branch could read the secrets.
        """
        valid = checked(DeploymentEnvironmentArgs, args, *(() if _plan else (check_scope, check_secrets)))
        plan = _plan or plan_scope(valid, default_branch_protected=bool(valid.default_branch_protected))
        super().__init__("gitops-infra:index:DeploymentEnvironment", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=plan.environment.retain)
        approvers = _approvers or Approvers(valid.owner, self)
        wanted = plan.environment
        ci = register_environment(
            place,
            repository=valid.application.name,
            name=wanted.name,
            policy=wanted.policy,
            ids=approvers.ids(wanted.policy.approvers),
        )
        branch = _branch(place, valid, wanted)
        protection = (*ci.policies, *(branch.protection if branch else ()))
        credential = _credential(place, valid, wanted, *protection)
        variables = CiVariables(
            place.child("ci"),
            CiVariablesArgs(
                repository=valid.application.name,
                environment=wanted.name,
                variables=dict(wanted.variables),
                secrets={name: (valid.secrets or {})[key] for name, key in wanted.secrets.items()},
            ),
            place.nested(*protection),
        )
        self.retained: tuple[pulumi.CustomResource, ...] = (
            *(ci.all if place.retain else ()),
            *(branch.retained if branch else ()),
            *variables.retained,
        )
        self.environment = after(
            wanted.name, (*ci.policies, *(credential.secrets if credential else ()), *variables.secrets)
        )
        self.enforcement = known(report(plan.enforcement))
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


def report(enforcement: Enforcement) -> dict[str, Any]:
    """An enforcement as plain lists and strings, in the plan's order."""
    return {
        "requested": [protection.value for protection in enforcement.requested],
        "achieved": [protection.value for protection in enforcement.achieved],
        "degraded": enforcement.degraded,
        "why": list(enforcement.why),
    }


def missing_secrets(environment: WantedEnvironment, given: Mapping[str, Any], *place: str | int) -> tuple[Problem, ...]:
    """One problem for each secret of the environment whose value was not given. `place` is the path to it."""
    return tuple(
        Problem(
            where=path(*place, "secrets", name),
            code="secret-not-given",
            reason=f"there is no value for the configuration key '{key}'",
            remedy=f"Run `pulumi config set --secret {key}`, or pass the value in `secrets`",
        )
        for name, key in sorted((environment.secrets or {}).items())
        if key not in given
    )


def check_secrets(args: DeploymentEnvironmentArgs) -> tuple[Problem, ...]:
    """Secrets of the environment whose values were not given."""
    return missing_secrets(args.environment, args.secrets or {}, "environment")


def _branch(place: Placement, args: EnvironmentScope, plan: Environment) -> Optional[EnvironmentBranch]:
    if plan.state is None:
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
    )


def _credential(
    place: Placement, args: EnvironmentScope, plan: Environment, *protection: pulumi.Resource
) -> Optional[BranchCredential]:
    if plan.credential is None or plan.state is None:
        return None
    return BranchCredential(
        place.child("credential"),
        BranchCredentialArgs(
            repository=args.application.name,
            environment=plan.name,
            state_repository=plan.state.name,
            generation=plan.credential.generation,
            title=plan.credential.title,
            secret_name=plan.credential.secret_name,
        ),
        place.nested(*protection),
    )
