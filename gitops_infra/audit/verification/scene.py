"""What every check of the audit is given, and how it asks the forge."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.github_client import Answer, GitHubReader
from gitops_infra.audit.identity import Identity
from gitops_infra.audit.verification.exposure import Unverifiable
from gitops_infra.audit.verification.remembered import Remembered
from gitops_infra.plan.model import Environment, Plan, Repository
from gitops_infra.topology.topology import Topology

Entry = Mapping[str, Any]
Asked = Generator[Unverifiable, None, Entry | None]
"""An object that was asked for; None where it could not be read, which is then said."""
Listed = Generator[Unverifiable, None, tuple[Entry, ...] | None]
"""As `Asked`, of a list."""


@dataclass(frozen=True)
class Scene:
    """Wanted and live, of one application and what is made for it."""

    topology: Topology
    plan: Plan
    """What this stack makes."""
    whole: Plan
    """The same with what other stacks of the topology make: known, and not looked at here."""
    reader: GitHubReader
    identity: Identity
    now: Callable[[], datetime]
    remembered: Remembered = field(default_factory=Remembered)

    @property
    def application(self) -> Repository:
        """The application repository with every ruleset that it gets from this stack."""
        return self.plan.repositories[0]

    def ask(self, where: str, what: str, needs: str, path: str, *parts: str, **query: str | int) -> Asked:
        """The object behind the path. `needs` is the permission that shows it: `administration (read)`."""
        answer = self.reader.get(path, *parts, **query)
        if answer.ok and isinstance(answer.data, Mapping):
            return answer.data
        yield unreadable(where, what, needs, answer)
        return None

    def entries(
        self, where: str, what: str, needs: str, path: str, *parts: str, key: str | None = None, **query: str | int
    ) -> Listed:
        """The entries of the list behind the path; `key` names it inside an object that the forge wraps it in."""
        listing = self.reader.pages(path, *parts, key=key, **query)
        if listing.answer.ok:
            return tuple(entry for entry in listing.entries if isinstance(entry, Mapping))
        yield unreadable(where, what, needs, listing.answer)
        return None


@dataclass(frozen=True)
class Place:
    """One repository as planned."""

    scene: Scene
    repository: Repository
    environment: Environment | None = None
    """Whose branch a state repository holds; None: it is the application's."""
    former: bool = False
    """Whether the branch was there before its isolation changed: nobody moves it any more."""

    @property
    def where(self) -> str:
        """How a finding names the repository."""
        return f"repository {self.repository.full_name}"

    def live(self) -> Entry | None:
        """The repository as the forge describes it; None where there is none to see."""
        answer = self.scene.reader.get("/repos/{}/{}", self.repository.owner, self.repository.name)
        return answer.data if answer.ok and isinstance(answer.data, Mapping) else None

    def ask(self, what: str, needs: str, path: str, *parts: str, **query: str | int) -> Asked:
        """As `Scene.ask`, below the repository."""
        full = f"/repos/{{}}/{{}}/{path}"
        own = (self.repository.owner, self.repository.name)
        return (yield from self.scene.ask(self.where, what, needs, full, *own, *parts, **query))

    def entries(
        self, what: str, needs: str, path: str, *parts: str, key: str | None = None, **query: str | int
    ) -> Listed:
        """As `Scene.entries`, below the repository."""
        full = f"/repos/{{}}/{{}}/{path}"
        own = (self.repository.owner, self.repository.name)
        return (yield from self.scene.entries(self.where, what, needs, full, *own, *parts, key=key, **query))


def places(scene: Scene) -> Iterator[Place]:
    """The application's repository, the state repositories, and those of former places."""
    yield Place(scene, scene.application)
    for environment in scene.plan.environments:
        if environment.state is not None:
            yield Place(scene, environment.state, environment)
        if environment.former is not None and environment.former.state is not None:
            yield Place(scene, environment.former.state, environment, former=True)


def unreadable(where: str, what: str, needs: str, answer: Answer) -> Unverifiable:
    """Why the forge's answer shows nothing. GitHub answers 404 as well where something is hidden."""
    said = f" {answer.message}" if answer.message else ""
    hidden = answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
    remedy = f"Give the token {needs}" if hidden else "Try again"
    return Unverifiable(where, what, f"the forge answered {answer.status}{said}", remedy)
