"""The protected branch of one environment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

import pulumi
import pulumi_github as github

from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import checked
from gitops_infra.components.scope import EnvironmentScope, check_scope, plan_scope
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.github.approvers import Approvers
from gitops_infra.forges.github.branch_rules import rulesets
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.github.repository import RepositoryChildren, state_repository
from gitops_infra.plan.model import BypassKind, Environment, Repository, Ruleset
from gitops_infra.topology.problems import Problem


class EnvironmentBranchArgs(EnvironmentScope):
    """Arguments of `EnvironmentBranch`."""


@dataclass(frozen=True)
class Hosted:
    """The application's repository as the same program registers it."""

    repository: Optional[github.Repository] = None
    """None: it exists, and is not read."""
    deleted: Optional[github.Repository] = None
    """The same, where destroy deletes it; None where it stays."""


class EnvironmentBranch(pulumi.ComponentResource):
    """The protected branch of one environment: in a state repository of its own, or in the application's.

    A state repository is empty and has Actions off. Its rules let a write key create and move the one branch, forward
    only, and lock every other branch and tag. In the application's repository the rules let one actor create and move
    the branch, forward only, and guard no other. The first push creates the branch.
    """

    repository: pulumi.Output[str]
    """Name of the repository that holds the branch. Known once every rule exists: what takes it comes after them."""
    full_name: pulumi.Output[str]
    """`owner/name` of that repository. Known once every rule exists."""
    branch: pulumi.Output[str]
    """Name of the branch."""
    ref: pulumi.Output[str]
    """Full ref of the branch."""
    ssh_url: pulumi.Output[Optional[str]]
    """Where to push to over SSH. Known once every rule exists; none in an existing repository, which is not read."""
    url: pulumi.Output[Optional[str]]
    """Page of the branch. It answers after the first promotion; none in an existing repository, which is not read."""

    def __init__(
        self,
        name: str,
        args: EnvironmentBranchArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _plan: Optional[Environment] = None,
        _application: Optional[Hosted] = None,
        _approvers: Optional[Approvers] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. Names with `_` are for `DeploymentEnvironment`."""
        # With a plan the arguments are ours, and were checked as a whole.
        valid = args if _plan else checked(EnvironmentBranchArgs, args, check_scope)
        plan = _plan or plan_scope(valid).environment
        if plan.repository is None or plan.branch is None:
            raise ConfigurationError([_no_branch(plan)])
        owner, _, holder = plan.repository.partition("/")
        super().__init__("gitops-infra:index:EnvironmentBranch", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=plan.retain)
        hosted = _application or Hosted()
        state = None if plan.state is None else _state(place, plan.state)
        former = None if plan.former is None or plan.former.state is None else _state(place, plan.former.state)
        guarding = (*plan.rulesets, *(plan.former.rulesets if plan.former else ()))
        guards = rulesets(
            place.within(hosted.deleted),
            valid.application.name,
            guarding,
            users=(_approvers or Approvers(owner, self)).users(_logins(guarding)),
        )
        rules = state.rules if state else guards
        self.protection: tuple[pulumi.CustomResource, ...] = rules
        everything = (*(state.all if state else ()), *(former.all if former else ()), *guards)
        self.retained: tuple[pulumi.CustomResource, ...] = everything if place.retain else ()
        repository = state.children.repository if state else hosted.repository
        self.repository = after(holder, rules)
        self.full_name = after(plan.repository, rules)
        self.branch = known(plan.branch)
        self.ref = known(f"refs/heads/{plan.branch}")
        if repository is None:
            self.ssh_url, self.url = known(None), known(None)
        else:
            address = repository.ssh_clone_url
            self.ssh_url = after(None, rules).apply(lambda _: address)
            self.url = repository.html_url.apply(lambda page: f"{page}/tree/{plan.branch}")
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


@dataclass(frozen=True)
class _State:
    """A state repository and its rules, registered."""

    children: RepositoryChildren
    rules: tuple[pulumi.CustomResource, ...]

    @property
    def all(self) -> tuple[pulumi.CustomResource, ...]:
        """Every resource."""
        return (*self.children.all, *self.rules)


def _state(place: Placement, plan: Repository) -> _State:
    children = state_repository(place, plan)
    # After Actions are off: no workflow of a first push runs.
    rules = rulesets(place, plan.name, plan.rulesets, *children.permissions, deleted_with=children.repository)
    return _State(children, rules)


def _logins(plan: Iterable[Ruleset]) -> list[str]:
    """Bypass actors whose ids are not known."""
    actors = (actor for ruleset in plan for actor in ruleset.bypass if actor.kind is BypassKind.USER)
    return list(dict.fromkeys(actor.login for actor in actors if actor.id is None and actor.login))


def _no_branch(plan: Environment) -> Problem:
    return Problem(
        where="environment",
        code="environment-without-branch",
        reason=f"environment {plan.name} is of kind {plan.kind.value}, which has no branch",
        remedy="use DeploymentEnvironment for it, or give it another kind",
    )
