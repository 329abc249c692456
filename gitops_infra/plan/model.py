"""What must exist, decided: frozen data, no Pulumi, no forge SDK.

Components register exactly this, workflows and access reports derive from it, the audit compares with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gitops_infra.topology.vocabulary import (
    EnvironmentKind,
    Isolation,
    Method,
    OwnerKind,
    PodSecurity,
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
    """Whoever the rules of one ruleset do not bind. `id` is None for kinds that have none.

    A user whose id is not known is named by `login`, and looked up with one call.
    """

    kind: BypassKind
    id: int | None = None
    login: str | None = None


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
    required_deployments: tuple[str, ...] = ()
    """Environments that the commit must have been deployed to, in the same repository."""


@dataclass(frozen=True)
class Ruleset:
    """One repository ruleset. `include` and `exclude` hold full refs or `~ALL`."""

    key: str
    """Suffix of the logical name: `writers`, `integrity`, `locked-branches`, `locked-tags` in a state repository;
    `default-branch`, `release-tags`, `branch-writers`, `branch-integrity`, `branch-gates` in an application's."""
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
    """Actions permissions."""

    enabled: bool
    sha_pinning: bool | None = True
    """None: left alone."""
    patterns: tuple[str, ...] | None = ()
    """Beside GitHub's own actions only these may be used; None: the selection is left alone."""
    read_only_token: bool = True
    """Whether the workflow token's default is made read-only; False: left alone."""


@dataclass(frozen=True)
class Repository:
    """A repository and what is set in it, in the order: files, rulesets."""

    owner: str
    name: str
    existing: bool
    visibility: Visibility
    default_branch: str
    imported: bool = False
    """An existing repository that the stack takes over as it is; it then knows its settings, and changes named ones."""
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


class CredentialKind(StrEnum):
    """What moves an environment branch."""

    DEPLOY_KEY = "deploy key"
    APP = "GitHub App"
    MACHINE_USER = "machine user"


@dataclass(frozen=True)
class Credential:
    """The one credential that may move the branch, and the environment secret that holds it."""

    kind: CredentialKind
    repository: str
    """`owner/name` of the repository whose branch it moves."""
    secret_name: str
    generation: int = 1
    """Of a deploy key; the others are rotated where they come from."""
    title: str | None = None
    """Title of the deploy key on the forge; carries the generation."""
    app: int | None = None
    """Id of the GitHub App."""
    user: str | None = None
    """Login of the machine user."""
    user_id: int | None = None
    """Its numeric id; None: looked up, one call."""
    key: str | None = None
    """Configuration key of the App's or machine user's private key."""

    @property
    def holder(self) -> str:
        """Who it is, in words: `GitHub App 17`."""
        words = {CredentialKind.APP: f" {self.app}", CredentialKind.MACHINE_USER: f" {self.user}"}
        return f"{self.kind}{words.get(self.kind, '')}"


@dataclass(frozen=True)
class PolicyRule:
    """What a role allows: verbs on kinds of objects (plural names) of some API groups; the empty one is the core's."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True)
class Tenant:
    """The place of one environment in a cluster: a namespace, and who may change what is in it."""

    cluster: str
    namespace: str
    service_account: str
    """Whom the agent impersonates when it applies the branch."""
    labels: Mapping[str, str]
    rules: tuple[PolicyRule, ...] = ()
    """Of a Role; empty where a ClusterRole is bound."""
    cluster_role: str | None = None
    pod_security: PodSecurity = PodSecurity.BASELINE
    """What the namespace lets pods ask of their machine."""
    made: bool = True
    """Whether the namespace is made here; False: it is there, and stays."""


@dataclass(frozen=True)
class HealthCheck:
    """An object in the tenant's namespace that must be healthy."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True)
class ReadKey:
    """A read-only deploy key, by which one agent reads one repository."""

    repository: str
    """`owner/name`."""
    title: str
    generation: int = 1


@dataclass(frozen=True)
class Delivery:
    """How an agent in a cluster follows the environment's branch."""

    tenant: Tenant
    name: str
    """Of the agent's objects in the namespace."""
    url: str
    """Where the branch is read over SSH: `ssh://git@host:port/owner/name.git`."""
    branch: str
    path: str
    """Folder of the manifests in the branch."""
    key: ReadKey
    known_hosts: tuple[str, ...]
    """Host key lines of that server."""
    poll_seconds: int
    timeout_seconds: int
    wait: bool
    prune: bool
    health_checks: tuple[HealthCheck, ...] = ()
    signed_by: tuple[str, ...] = ()
    """OpenPGP public keys; empty: signatures are not looked at."""
    receiver_url: str | None = None
    """Address of the cluster's webhook receivers; None: the branch is polled only."""


@dataclass(frozen=True)
class FormerPlace:
    """Where an environment's branch was before its isolation changed: kept, and moved by nobody."""

    state: Repository | None
    """The state repository that it had; None where it was in the application's."""
    rulesets: tuple[Ruleset, ...] = ()
    """Rulesets that guard it in the application's repository, without a bypass."""


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
    repository: str | None = None
    """`owner/name` of the repository that holds the branch; None for review."""
    rulesets: tuple[Ruleset, ...] = ()
    """Rulesets of the branch where it is in the application's repository."""
    former: FormerPlace | None = None
    """Where the branch was before the isolation changed, until that is forgotten."""
    delivery: Delivery | None = None
    """None: no cluster follows the branch."""
    formerly: str | None = None
    """Name before it was renamed."""
    paths: tuple[str, ...] = ()
    """Folders whose changes start a promotion by themselves; empty: any change does."""
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
    known_hosts: tuple[str, ...] = ()
    """Host key lines of the forge's SSH server; empty for github.com, whose key is known."""

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """Every repository with all of its rulesets: the application's, then the state repositories, old ones too."""
        own = self.application.rulesets + tuple(ruleset for each in self.environments for ruleset in _guarding(each))
        states = [
            state
            for each in self.environments
            for state in (each.state, each.former.state if each.former else None)
            if state is not None
        ]
        return (replace(self.application, rulesets=own), *states)

    def holds(self, environment: "Environment") -> Repository | None:
        """The repository that holds the environment's branch, as in `repositories`; None for review."""
        return next((each for each in self.repositories if each.full_name == environment.repository), None)

    def environment(self, name: str) -> Environment:
        """The environment of that name. Raises KeyError."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        raise KeyError(name)


def _guarding(environment: Environment) -> tuple[Ruleset, ...]:
    """What an environment adds to the rulesets of the application's repository."""
    return environment.rulesets + (environment.former.rulesets if environment.former else ())
