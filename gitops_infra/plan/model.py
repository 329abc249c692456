"""What must exist, decided: frozen data, no Pulumi, no forge SDK.

Components register exactly this, workflows and access reports derive from it, the audit compares with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gitops_infra.topology.vocabulary import (
    EnvironmentKind,
    Isolation,
    Method,
    OwnerKind,
    PricePlan,
    Protection,
    RepositoryRole,
    Trigger,
    Visibility,
)


class RefKind(StrEnum):
    """What a ruleset governs."""

    BRANCH = "branch"
    TAG = "tag"


class BypassKind(StrEnum):
    """Ruleset bypass actors, in GitHub's words. `DeployKey` has no id: it is every write key of the repository."""

    DEPLOY_KEY = "DeployKey"
    INTEGRATION = "Integration"
    USER = "User"
    TEAM = "Team"
    REPOSITORY_ROLE = "RepositoryRole"
    ORGANIZATION_ADMIN = "OrganizationAdmin"


@dataclass(frozen=True)
class BypassActor:
    """Whoever the rules of one ruleset do not bind. `id` is None for kinds that have none."""

    kind: BypassKind
    id: int | None = None


@dataclass(frozen=True)
class PullRequestRule:
    """Changes arrive by reviewed pull request only."""

    approvals: int
    code_owner_review: bool
    dismiss_stale_reviews: bool = True
    last_push_approval: bool = True
    merge_methods: tuple[str, ...] = ("merge", "squash", "rebase")


@dataclass(frozen=True)
class Rules:
    """The rules of one ruleset. `creation`, `update` and `deletion` forbid that operation without a bypass."""

    creation: bool = False
    update: bool = False
    deletion: bool = False
    non_fast_forward: bool = False
    required_linear_history: bool = False
    pull_request: PullRequestRule | None = None
    required_checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ruleset:
    """One repository ruleset. `include` and `exclude` hold full refs or `~ALL`."""

    key: str
    """Suffix of the logical name: `writers`, `integrity`, `locked-branches`, `locked-tags`, `default-branch`."""
    name: str
    target: RefKind
    include: tuple[str, ...]
    rules: Rules
    exclude: tuple[str, ...] = ()
    bypass: tuple[BypassActor, ...] = ()


@dataclass(frozen=True)
class File:
    """A file written once to the default branch of a new repository; later changes come as pull requests."""

    key: str
    path: str
    content: str
    message: str


@dataclass(frozen=True)
class Access:
    """A team or a user (exactly one) with a role."""

    role: RepositoryRole
    team: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class LabelSpec:
    """An issue label."""

    name: str
    color: str
    description: str | None = None


@dataclass(frozen=True)
class Actions:
    """Actions permissions. `allowed` None leaves the repository's setting alone."""

    enabled: bool
    sha_pinning: bool = True
    patterns: tuple[str, ...] = ()
    read_only_token: bool = True


@dataclass(frozen=True)
class Repository:
    """A repository and what is set in it, in the order: files, rulesets."""

    owner: str
    name: str
    existing: bool
    visibility: Visibility
    default_branch: str
    description: str | None = None
    auto_init: bool = False
    linear_history: bool = False
    files: tuple[File, ...] = ()
    rulesets: tuple[Ruleset, ...] = ()
    access: tuple[Access, ...] = ()
    labels: tuple[LabelSpec, ...] = ()
    actions: Actions | None = None
    """None: left alone (existing repositories)."""
    retain: bool = True
    """True: destroy keeps it and its protection."""

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class Approver:
    """A reviewer of deployments: a user or a team; `id` None means that it is looked up, one call."""

    user: str | None = None
    team: str | None = None
    id: int | None = None


@dataclass(frozen=True)
class DeploymentPolicy:
    """Who and what may start a job that reads the environment's secrets."""

    branch_patterns: tuple[str, ...]
    approvers: tuple[Approver, ...] = ()
    prevent_self_review: bool = False
    wait_minutes: int = 0
    admins_bypass: bool = False


@dataclass(frozen=True)
class Credential:
    """The one credential that may move the branch, and the environment secret that holds it."""

    title: str
    """Title of the deploy key on the forge; carries the generation."""
    secret_name: str
    generation: int


@dataclass(frozen=True)
class Environment:
    """One environment, end to end."""

    name: str
    kind: EnvironmentKind
    branch: str | None
    """None for review: nothing is pushed for it."""
    isolation: Isolation
    state: Repository | None
    """State repository under `repository` isolation."""
    credential: Credential | None
    """None for review and for retired environments."""
    policy: DeploymentPolicy
    manifests: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret name -> configuration key."""
    retired: bool = False
    retain: bool = True

    @property
    def ref(self) -> str | None:
        """Full ref of the branch."""
        return None if self.branch is None else f"refs/heads/{self.branch}"


@dataclass(frozen=True)
class Promotion:
    """One edge of the promotion graph. `source` None is the default branch."""

    source: str | None
    target: str
    trigger: Trigger
    method: Method
    tags: str


@dataclass(frozen=True)
class Enforcement:
    """What was asked of one environment, what the forge will hold, and the reason for each difference."""

    requested: tuple[Protection, ...]
    achieved: tuple[Protection, ...]
    why: tuple[str, ...] = ()

    @property
    def degraded(self) -> bool:
        """Whether anything requested is not achieved."""
        return set(self.requested) > set(self.achieved)


@dataclass(frozen=True)
class Plan:
    """Everything that one `up` makes."""

    owner: str
    owner_kind: OwnerKind
    price_plan: PricePlan
    application: Repository
    environments: tuple[Environment, ...]
    promotions: tuple[Promotion, ...]
    enforcement: Mapping[str, Enforcement]

    def environment(self, name: str) -> Environment:
        """The environment of that name. Raises KeyError."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        raise KeyError(name)
