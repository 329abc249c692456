"""The one description a platform team writes."""

from typing import Optional

from gitops_infra.topology.application import Application
from gitops_infra.topology.cluster import TargetCluster
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.model import Model
from gitops_infra.topology.promotion import Promotion
from gitops_infra.topology.vocabulary import Forge, OwnerKind, PricePlan


class Topology(Model):
    """An application, its environments, and how a change moves between them."""

    owner: str
    """Organisation or user that owns every repository."""
    github_plan: PricePlan
    """The owner's price plan, as billed. Compared with the live owner by `gitops-infra preflight`."""
    application: Application
    """The repository with the code and the manifests."""
    environments: list[Environment]
    """At least one: where the application is deployed to."""
    repositories: Optional[list[Application]] = None
    """Further repositories of the application. Each has a branch and a credential of its own in every environment."""
    clusters: Optional[list[TargetCluster]] = None
    """Clusters that environments are delivered to. An environment without one is deployed by CI alone."""
    promotions: Optional[list[Promotion]] = None
    """Default: environments follow each other as listed. The first staging takes the default branch by itself, each
    other one and every production what the staging before runs, by approval; in a monorepo among the same `paths`."""
    owner_kind: Optional[OwnerKind] = OwnerKind.ORGANIZATION
    """What kind of account the owner is."""
    forge: Optional[Forge] = Forge.GITHUB
    """Where the repositories live."""
    known_hosts: Optional[list[str]] = None
    """Host key lines of the forge's SSH server, for any server but github.com, whose key is known."""
