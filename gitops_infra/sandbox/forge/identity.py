"""Who is asking, and what may they do: tokens and SSH keys to identities, identities to roles and permissions."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gitops_infra.sandbox.forge.model import Account, App, DeployKey, Installation, Repository, Role, Token
from gitops_infra.sandbox.forge.scopes import ALL_SCOPES, allowed_in_organization, allowed_in_repository
from gitops_infra.sandbox.forge.store import Store

ACTIONS_APP_ID = 15368
"""The GitHub Actions App: every job token of every workflow acts as it."""

LEVELS = ("read", "write", "admin")
OTHER_NAMES = {"variables": "actions_variables"}
"""Permission -> what GitHub's interface calls it in Apps and their tokens."""

ROLE_FOR: Mapping[tuple[str, str], Role] = {
    # permission and level -> the weakest repository role of a user who may do it.
    # Source: GitHub, "Repository roles for an organization" and the notes of each REST call.
    ("metadata", "read"): Role.READ,
    ("contents", "read"): Role.READ,
    ("contents", "write"): Role.WRITE,
    ("workflows", "write"): Role.WRITE,
    ("issues", "read"): Role.READ,
    ("issues", "write"): Role.WRITE,
    ("pull_requests", "read"): Role.READ,
    ("pull_requests", "write"): Role.READ,
    ("statuses", "read"): Role.READ,
    ("statuses", "write"): Role.WRITE,
    ("deployments", "read"): Role.READ,
    ("deployments", "write"): Role.WRITE,
    ("actions", "read"): Role.READ,
    ("actions", "write"): Role.WRITE,
    ("environments", "read"): Role.WRITE,
    ("environments", "write"): Role.WRITE,
    ("secrets", "read"): Role.WRITE,
    ("secrets", "write"): Role.WRITE,
    ("variables", "read"): Role.WRITE,
    ("variables", "write"): Role.WRITE,
    ("repository_hooks", "read"): Role.ADMIN,
    ("repository_hooks", "write"): Role.ADMIN,
    ("administration", "read"): Role.ADMIN,
    ("administration", "write"): Role.ADMIN,
}


class IdentityKind(StrEnum):
    """What kind of credential an identity showed."""

    ANONYMOUS = "anonymous"
    USER = "user"
    APP = "app"
    """An installation of an App."""
    INTEGRATION = "integration"
    """An App as itself, by a JWT: good for the calls about the App and its installations only."""
    JOB = "job"
    DEPLOY_KEY = "deploy_key"


@dataclass(frozen=True)
class Identity:
    """Somebody who asks for something. Only the ids that its kind has are set."""

    kind: IdentityKind
    label: str
    """As shown in logs: a login, `slug[bot]`, `deploy key 'title'`, `anonymous`."""
    user_id: int | None = None
    app_id: int | None = None
    """`APP` and `INTEGRATION`: the App's id; `JOB`: 15368."""
    installation_id: int | None = None
    deploy_key_id: int | None = None
    token_id: int | None = None
    repository_id: int | None = None
    """`JOB` and `DEPLOY_KEY`: the only repository it is good for."""
    permissions: Mapping[str, str] | None = None
    """`contents` -> `write`; None: all that the user's role allows."""
    scopes: frozenset[str] | None = None
    """`USER` with a classic token: its scopes. None: no such token, so no such limit."""
    repository_ids: frozenset[int] | None = None
    """The repositories that a token was limited to; None: it was not."""
    owner_id: int | None = None
    """`USER` with a fine-grained token: the only account whose repositories it reaches."""
    approved: bool = True
    """False for a fine-grained token that waits for the organisation: it reads what is public."""

    @property
    def integration(self) -> bool:
        """Whether GitHub speaks of it as an integration: Apps and jobs."""
        return self.kind in {IdentityKind.APP, IdentityKind.INTEGRATION, IdentityKind.JOB}


ANONYMOUS = Identity(IdentityKind.ANONYMOUS, "anonymous")


def digest(value: str) -> str:
    """What the store keeps of a token's value."""
    return hashlib.sha256(value.encode()).hexdigest()


def from_token(store: Store, value: str | None) -> Identity | None:
    """The identity behind a bearer token or password: anonymous without one, None for a bad, expired or revoked one."""
    if not value:
        return ANONYMOUS
    token = store.token(digest(value))
    return None if token is None or not alive(store, token) else of_token(store, token)


def alive(store: Store, token: Token) -> bool:
    """Whether the token is neither revoked nor expired."""
    return not token.revoked and (token.expires_at is None or token.expires_at > store.now())


