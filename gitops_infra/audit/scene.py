"""What every check of the preflight is given, and the names it looks up."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.identity import Identity
from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology


@dataclass(frozen=True)
class Known:
    """What a stack made already, so that finding it on the forge is no surprise. Names in lower case."""

    repositories: Collection[str] = field(default_factory=frozenset)
    environments: Collection[tuple[str, str]] = field(default_factory=frozenset)
    """(repository, environment)."""
    rulesets: Collection[tuple[str, str]] = field(default_factory=frozenset)
    """(repository, ruleset name)."""


@dataclass(frozen=True)
class Scene:
    """Wanted, live and known."""

    topology: Topology
    plan: Plan
    reader: GitHubReader
    identity: Identity
    known: Known

    @property
    def makes_keys(self) -> bool:
        """Whether the plan has a deploy key."""
        return any(environment.credential for environment in self.plan.environments)

    def teams(self) -> Iterator[tuple[str, str]]:
        """(where it is named, slug) of every team of the owner."""
        prefix = f"@{self.plan.owner.lower()}/"
        yield from ((where, team) for where, team, _ in self._named() if team)
        for name in self.topology.application.owners or ():
            if name.lower().startswith(prefix):
                yield "owners of the application", name[len(prefix) :]

    def users(self) -> Iterator[tuple[str, str]]:
        """(where it is named, login) of every user."""
        yield from ((where, user) for where, _, user in self._named() if user)
        for name in self.topology.application.owners or ():
            if name.startswith("@") and "/" not in name:
                yield "owners of the application", name[1:]

    def _named(self) -> Iterator[tuple[str, str | None, str | None]]:
        for environment in self.plan.environments:
            for approver in environment.policy.approvers:
                yield f"reviewers of environment {environment.name}", approver.team, approver.user
        for access in self.plan.application.access:
            yield "grants of the application", access.team, access.user
