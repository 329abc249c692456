"""GitHub Apps and their installations: made, keyed, installed, limited, removed; and the tokens of installations.

Source: GitHub, "About creating GitHub Apps", "Managing private keys for GitHub Apps", "Installing your own GitHub
App", and GitHub REST, "Create an installation access token for an app".
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Collection, Iterable, Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gitops_infra.sandbox.forge.identity import LEVELS, covers, digest, grants, lesser
from gitops_infra.sandbox.forge.model import Account, App, AppKey, Installation, Repository, Token
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.forge.token_values import new_token_value

TOKEN_LIFE = 3600.0
"""Seconds that an installation token is good for."""

KEY_BITS = 2048
MAX_KEYS = 25
"""Private keys of one App. Source: GitHub, "Managing private keys for GitHub Apps"."""

PERMISSIONS = frozenset(
    {
        "actions",
        "administration",
        "checks",
        "contents",
        "deployments",
        "environments",
        "issues",
        "members",
        "metadata",
        "organization_administration",
        "organization_secrets",
        "packages",
        "pages",
        "pull_requests",
        "repository_hooks",
        "secrets",
        "statuses",
        "variables",
        "actions_variables",
        "workflows",
    }
)
"""What an App may ask for here. GitHub has more; one that this forge gives no meaning to is refused by name."""

NOT_GRANTED = "The permissions requested are not granted to this installation."
LEVEL_NOT_GRANTED = "The level of access for permissions requested are not granted to this installation."
UNREACHABLE = "There is at least one repository that does not exist or is not accessible to the parent installation."


def slug_of(name: str) -> str:
    """`My Deployer!` -> `my-deployer`: the App's name in URLs and as `slug[bot]`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def checked_permissions(permissions: Mapping[str, str]) -> dict[str, str]:
    """The permissions with `metadata: read`, which every App has. Raises ValueError for an unknown one or level."""
    for name, level in permissions.items():
        if name not in PERMISSIONS:
            raise ValueError(f"no permission {name!r}: the stand-in forge knows {', '.join(sorted(PERMISSIONS))}")
        if level not in LEVELS:
            raise ValueError(f"permission {name}: {level!r} is none of {', '.join(LEVELS)}")
    return {"metadata": "read", **permissions}


def create(  # noqa: PLR0913  (what a registration form asks, all but the first three by name)
    store: Store,
    owner: Account,
    name: str,
    *,
    permissions: Mapping[str, str],
    events: Iterable[str] = (),
    public: bool = False,
    homepage: str = "",
    description: str = "",
) -> App:
    """A new App without private key, installed nowhere. Raises ValueError for a taken or empty name."""
    slug = slug_of(name)
    if not slug:
        raise ValueError("Name can't be blank")
    if store.app(slug) or store.account(slug):
        raise ValueError(f"app {slug!r} exists already: names are unique on the whole forge")
    now = store.now()
    app = App(
        id=store.new_id(),
        slug=slug,
        owner_id=owner.id,
        permissions=checked_permissions(permissions),
        name=name,
        client_id=f"Iv23li{secrets.token_hex(7)}",
        events=sorted(set(events)),
        public=public,
        homepage=homepage,
        description=description,
        created_at=now,
        updated_at=now,
    )
    store.add(app)
    return app


def add_key(store: Store, app: App) -> str:
    """A new private key of the App: PEM text, PKCS#1. The forge keeps the public half only; older keys stay valid."""
    if len(app.keys) >= MAX_KEYS:
        raise ValueError(f"app {app.slug} has {MAX_KEYS} private keys, as many as GitHub allows")
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    public = private.public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    app.keys.append(AppKey(fingerprint, pem.decode(), store.now()))
    store.save(app)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def remove_keys(store: Store, app: App) -> None:
    """Makes all private keys of the App worthless."""
    app.keys.clear()
    store.save(app)


def install(
    store: Store, app: App, account: Account, repositories: Collection[Repository] | None = None
) -> Installation:
    """The App's installation on the account: on all repositories (None) or on those given; made or changed.

    It grants what the App asks for now. Raises ValueError for a foreign account of a private App, a repository of
    another account, and an empty selection.
    """
    if account.id != app.owner_id and not app.public:
        raise ValueError(f"app {app.slug} is private: only its owner can install it")
    if repositories is not None:
        if not repositories:
            raise ValueError("select at least one repository, or all")
        foreign = [r.name for r in repositories if r.owner_id != account.id]
        if foreign:
            raise ValueError(f"{foreign[0]} is not a repository of {account.login}")
    ids = None if repositories is None else {repository.id for repository in repositories}
    now = store.now()
    installation = store.installation(app, account)
    if installation is None:
        installation = Installation(store.new_id(), app.id, account.id, {}, created_at=now)
        store.add(installation)
    installation.permissions, installation.events = dict(app.permissions), list(app.events)
    installation.repository_ids, installation.updated_at = ids, now
    store.save(installation)
    return installation


def uninstall(store: Store, installation: Installation) -> None:
    """Removes the installation and its tokens. Deploy keys, rulesets and whatever else it made stay."""
    for token in [t for t in store.tokens.values() if t.installation_id == installation.id]:
        store.delete(token)
    store.delete(installation)


def delete(store: Store, app: App) -> None:
    """Removes the App, its keys and all its installations. Rulesets go on naming it, and nobody is it any more."""
    for installation in [i for i in store.installations.values() if i.app_id == app.id]:
        uninstall(store, installation)
    for code in [c for c in store.manifest_codes.values() if c.app_id == app.id]:
        store.delete(code)
    store.delete(app)


def set_permissions(store: Store, app: App, permissions: Mapping[str, str], *, accepted: bool) -> None:
    """Changes what the App asks for. Less holds at once everywhere; more only where the account has accepted it.

    Source: GitHub, "Modifying a GitHub App registration". That less holds at once is not confirmed.
    """
    app.permissions, app.updated_at = checked_permissions(permissions), store.now()
    store.save(app)
    for installation in [i for i in store.installations.values() if i.app_id == app.id]:
        held = app.permissions if accepted else lesser(app.permissions, installation.permissions)
        installation.permissions, installation.updated_at = dict(held), store.now()
        store.save(installation)


def repositories_of(store: Store, installation: Installation) -> list[Repository]:
    """The repositories that the installation reaches, oldest first."""
    return [repository for _, repository in sorted(store.repositories.items()) if covers(installation, repository)]


def new_token(
    store: Store,
    installation: Installation,
    *,
    permissions: Mapping[str, str] | None = None,
    repositories: Collection[Repository] | None = None,
    expires_in: float = TOKEN_LIFE,
) -> tuple[str, Token]:
    """The value and record of a new installation token, for a part of permissions and repositories when given.

    Raises Refusal 422, in GitHub's words, for more than the installation has.
    """
    asked = None if not permissions else {"metadata": "read", **permissions}
    if asked is not None:
        if any(name not in installation.permissions for name in asked):
            raise Refusal(422, NOT_GRANTED)
        if not all(grants(installation.permissions, name, level) for name, level in asked.items()):
            raise Refusal(422, LEVEL_NOT_GRANTED)
    if repositories is not None and not all(covers(installation, repository) for repository in repositories):
        raise Refusal(422, UNREACHABLE)
    value = new_token_value("installation")
    token = Token(
        id=store.new_id(),
        digest=digest(value),
        kind="installation",
        installation_id=installation.id,
        permissions=asked,
        repository_ids=None if repositories is None else {repository.id for repository in repositories},
        expires_at=store.now() + expires_in,
    )
    store.add(token)
    return value, token
