"""What the stand-in forge remembers: plain records, one class per GitHub noun.

A record has an integer `id` that is unique among all records and never given twice. Records are changed through
`store.Store`, which writes them down; times are seconds since the epoch and come from the store's clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Repository roles, weakest first."""

    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for read up to 4 for admin."""
        return list(Role).index(self)

    def at_least(self, other: "Role") -> bool:
        """Whether this role may do what `other` may."""
        return self.rank >= other.rank


@dataclass
class Account:
    """A user or an organisation."""

    id: int
    login: str
    kind: str
    """`User` or `Organization`."""
    price_plan: str = "team"
    """`free`, `pro`, `team` or `enterprise`."""
    owners: set[int] = field(default_factory=set)
    """Organisations: ids of the owners."""
    members: set[int] = field(default_factory=set)
    """Organisations: ids of the members, owners included."""
    deploy_keys_enabled: bool = True
    """Organisations: whether repositories may have deploy keys."""
    default_repository_permission: str = "read"
    """Organisations: what a member may do in every repository: `none` or a role name."""
    approves_tokens: bool = False
    """Organisations: whether a fine-grained token of a member waits for an owner's approval."""
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Organisations: as a repository's, each with its `visibility`: `all` repositories or the `private` ones."""
    sealed_box_seed: str = ""
    """Organisations: as a repository's."""

    def shared_secrets(self, visibility: str) -> dict[str, dict[str, Any]]:
        """The secrets that jobs of its repositories of that visibility read."""
        private = visibility != "public"
        return {name: kept for name, kept in self.secrets.items() if private or kept["visibility"] == "all"}


@dataclass
class UserKey:
    """An SSH key that authenticates a user, such as a machine user."""

    id: int
    user_id: int
    title: str
    key: str
    """`type base64`, without comment."""
    created_at: float


@dataclass
class Team:
    """A team of an organisation."""

    id: int
    organization_id: int
    name: str
    slug: str
    members: set[int] = field(default_factory=set)
    repositories: dict[int, Role] = field(default_factory=dict)
    privacy: str = "closed"
    maintainers: set[int] = field(default_factory=set)
    """Those of the members who may manage the team."""
    description: str = ""
    notification_setting: str = "notifications_enabled"


@dataclass
class AppKey:
    """The public half of one private key of an App; several may be live."""

    fingerprint: str
    """`SHA256:` and base64, as GitHub's settings page shows it."""
    public: str
    """PEM."""
    created_at: float


@dataclass
class App:
    """A GitHub App. What it can reach is a matter of its installations."""

    id: int
    slug: str
    owner_id: int
    permissions: dict[str, str]
    """What it asks for: permission name -> `read`, `write` or `admin`, such as `contents`, `workflows`."""
    name: str = ""
    client_id: str = ""
    events: list[str] = field(default_factory=list)
    keys: list[AppKey] = field(default_factory=list)
    public: bool = False
    """Whether accounts other than the owner may install it."""
    homepage: str = ""
    description: str = ""
    webhook_secret: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    """SHA-256 of the value, in hexadecimal."""
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass
class Installation:
    """An App on one account. An App has at most one there."""

    id: int
    app_id: int
    account_id: int
    permissions: dict[str, str]
    """What the account granted; an App that asks for more later gets it when the account agrees."""
    repository_ids: set[int] | None = None
    """None: all repositories of the account, also those to come."""
    events: list[str] = field(default_factory=list)
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass
class ManifestCode:
    """What the manifest flow hands to a browser, to be exchanged once, within an hour, for the App's secrets."""

    id: int
    digest: str
    """SHA-256 of the code, in hexadecimal."""
    app_id: int
    expires_at: float


@dataclass
class Token:
    """A credential sent as a bearer token or password. The value itself is stored hashed."""

    id: int
    digest: str
    """SHA-256 of the value, in hexadecimal."""
    kind: str
    """`pat` (personal), `installation` (App) or `job` (a CI job's GITHUB_TOKEN)."""
    user_id: int | None = None
    installation_id: int | None = None
    repository_id: int | None = None
    """Job tokens: the only repository it is good for."""
    permissions: dict[str, str] | None = None
    """Fine-grained personal tokens: what they may do, and None for classic ones. Installation tokens: the part of the
    installation's permissions that was asked for, None: all of them."""
    repository_ids: set[int] | None = None
    """Fine-grained personal and installation tokens: the selected repositories; None: all that the user or the
    installation reaches."""
    owner_id: int | None = None
    """Fine-grained personal tokens: the resource owner; None: not limited to one, which GitHub does not offer."""
    scopes: list[str] | None = None
    """Classic personal tokens: their scopes."""
    approved: bool = True
    """Fine-grained personal tokens: False while the organisation has not agreed: it reads public things only."""
    expires_at: float | None = None
    revoked: bool = False


@dataclass
class DeployKey:
    """An SSH key of one repository. Dies with the personal token that made it."""

    id: int
    repository_id: int
    title: str
    key: str
    """`type base64`, without comment."""
    read_only: bool
    created_by_token: int | None
    """Id of the personal token that made it; None when an App installation made it."""
    added_by: str
    created_at: float
    last_used: float | None = None


@dataclass
class Ruleset:
    """A repository ruleset, in the shapes of GitHub's REST API."""

    id: int
    repository_id: int
    name: str
    target: str
    """`branch` or `tag`."""
    enforcement: str
    """`active`, `disabled` or `evaluate`."""
    conditions: dict[str, Any]
    rules: list[dict[str, Any]]
    bypass_actors: list[dict[str, Any]]
    created_at: float
    updated_at: float


