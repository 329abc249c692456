"""The repository of an application: a new one, or the protection around one that exists."""

from collections.abc import Mapping
from typing import Any, Optional, Union

import pulumi

from gitops_infra.components.environment_branch import Hosted
from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import Args, checked, decided
from gitops_infra.forges.github.branch_rules import rulesets
from gitops_infra.forges.github.files import files
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.github.repository import (
    RepositoryChildren,
    access,
    application_repository,
    imported_repository,
)
from gitops_infra.plan.build import plan as plan_topology
from gitops_infra.plan.model import Repository
from gitops_infra.topology.application import Application
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.promotion import Promotion
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import check
from gitops_infra.topology.vocabulary import OwnerKind, PricePlan


class ApplicationRepositoryArgs(Args):
    """Arguments of `ApplicationRepository`."""

    owner: str
    """Organisation or user that owns the repository."""
    github_plan: PricePlan
    """The owner's price plan, as billed. Decides what can be enforced."""
    application: Application
    """The repository, and how its default branch is protected."""
    owner_kind: Optional[OwnerKind] = OwnerKind.ORGANIZATION
    """Default: an organisation."""
    environments: Optional[list[Environment]] = None
    """Environments whose manifests lie in the repository: a new one gets their code owners and workflows."""
    promotions: Optional[list[Promotion]] = None
    """How a change moves between them. Default: as in `Topology`."""


class ApplicationRepository(pulumi.ComponentResource):
    """An application's repository with a protected default branch.

    A new one gets settings, first files and access; content and settings of an existing one are left alone. An imported
    one is in the stack as it is, and only what the topology names of it ever changes.
    """

    name: pulumi.Output[str]
    """Repository name. Known once the default branch is protected."""
    full_name: pulumi.Output[str]
    """`owner/name`. Known once the default branch is protected."""
    default_branch: pulumi.Output[str]
    """Name of the default branch."""
    http_clone_url: pulumi.Output[Optional[str]]
    """Clone URL over HTTPS; none for an existing repository that is not imported: it is not read."""
    ssh_clone_url: pulumi.Output[Optional[str]]
    """Clone URL over SSH; none for an existing repository that is not imported: it is not read."""
    protected: pulumi.Output[str]
    """The protected ref. Whatever takes it as an input waits until the rules exist."""

    def __init__(
        self,
        name: str,
        args: ApplicationRepositoryArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _plan: Optional[Repository] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. `_plan` is for `GitOpsTopology`."""
        plan = _plan or _decide(args)
        super().__init__("gitops-infra:index:ApplicationRepository", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=plan.retain)
        children = _children(place, plan)
        repository = None if children is None else children.repository
        made = () if children is None else (children.repository, *children.permissions)
        self.hosted = Hosted(repository, None if place.retain else repository)
        """For environments in the same program."""
        inside = place.within(self.hosted.deleted)
        written = files(place, plan, *made)
        self.protection: tuple[pulumi.CustomResource, ...] = rulesets(inside, plan.name, plan.rulesets, *made, *written)
        self.granted: tuple[pulumi.CustomResource, ...] = access(inside, plan, *made)
        everything = (*(children.all if children else ()), *written, *self.protection, *self.granted)
        self.retained: tuple[pulumi.CustomResource, ...] = everything if place.retain else ()
        self.name = after(plan.name, (*made, *self.protection))
        self.full_name = after(plan.full_name, (*made, *self.protection))
        self.default_branch = known(plan.default_branch)
        self.http_clone_url = known(None) if repository is None else repository.http_clone_url
        self.ssh_clone_url = known(None) if repository is None else repository.ssh_clone_url
        self.protected = after(f"refs/heads/{plan.default_branch}", self.protection)
        self.register_outputs(
            {
                "name": self.name,
                "full_name": self.full_name,
                "default_branch": self.default_branch,
                "http_clone_url": self.http_clone_url,
                "ssh_clone_url": self.ssh_clone_url,
                "protected": self.protected,
            }
        )


def _children(place: Placement, plan: Repository) -> RepositoryChildren | None:
    """The repository itself, new or imported; None for one that exists and is not read."""
    if plan.imported:
        return imported_repository(place, plan)
    return None if plan.existing else application_repository(place, plan)


def _decide(args: Union[ApplicationRepositoryArgs, Mapping[str, Any]]) -> Repository:
    valid = checked(ApplicationRepositoryArgs, args, _problems)
    return decided(lambda: plan_topology(_topology(valid)).application)


def _problems(args: ApplicationRepositoryArgs) -> tuple[Problem, ...]:
    found = check(_topology(args))
    # A topology needs an environment, a repository does not.
    return found if args.environments else tuple(problem for problem in found if problem.where != "environments")


def _topology(args: ApplicationRepositoryArgs) -> Topology:
    return Topology(
        owner=args.owner,
        owner_kind=args.owner_kind,
        github_plan=args.github_plan,
        application=args.application,
        environments=args.environments or [],
        promotions=args.promotions,
    )