def of_token(store: Store, token: Token) -> Identity | None:
    """The identity of a token record, whether alive or not; None when its user, App or installation is gone."""
    return _OF_KIND[token.kind](store, token)


def _of_personal(store: Store, token: Token) -> Identity | None:
    user = store.accounts.get(token.user_id or 0)
    if user is None:
        return None
    classic = token.permissions is None
    return Identity(
        IdentityKind.USER,
        user.login,
        user_id=user.id,
        token_id=token.id,
        permissions=token.permissions,
        scopes=frozenset(ALL_SCOPES if token.scopes is None else token.scopes) if classic else None,
        repository_ids=_frozen(token.repository_ids),
        owner_id=token.owner_id,
        approved=token.approved,
    )


def _of_installation(store: Store, token: Token) -> Identity | None:
    installation = store.installations.get(token.installation_id or 0)
    app = installation and store.apps.get(installation.app_id)
    if not installation or not app:
        return None
    return Identity(
        IdentityKind.APP,
        f"{app.slug}[bot]",
        app_id=app.id,
        installation_id=installation.id,
        token_id=token.id,
        permissions=lesser(installation.permissions, token.permissions),
        repository_ids=_frozen(token.repository_ids),
    )


def _of_job(_store: Store, token: Token) -> Identity | None:
    return Identity(
        IdentityKind.JOB,
        "github-actions[bot]",
        app_id=ACTIONS_APP_ID,
        token_id=token.id,
        repository_id=token.repository_id,
        permissions=dict(token.permissions or {}),
    )


_OF_KIND = {"pat": _of_personal, "installation": _of_installation, "job": _of_job}


def of_app(app: App) -> Identity:
    """An App as itself, not as one of its installations."""
    return Identity(IdentityKind.INTEGRATION, f"{app.slug}[bot]", app_id=app.id)


def lesser(granted: Mapping[str, str], asked: Mapping[str, str] | None) -> dict[str, str]:
    """Of each permission the weaker level of what was granted and what was asked for; all that was granted for None."""
    if asked is None:
        return dict(granted)
    both = {name: (granted[name], level) for name, level in asked.items() if name in granted}
    return {name: min(levels, key=LEVELS.index) for name, levels in both.items()}


def _frozen(ids: set[int] | None) -> frozenset[int] | None:
    return None if ids is None else frozenset(ids)


def of_user(user: Account) -> Identity:
    """A user as if signed in on the web page: all that their roles allow."""
    return Identity(IdentityKind.USER, user.login, user_id=user.id)


def normalised_key(key: str) -> str:
    """`type base64` of an OpenSSH public key line, without comment."""
    return " ".join(key.split()[:2])


def from_ssh_key(store: Store, key: str) -> Identity | None:
    """The identity behind an SSH public key: a user's or a living deploy key. None when no such key is known."""
    wanted = normalised_key(key)
    for user_key in store.user_keys.values():
        if user_key.key == wanted:
            return of_user(store.accounts[user_key.user_id])
    for deploy_key in store.deploy_keys.values():
        if deploy_key.key == wanted:
            return of_deploy_key(deploy_key) if deploy_key_alive(store, deploy_key) else None
    return None


def of_deploy_key(deploy_key: DeployKey) -> Identity:
    """The identity of a deploy key record."""
    return Identity(
        IdentityKind.DEPLOY_KEY,
        f"deploy key '{deploy_key.title}'",
        deploy_key_id=deploy_key.id,
        repository_id=deploy_key.repository_id,
        permissions={"contents": "read" if deploy_key.read_only else "write", "metadata": "read"},
    )


def deploy_key_alive(store: Store, deploy_key: DeployKey) -> bool:
    """False once the personal token that made it is gone, or the organisation forbids deploy keys.

    Source: GitHub REST, deploy keys ("If the token is deleted, the deploy key is deleted too"); an installation's
    keys outlive its tokens.
    """
    repository = store.repositories.get(deploy_key.repository_id)
    allowed = repository is not None and store.accounts[repository.owner_id].deploy_keys_enabled
    return allowed and deploy_key_exists(store, deploy_key)


def deploy_key_exists(store: Store, deploy_key: DeployKey) -> bool:
    """False once the personal token that made it is gone: GitHub then deletes the key."""
    if deploy_key.created_by_token is None:
        return True
    token = store.tokens.get(deploy_key.created_by_token)
    return token is not None and alive(store, token)


def role(store: Store, identity: Identity, repository: Repository) -> Role | None:
    """The identity's effective role in a repository; None: it cannot see it (404)."""
    public = Role.READ if repository.visibility == "public" else None
    found = _ROLES[identity.kind](store, identity, repository)
    return max((r for r in (public, found) if r), key=lambda r: r.rank, default=None)


