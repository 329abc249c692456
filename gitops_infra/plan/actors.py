"""Who may try what: the words in which access is predicted, observed and reported."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """Whoever may try something. A role is taken to hold in every repository of the plan: the worst case."""

    OUTSIDER = "outsider"
    """A user without a role, or nobody at all: either may read what is public."""
    READER = "reader"
    TRIAGER = "triager"
    DEVELOPER = "developer"
    MAINTAINER = "maintainer"
    ADMIN = "admin"
    OWNER = "owner"
    PROVISIONER = "provisioner"
    """The App that runs `pulumi up`, with its permissions in every repository of the plan."""
    CREDENTIAL = "credential"
    CLUSTER_KEY = "cluster key"
    """The read-only deploy key with which an environment's cluster follows the branch."""
    FORK_JOB = "job of a fork"
    FEATURE_JOB = "job of a feature branch or its pull request"
    DEFAULT_JOB = "job of the default branch"
    EXPIRED = "expired token"
    """A token of an admin after its last day."""
    REVOKED = "revoked token"
    """A token of an admin after it was revoked."""
    ROTATED_OUT = "rotated-out credential"
    """What was the environment's credential before its `generation` was raised."""


OF_ENVIRONMENT = frozenset({ActorKind.CREDENTIAL, ActorKind.CLUSTER_KEY, ActorKind.ROTATED_OUT})
"""Kinds of which there may be one for each environment; of all others there is one."""


@dataclass(frozen=True)
class Actor:
    """One actor; `environment` names the environment of a kind in `OF_ENVIRONMENT` and is None otherwise."""

    kind: ActorKind
    environment: str | None = None

    def __str__(self) -> str:
        return self.kind.value if self.environment is None else f"{self.kind.value} of {self.environment}"


class Operation(StrEnum):
    """What may be tried on a ref, which exists except for `create`, or on settings (`SETTINGS_OPERATIONS`)."""

    READ = "read"
    PUSH = "push forward"
    """A forward push of a commit of the default branch that has passed what the pushed branch asks for."""
    PUSH_FOREIGN = "push forward a commit that is not on the default branch"
    PUSH_WORKFLOW = "push forward a commit that changes a workflow file"
    """A commit that changes .github/workflows and is on no branch yet."""
    FORCE_PUSH = "force push"
    """Back to a commit that was there before, and so has passed what the branch asks for: the worst case."""
    DELETE = "delete"
    CREATE = "create"
    REST_UPDATE = "update by the API"
    """`PATCH git/refs` without force, forward to a commit of the default branch."""
    REST_FORCE = "force by the API"
    """`PATCH git/refs` with force, back to a commit that was there before."""
    RENAME = "rename"
    """Of a branch, by the API, to `RENAMED`."""
    MERGE_REVIEWED = "merge a pull request that is approved and green"
    MERGE_UNREVIEWED = "merge a pull request that nobody approved"
    READ_SECRET = "read a secret"  # noqa: S105 - an operation, not a secret
    """On `secrets_of(environment)`: make the environment's secrets known."""
    EDIT_RULESET = "edit a ruleset"
    """On `SETTINGS`: change, add or remove one."""
    ADD_KEY = "add a write deploy key"
    """On `SETTINGS`."""
    EDIT_POLICY = "edit the policy of an environment"
    """On `secrets_of(environment)`: change its protection and the refs whose jobs it admits."""


SETTINGS_OPERATIONS = frozenset({Operation.EDIT_RULESET, Operation.ADD_KEY, Operation.EDIT_POLICY})
"""What is tried on settings of a repository and not on a ref."""

SETTINGS = "settings"
"""What stands in place of a ref when the operation is `EDIT_RULESET` or `ADD_KEY`."""

RENAMED = "refs/heads/renamed/elsewhere"
"""The new name of `RENAME`: no rule of a plan names it, but for those that name all branches."""


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
    AUTHENTICATION = "authentication"
    """The forge does not know the token or key any more."""
    PRICE_PLAN = "price plan"
    """The forge has no such thing for the repository, so there is nothing to edit or to read."""
    DEFAULT_BRANCH = "default branch"
    """The forge deletes none. Counted only where it enforces no rulesets: an admin can make another one the default."""


class Guard(StrEnum):
    """Who holds the line."""

    FORGE = "forge"
    """It refuses the operation."""
    PROMOTION_JOB = "promotion job"
    """It has the credential, and pushes commits of the default branch only."""
    AGENT = "agent"
    """It applies commits with a good signature only."""
    AUDIT = "audit"
    """`gitops-infra verify` finds it afterwards."""


@dataclass(frozen=True)
class Prediction:
    """Whether the forge allows it, by which rule, in words, and by what kind of mechanism.

    `guards` are those who hold the line: the forge where it denies, and others where it allows what the guarantee does
    not want. It is empty where nobody does, or where the operation is wanted.
    """

    allowed: bool
    rule: str
    mechanism: Mechanism
    guards: tuple[Guard, ...] = ()


def secrets_of(environment: str) -> str:
    """What stands in place of a ref when the operation is `READ_SECRET` or `EDIT_POLICY`."""
    return f"environment/{environment}"
