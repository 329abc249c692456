"""Who acts on a forge, as tests name them."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """What an actor is."""

    USER = "user"
    APP = "App"
    JOB = "any job of"
    ENVIRONMENT = "environment"
    DEPLOY_KEY = "deploy key"


@dataclass(frozen=True, order=True)
class Actor:
    """Somebody, or something, that holds credentials of a forge. Make it with one of the class methods."""

    kind: ActorKind
    name: str
    repository: str | None = None
    """`owner/name`, where one belongs to it."""

    @classmethod
    def user(cls, login: str) -> "Actor":
        """A person or machine user, with everything that their roles allow."""
        return cls(ActorKind.USER, login)

    @classmethod
    def app(cls, slug: str) -> "Actor":
        """An installed GitHub App, with an installation token."""
        return cls(ActorKind.APP, slug)

    @classmethod
    def job(cls, repository: str) -> "Actor":
        """Any CI job of `owner/name`: its job token with `contents: write`, and what is in repository secrets."""
        return cls(ActorKind.JOB, repository)

    @classmethod
    def environment(cls, repository: str, name: str) -> "Actor":
        """Jobs of an environment of `owner/name`: whatever credentials they find in its secrets."""
        return cls(ActorKind.ENVIRONMENT, name, repository)

    @classmethod
    def deploy_key(cls, repository: str, title: str) -> "Actor":
        """A deploy key of `owner/name` whose private half no CI job of this forge gets."""
        return cls(ActorKind.DEPLOY_KEY, title, repository)

    def __str__(self) -> str:
        """As shown in messages: `environment production of acme/shop`."""
        name = repr(self.name) if self.kind is ActorKind.DEPLOY_KEY else self.name
        return f"{self.kind} {name}" + (f" of {self.repository}" if self.repository else "")