def _user_role(store: Store, identity: Identity, repository: Repository) -> Role | None:
    if not identity.approved or identity.owner_id not in {None, repository.owner_id}:
        return None
    if identity.repository_ids is not None and repository.id not in identity.repository_ids:
        return None
    if not allowed_in_repository(identity.scopes, "metadata", "read", public=repository.visibility == "public"):
        return None
    user, owner = identity.user_id or 0, store.accounts[repository.owner_id]
    if user == owner.id or user in owner.owners:
        return Role.ADMIN
    roles = [team.repositories.get(repository.id) for team in store.teams.values() if user in team.members]
    roles.append(repository.collaborators.get(user))
    if user in owner.members:
        base = owner.default_repository_permission
        roles.append(Role(base) if base != "none" else None)
        roles.append(Role.READ if repository.visibility == "internal" else None)
    return max((r for r in roles if r), key=lambda r: r.rank, default=None)


def _app_role(store: Store, identity: Identity, repository: Repository) -> Role | None:
    installation = store.installations.get(identity.installation_id or 0)
    if installation is None or not covers(installation, repository):
        return None
    if identity.repository_ids is not None and repository.id not in identity.repository_ids:
        return None
    return _role_of_permissions(identity.permissions or {})


def covers(installation: Installation, repository: Repository) -> bool:
    """Whether the installation was given the repository."""
    selected = installation.repository_ids
    return installation.account_id == repository.owner_id and (selected is None or repository.id in selected)


def _bound_role(_store: Store, identity: Identity, repository: Repository) -> Role | None:
    return _role_of_permissions(identity.permissions or {}) if identity.repository_id == repository.id else None


def _no_role(_store: Store, _identity: Identity, _repository: Repository) -> Role | None:
    return None


def _role_of_permissions(permissions: Mapping[str, str]) -> Role:
    if permissions.get("administration") == "write":
        return Role.ADMIN
    return Role.WRITE if permissions.get("contents") == "write" else Role.READ


_ROLES = {
    IdentityKind.ANONYMOUS: _no_role,
    IdentityKind.USER: _user_role,
    IdentityKind.APP: _app_role,
    IdentityKind.INTEGRATION: _no_role,
    IdentityKind.JOB: _bound_role,
    IdentityKind.DEPLOY_KEY: _bound_role,
}


def may(store: Store, identity: Identity, repository: Repository, permission: str, level: str) -> bool:
    """Whether the identity has `permission` at `level` (`read` or `write`) on the repository.

    Users need the role of `ROLE_FOR`; Apps, jobs, deploy keys and fine-grained tokens need the permission itself
    (a fine-grained token needs both), classic tokens the scope. Raises KeyError for a permission that the table does
    not know.
    """
    needed = ROLE_FOR[(permission, level)]
    if level == "read" and needed is Role.READ and repository.visibility == "public":
        return True
    own = _ROLES[identity.kind](store, identity, repository)  # what a public repository gives anyone is not enough
    if own is None or (identity.kind is IdentityKind.USER and not own.at_least(needed)):
        return False
    public = repository.visibility == "public"
    if not allowed_in_repository(identity.scopes, permission, level, public=public):
        return False
    held = identity.permissions
    return held is None or permission == "metadata" or grants(held, permission, level)


def grants(permissions: Mapping[str, str], permission: str, level: str) -> bool:
    """Whether a permission map holds `permission`, under either of its names, at least at `level`."""
    held = permissions.get(permission) or permissions.get(OTHER_NAMES.get(permission, ""))
    return held in LEVELS and LEVELS.index(held) >= LEVELS.index(level)


def may_organization(store: Store, identity: Identity, account: Account, permission: str, level: str) -> bool:
    """Whether the identity has an organisation permission, such as `members` or `administration`.

    Owners have all of them; members may read, and create repositories (`repositories`, `write`), by GitHub's default.
    """
    name = "administration" if permission == "repositories" else permission
    if identity.kind is IdentityKind.USER:
        user = identity.user_id or 0
        if not identity.approved or identity.owner_id not in {None, account.id}:
            return False
        as_member = level == "read" or permission == "repositories"
        allowed = user == account.id or user in account.owners or (as_member and user in account.members)
        held = identity.permissions
        scoped = allowed_in_organization(identity.scopes, permission, level)
        return allowed and scoped and (held is None or grants(held, name, level))
    if identity.kind is IdentityKind.APP:
        installation = store.installations.get(identity.installation_id or 0)
        here = installation is not None and installation.account_id == account.id
        return here and grants(identity.permissions or {}, name, level)
    return False
