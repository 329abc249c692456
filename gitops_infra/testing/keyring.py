"""What every actor of a forge authenticates with.

Private keys come as a CI job gets them, through the gate of its environment. For a deploy key that no job gets, the
lock is changed, not the key sought: in the replica its public half becomes that of a fresh pair. Nothing is read from
a Pulumi state.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncssh

from gitops_infra.sandbox.client import KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.identity import (
    Identity,
    IdentityKind,
    deploy_key_alive,
    from_ssh_key,
    from_token,
    normalised_key,
    of_deploy_key,
)
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.model import App, Repository
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.actors import Actor
from gitops_infra.testing.admissions import admissions
from gitops_infra.testing.gate import people


@dataclass(frozen=True, eq=False)
class Means:
    """One credential, and who holds it."""

    actors: tuple[Actor, ...]
    label: str
    """What it is, in words."""
    identity: Identity
    """What the forge takes it for."""
    credential: TokenCredential | KeyCredential = field(repr=False)

    def url(self, forge: Sandbox, full_name: str) -> str:
        """Where a repository is reached with it."""
        return forge.ssh_url(full_name) if isinstance(self.credential, KeyCredential) else forge.http_url(full_name)


def keyring(replica: Sandbox) -> tuple[Means, ...]:
    """A credential of every actor. Changes the replica: tokens are made, jobs run, locks are changed."""
    held = tuple(_held(replica))
    reached = {each.identity.deploy_key_id for each in held}
    return (*held, *_users(replica), *_apps(replica), *_jobs(replica), *_deploy_keys(replica, reached))


def _held(replica: Sandbox) -> Iterator[Means]:
    """Credentials that lie in secrets: those of environments, and those of repositories, which any job gets."""
    holders: dict[str, list[Actor]] = defaultdict(list)
    names: dict[str, str] = {}
    for actor, secrets in _opened(replica):
        for name, value in secrets.items():
            holders[value].append(actor)
            names.setdefault(value, name)
    for value, actors in holders.items():
        identity, credential = _recognised(replica, value)
        if identity is not None and credential is not None:
            label = f"secret {names[value]}: {identity.label}"
            yield Means(tuple(dict.fromkeys(actors)), label, identity, credential)


def _opened(replica: Sandbox) -> Iterator[tuple[Actor, dict[str, str]]]:
    """Secrets as jobs get them, with whose they are."""
    store = replica.store
    for repository in list(store.repositories.values()):
        full_name = store.full_name(repository)
        common = _job(replica, repository)
        shared = {} if common is None else common.secrets
        if shared:
            yield Actor.job(full_name), shared
        for environment in store.environments_of(repository):
            if environment.secrets:
                grant = next((grant for _, grant in admissions(replica, repository, environment)), None)
                # What every job of the repository has too is not the environment's own.
                own = {n: v for n, v in (grant.secrets if grant else {}).items() if shared.get(n) != v}
                yield Actor.environment(full_name, environment.name), own


def _recognised(replica: Sandbox, value: str) -> tuple[Identity | None, TokenCredential | KeyCredential | None]:
    """What the forge takes a secret's value for, and how to use it; None twice when it is no credential of it."""
    if value.lstrip().startswith("-----BEGIN"):
        try:
            key = asyncssh.import_private_key(value)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            return None, None
        app = _app_of(replica, key)
        if app is not None:
            value = replica.app_token(app)
            return from_token(replica.store, value), TokenCredential(value)
        identity = from_ssh_key(replica.store, key.export_public_key("openssh").decode())
        return identity, KeyCredential(value, replica.known_hosts)
    identity = from_token(replica.store, value.strip())
    if identity is None or identity.kind is IdentityKind.ANONYMOUS:
        return None, None
    return identity, TokenCredential(value.strip())


def _app_of(replica: Sandbox, key: asyncssh.SSHKey) -> App | None:
    """The App, installed on its owner, of whose private keys this is one."""
    public = key.export_public_key("pkcs8-pem").decode().strip()
    for app in replica.store.apps.values():
        if any(each.public.strip() == public for each in app.keys):
            return app
    return None


def _users(replica: Sandbox) -> Iterator[Means]:
    for account in list(replica.store.accounts.values()):
        if account.kind == "User":
            yield _token(replica, Actor.user(account.login), "a personal token", replica.token(account.login))


def _apps(replica: Sandbox) -> Iterator[Means]:
    store = replica.store
    for installation in list(store.installations.values()):
        slug, account = store.apps[installation.app_id].slug, store.accounts[installation.account_id].login
        token = replica.app_token(slug, account=account)
        yield _token(replica, Actor.app(slug), f"an installation token for {account}", token)


def _jobs(replica: Sandbox) -> Iterator[Means]:
    for repository in list(replica.store.repositories.values()):
        grant = _job(replica, repository)
        if grant is not None:
            yield _token(replica, Actor.job(replica.store.full_name(repository)), "the job token", grant.token)


def _job(replica: Sandbox, repository: Repository) -> JobGrant | None:
    """A job of the default branch without an environment, with `contents: write`; None when none would run."""
    everybody = people(replica, repository)
    if not everybody:
        return None
    answer = replica.job(
        repository=replica.store.full_name(repository),
        event="push",
        ref=f"refs/heads/{repository.default_branch}",
        actor=everybody[-1].login,
        permissions={"contents": "write", "pull-requests": "write"},
    )
    return answer if isinstance(answer, JobGrant) else None


def _token(replica: Sandbox, actor: Actor, label: str, value: str) -> Means:
    identity = from_token(replica.store, value)
    if identity is None:
        raise RuntimeError(f"the forge does not know the token that it has just made for {actor}")
    return Means((actor,), label, identity, TokenCredential(value))


def _deploy_keys(replica: Sandbox, reached: set[int | None]) -> Iterator[Means]:
    """Keys whose private half no job gets, each behind a new lock of ours."""
    store = replica.store
    for key in list(store.deploy_keys.values()):
        if key.id in reached or not deploy_key_alive(store, key):
            continue
        pair = asyncssh.generate_private_key("ssh-ed25519")
        key.key = normalised_key(pair.export_public_key("openssh").decode())
        store.save(key)
        actor = Actor.deploy_key(store.full_name(store.repositories[key.repository_id]), key.title)
        private = pair.export_private_key("openssh").decode()
        label = "a read-only key" if key.read_only else "a write key"
        yield Means((actor,), label, of_deploy_key(key), KeyCredential(private, replica.known_hosts))
