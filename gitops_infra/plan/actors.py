"""Who may try what: the words in which access is predicted, observed and reported."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """Whoever may try something. A role is taken to hold in every repository of the plan: the worst case."""

    OUTSIDER = "outsider"
    READER = "reader"
    DEVELOPER = "developer"
    MAINTAINER = "maintainer"
    ADMIN = "admin"
    OWNER = "owner"
    CREDENTIAL = "credential"
    FORK_JOB = "job of a fork"
    FEATURE_JOB = "job of a feature branch or its pull request"
    DEFAULT_JOB = "job of the default branch"


@dataclass(frozen=True)
class Actor:
    """One actor; `environment` names the environment of a credential and is None otherwise."""

    kind: ActorKind
    environment: str | None = None

    def __str__(self) -> str:
        return self.kind.value if self.environment is None else f"{self.kind.value} of {self.environment}"


class Operation(StrEnum):
    """What may be tried on a ref. All but `create` suppose that the ref exists."""

    READ = "read"
    PUSH = "push forward"
    """A forward push of a commit of the default branch that has passed what the pushed branch asks for."""
    PUSH_FOREIGN = "push forward a commit that is not on the default branch"
    FORCE_PUSH = "force push"
    """Back to a commit that was there before, and so has passed what the branch asks for: the worst case."""
    DELETE = "delete"
    CREATE = "create"
    MERGE_REVIEWED = "merge a pull request that is approved and green"
    MERGE_UNREVIEWED = "merge a pull request that nobody approved"
    READ_SECRET = "read a secret"  # noqa: S105 - an operation, not a secret
    """On `secrets_of(environment)`: make the environment's secrets known."""


class Mechanism(StrEnum):
    """What decides."""

    NOTHING = "nothing forbids it"
    RULESET = "ruleset"
    BYPASS = "ruleset bypass"
    ROLE = "role"
    KEY_SCOPE = "scope of the deploy key"
    APP_SCOPE = "installation of the App"
    TOKEN_SCOPE = "scope of the job token"  # noqa: S105 - words, not a token
    POLICY = "environment policy"
    WRITE_ONLY = "secrets are never read back"


@dataclass(frozen=True)
class Prediction:
    """Whether the forge allows it, by which rule, in words, and by what kind of mechanism."""

    allowed: bool
    rule: str
    mechanism: Mechanism


def secrets_of(environment: str) -> str:
    """What stands in place of a ref when the operation is `READ_SECRET`."""
    return f"environment/{environment}"
