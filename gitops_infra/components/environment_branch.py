"""The protected branch of one environment."""

from collections.abc import Mapping
from typing import Any, Optional, Union

import pulumi

from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import checked
from gitops_infra.components.scope import EnvironmentScope, check_scope, plan_scope
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.github.branch_rules import rulesets
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.github.repository import state_repository
from gitops_infra.plan.model import Environment
from gitops_infra.topology.problems import Problem


class EnvironmentBranchArgs(EnvironmentScope):
    """Arguments of `EnvironmentBranch`."""


class EnvironmentBranch(pulumi.ComponentResource):
    """The protected branch of one environment, in a state repository of its own.

    The repository is empty and has Actions off. Its rules let a write key create and move the one branch, forward
    only, and lock every other branch and tag. The first push creates the branch.
    """

    repository: pulumi.Output[str]
    """Name of the state repository. Known once every rule exists: a key made from it comes after them."""
    full_name: pulumi.Output[str]
    """`owner/name` of the state repository. Known once every rule exists."""
    branch: pulumi.Output[str]
    """Name of the branch."""
    ref: pulumi.Output[str]
    """Full ref of the branch."""
    ssh_url: pulumi.Output[str]
    """Where the credential pushes to, over SSH. Known once every rule exists."""
    url: pulumi.Output[str]
    """Page of the branch. It answers after the first promotion."""

    def __init__(
        self,
        name: str,
        args: EnvironmentBranchArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _plan: Optional[Environment] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. `_plan` is for `DeploymentEnvironment`."""
        plan = _plan or _decide(args)
        if plan.state is None or plan.branch is None:
            raise ConfigurationError([_no_branch(plan)])
        super().__init__("gitops-infra:index:EnvironmentBranch", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=plan.state.retain)
        state = state_repository(place, plan.state)
        rules = rulesets(
            place,
            plan.state.name,
            plan.state.rulesets,
            # After Actions are off: no workflow of a first push runs.
            *state.permissions,
            deleted_with=state.repository,
        )
        self.protection: tuple[pulumi.CustomResource, ...] = rules
        self.retained: tuple[pulumi.CustomResource, ...] = (*state.all, *rules) if place.retain else ()
        self.repository = after(plan.state.name, rules)
        self.full_name = after(plan.state.full_name, rules)
        self.branch = known(plan.branch)
        self.ref = known(f"refs/heads/{plan.branch}")
        address = state.repository.ssh_clone_url
        self.ssh_url = after(None, rules).apply(lambda _: address)
        self.url = state.repository.html_url.apply(lambda page: f"{page}/tree/{plan.branch}")
        self.register_outputs(
            {
                "repository": self.repository,
                "full_name": self.full_name,
                "branch": self.branch,
                "ref": self.ref,
                "ssh_url": self.ssh_url,
                "url": self.url,
            }
        )


def _decide(args: Union[EnvironmentBranchArgs, Mapping[str, Any]]) -> Environment:
    return plan_scope(checked(EnvironmentBranchArgs, args, check_scope)).environment


def _no_branch(plan: Environment) -> Problem:
    return Problem(
        where="environment",
        code="environment-without-branch",
        reason=f"environment {plan.name} is of kind {plan.kind.value}, which has no branch",
        remedy="use DeploymentEnvironment for it, or give it another kind",
    )
