"""What every check of the preflight is given, and the names it looks up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.identity import Identity
from gitops_infra.audit.known import Known
from gitops_infra.audit.ownership import Owners
from gitops_infra.plan.model import CredentialKind, Environment, Plan, Repository, Ruleset
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.topology import Topology


@dataclass(frozen=True)
class Scene:
    """Wanted, live and known, of one application repository."""

    topology: Topology
    plan: Plan
    reader: GitHubReader
    identity: Identity
    known: Known
    owners: Owners = field(default_factory=Owners)
    others: tuple[Environment, ...] = ()
    """Environments of the topology that other stacks make."""
    foundation: tuple[Ruleset, ...] = ()
    """Rulesets of the application repository that the plan has with everything in one stack."""

    @property
    def application(self) -> Repository:
        """The application repository, with every ruleset that it gets."""
        return self.plan.repositories[0]

    @property
    def makes_keys(self) -> bool:
        """Whether the plan has a deploy key: one that writes, or one by which a cluster reads."""
        return any(
            environment.delivery is not None
            or (environment.credential is not None and environment.credential.kind is CredentialKind.DEPLOY_KEY)
            for environment in self.plan.environments
        )

    @property
    def makes_webhooks(self) -> bool:
        """Whether a cluster is told of pushes."""
        return any(each.delivery is not None and each.delivery.receiver_url for each in self.plan.environments)

    @property
    def pairs(self) -> Iterator[tuple[WantedEnvironment, Environment]]:
        """Each environment as wanted and as planned."""
        return zip(self.topology.environments, self.plan.environments, strict=True)

    def live(self) -> Mapping[str, Any] | None:
        """The existing application repository as the forge describes it; None for a new one and an absent one."""
        if not self.application.existing:
            return None
        answer = self.reader.get("/repos/{}/{}", self.application.owner, self.application.name)
        return answer.data if answer.ok and isinstance(answer.data, dict) else None

    def listed(self, path: str, *parts: str, key: str | None = None, **query: str) -> tuple[Mapping[str, Any], ...]:
        """Entries of a list of the application repository; none where it cannot be read."""
        listing = self.reader.pages(
            f"/repos/{{}}/{{}}/{path}", self.application.owner, self.application.name, *parts, key=key, **query
        )
        return tuple(entry for entry in listing.entries if isinstance(entry, Mapping))

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
            if environment.credential is not None and environment.credential.user is not None:
                yield f"writer of environment {environment.name}", None, environment.credential.user
        for access in self.plan.application.access:
            yield "grants of the application", access.team, access.user


def of_repository(repository: Repository) -> str:
    """How a finding names the repository."""
    return f"repository {repository.full_name}"


def of_environment(scene: Scene, environment: Environment) -> str:
    """How a finding names the CI environment."""
    return f"environment {environment.name} of {scene.application.full_name}"