@dataclass
class EnvironmentRecord:
    """A deployment environment with its secrets (decrypted here, as at GitHub) and variables."""

    id: int
    repository_id: int
    name: str
    created_at: float
    updated_at: float
    wait_timer: int = 0
    prevent_self_review: bool = False
    can_admins_bypass: bool = True
    reviewers: list[dict[str, Any]] = field(default_factory=list)
    """`{"type": "User" | "Team", "id": int}`."""
    branch_policy: dict[str, bool] | None = None
    """`{"protected_branches": bool, "custom_branch_policies": bool}`; None: any ref."""
    policies: list[dict[str, Any]] = field(default_factory=list)
    """`{"id": int, "name": pattern, "type": "branch" | "tag"}`."""
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """NAME -> `{"value": str, "created_at": float, "updated_at": float}`."""
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As secrets."""


@dataclass
class PullRequest:
    """A pull request between two branches of one repository."""

    id: int
    repository_id: int
    number: int
    title: str
    author_id: int
    head: str
    """Branch name, without `refs/heads/`."""
    base: str
    state: str = "open"
    """`open`, `closed` or `merged`."""
    merge_commit_sha: str | None = None
    reviews: list[dict[str, Any]] = field(default_factory=list)
    """`{"id": int, "user_id": int, "state": "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED",
    "commit_id": sha, "submitted_at": float}`."""
    last_pusher_id: int | None = None
    created_at: float = 0.0
    body: str = ""


@dataclass
class Status:
    """A commit status or check result."""

    id: int
    repository_id: int
    sha: str
    context: str
    state: str
    """`success`, `failure`, `pending` or `error`."""
    app_id: int | None = None
    """The App that reported it, 15368 for a job; None: a person. A required check may ask for one App."""


@dataclass
class Repository:
    """A repository; its git data is the bare repository of the same id."""

    id: int
    owner_id: int
    name: str
    visibility: str
    default_branch: str
    created_at: float
    updated_at: float
    settings: dict[str, Any] = field(default_factory=dict)
    """What PATCH sets and GET returns: `has_issues`, `allow_squash_merge`, `description`, ..."""
    archived: bool = False
    former_names: list[str] = field(default_factory=list)
    """`owner/name`, in lower case, that lead here after a rename or transfer."""
    topics: list[str] = field(default_factory=list)
    vulnerability_alerts: bool = False
    collaborators: dict[int, Role] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    actions: dict[str, Any] = field(default_factory=lambda: {"enabled": True, "allowed_actions": "all"})
    selected_actions: dict[str, Any] = field(default_factory=dict)
    workflow_permissions: dict[str, Any] = field(
        default_factory=lambda: {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    )
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Repository secrets, as an environment's."""
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    sealed_box_seed: str = ""
    """Base64 seed of the key pair that secrets are sealed for."""
    next_number: int = 1
    """Number of the next pull request."""
    parent_id: int | None = None
    """The repository that it is a fork of."""
    template_id: int | None = None
    """The template repository that it was made from."""


@dataclass
class Webhook:
    """A webhook of a repository: where and how the forge tells of which events."""

    id: int
    repository_id: int
    url: str
    content_type: str
    """`json` or `form`."""
    insecure_ssl: str
    """`0`: the receiver's certificate is checked; `1`: it is not."""
    events: list[str]
    """`*`: all."""
    active: bool
    created_at: float
    updated_at: float
    secret: str = field(default="", repr=False)
    """Key of the signatures; never given back. Empty: none."""


@dataclass
class HookDelivery:
    """One attempt to tell a webhook of an event, and what came of it."""

    id: int
    hook_id: int
    repository_id: int
    guid: str
    """Of the event: the same in all hooks that were told of it, and in redeliveries."""
    event: str
    delivered_at: float
    redelivery: bool
    duration: float
    """Seconds."""
    status: str
    """`OK`, or what went wrong."""
    status_code: int
    """The receiver's; 0 when nothing was sent to it."""
    url: str
    request_headers: dict[str, str]
    payload: str
    """JSON text, as it was signed."""
    response_headers: dict[str, str]
    response_payload: str


@dataclass
class Deployment:
    """A CI job that asked for an environment and waits, runs or was refused."""

    id: int
    repository_id: int
    environment: str
    ref: str
    sha: str
    event: str
    actor_id: int
    state: str
    """`waiting`, `granted` or `rejected`; `success` or `failure` once a granted job ended, `inactive` once another one
    took its place; of one made by the deployments API (event `api`), its last status."""
    created_at: float = 0.0
    approved_by: int | None = None
    permissions: dict[str, str] | None = None
    """What the job asks for its token; None: the repository's default."""
    fork: bool = False
    """Whether the job's code comes from a fork."""
    replaced: bool = False
    """Whether it succeeded and another one took its place: it is `inactive`, and was a success."""
    environment_url: str = ""
    """What the job's workflow set as the environment's URL, once it ended."""


@dataclass
class PushRecord:
    """One evaluated ref update: the log that the audit, the tests and the web page read."""

    id: int
    at: float
    repository_id: int
    ref: str
    before: str
    after: str
    actor: str
    via: str
    """`http`, `ssh`, `rest` or `merge`."""
    allowed: bool
    bypassed: list[str]
    """Names of the rulesets that the actor bypassed."""
    reason: str
    refused_by: list[str] = field(default_factory=list)
    """Names of the rulesets that refused it."""
