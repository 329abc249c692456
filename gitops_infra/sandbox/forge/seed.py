"""Filling a forge: people, organisations, teams, repositories, roles, tokens and Apps, without asking anybody."""

import base64
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import digest, normalised_key
from gitops_infra.sandbox.forge.model import Account, App, Repository, Role, Team, Token
from gitops_infra.sandbox.forge.rest.keys import in_use, well_formed
from gitops_infra.sandbox.forge.rest.repositories import make
from gitops_infra.sandbox.forge.rest.teams import slug_of
from gitops_infra.sandbox.forge.store import Store

TOKEN_PREFIXES = {"pat": "ghp_", "fine_grained": "github_pat_", "installation": "ghs_", "job": "ghs_"}
"""As GitHub's, so that scanners and masks that know them recognise a leaked one."""
Found = TypeVar("Found")
PRICE_PLANS = ("free", "pro", "team", "enterprise")


class Seeding:
    """Methods that write records directly. Each is one transaction; each raises ValueError for bad input."""

    store: Store

    def add_user(self, login: str, ssh_key: str | None = None, price_plan: str = "free") -> Account:
        """A new user; `ssh_key` is an OpenSSH public key line that authenticates them."""
        with self.store.transaction():
            self._check_new(login, price_plan)
            user = Account(self.store.new_id(), login, "User", price_plan=price_plan)
            if ssh_key is not None:
                user.ssh_keys.append(self._checked_key(ssh_key))
            self.store.add(user)
            return user

    def add_ssh_key(self, login: str, ssh_key: str) -> None:
        """One more public key that authenticates the user."""
        with self.store.transaction():
            user = self.user(login)
            user.ssh_keys.append(self._checked_key(ssh_key))
            self.store.save(user)

    def add_organization(
        self,
        login: str,
        owners: Iterable[str] = (),
        price_plan: str = "team",
        deploy_keys: bool = True,  # noqa: FBT001, FBT002  (always passed by name; part of the published signature)
    ) -> Account:
        """A new organisation; `owners` are users that exist. On GitHub, new organisations forbid deploy keys."""
        with self.store.transaction():
            self._check_new(login, price_plan)
            ids = {self.user(owner).id for owner in owners}
            organization = Account(
                id=self.store.new_id(),
                login=login,
                kind="Organization",
                price_plan=price_plan,
                owners=set(ids),
                members=set(ids),
                deploy_keys_enabled=deploy_keys,
            )
            self.store.add(organization)
            return organization

    def add_member(self, organization: str, login: str, *, owner: bool = False) -> None:
        """Makes a user a member, or with `owner=True` an owner."""
        with self.store.transaction():
            account, user = self.organization(organization), self.user(login)
            account.members.add(user.id)
            if owner:
                account.owners.add(user.id)
            self.store.save(account)

    def add_team(self, organization: str, name: str, members: Iterable[str] = ()) -> Team:
        """A new team of users, who become members of the organisation too."""
        with self.store.transaction():
            account, users = self.organization(organization), [self.user(login) for login in members]
            slug = slug_of(name)
            if not slug or self.store.team(account, slug):
                raise ValueError(f"team {name!r} of {organization}: the name is taken or empty")
            account.members |= {user.id for user in users}
            self.store.save(account)
            team = Team(self.store.new_id(), account.id, name, slug, members={user.id for user in users})
            self.store.add(team)
            return team

    def add_repository(
        self,
        full_name: str,
        source: Path | None = None,
        visibility: str = "private",
        default_branch: str = "main",
        auto_init: bool = False,  # noqa: FBT001, FBT002  (always passed by name; part of the published signature)
    ) -> Repository:
        """A new repository: empty, with a first commit (`auto_init`), or with the history of a local one (`source`).

        With `source`, all its branches and tags come along, and the branch checked out there is the default branch
        when `default_branch` does not exist in it.
        """
        owner, name = self._split(full_name)
        with self.store.transaction():
            account = self.account(owner)
            repository = make(
                self.store, account, name, visibility=visibility, default_branch=default_branch, auto_init=auto_init
            )
            if source is not None:
                git = BareRepository(self.store.git_dir(repository))
                git.import_from(Path(source))
                repository.default_branch = git.head().removeprefix("refs/heads/")
                self.store.save(repository)
            return repository

    def grant(self, full_name: str, login: str, role: Role | str) -> None:
        """Gives a user, or a team (`org/slug`), a role in a repository."""
        with self.store.transaction():
            repository, held = self.repository(full_name), Role(role)
            organization, slash, slug = login.partition("/")
            if slash:
                team = self.store.team(self.organization(organization), slug)
                if team is None:
                    raise ValueError(f"no team {login}")
                team.repositories[repository.id] = held
                self.store.save(team)
                return
            repository.collaborators[self.user(login).id] = held
            self.store.save(repository)

    def token(self, login: str, permissions: Mapping[str, str] | None = None, expires_in: float | None = None) -> str:
        """The value of a new personal token; with `permissions` a fine-grained one. `expires_in` is in seconds."""
        with self.store.transaction():
            user = self.user(login)
            kind = "pat" if permissions is None else "fine_grained"
            value = new_token_value(kind)
            self.store.add(
                Token(
                    id=self.store.new_id(),
                    digest=digest(value),
                    kind="pat",
                    user_id=user.id,
                    permissions=None if permissions is None else dict(permissions),
                    expires_at=None if expires_in is None else self.store.now() + expires_in,
                )
            )
            return value

    def app(
        self, owner: str, slug: str, permissions: Mapping[str, str], repositories: Iterable[str] | None = None
    ) -> App:
        """A GitHub App installed on an account: on all its repositories, or on those named (`owner/name`)."""
        with self.store.transaction():
            account = self.account(owner)
            if any(known.slug == slug for known in self.store.apps.values()):
                raise ValueError(f"app {slug!r} exists already")
            ids = None if repositories is None else {self.repository(name).id for name in repositories}
            app = App(self.store.new_id(), slug, account.id, self.store.new_id(), dict(permissions), ids)
            self.store.add(app)
            return app

    def app_token(self, app: App | str, expires_in: float = 3600) -> str:
        """The value of a new installation token of an App (or its slug). `expires_in` is in seconds."""
        slug = app if isinstance(app, str) else app.slug
        with self.store.transaction():
            found = next((known for known in self.store.apps.values() if known.slug == slug), None)
            if found is None:
                raise ValueError(f"no app {slug!r}")
            value = new_token_value("installation")
            expires_at = self.store.now() + expires_in
            record = Token(self.store.new_id(), digest(value), "installation", app_id=found.id, expires_at=expires_at)
            self.store.add(record)
            return value

    def revoke(self, token: str) -> None:
        """Makes a token worthless, and with a personal token the deploy keys it made."""
        with self.store.transaction():
            record = self.store.token(digest(token))
            if record is None:
                raise ValueError("no such token")
            record.revoked = True
            self.store.save(record)

    # Looking up

    def account(self, login: str) -> Account:
        """The user or organisation. Raises ValueError without one."""
        return _found(self.store.account(login), f"no user or organisation {login!r}")

    def user(self, login: str) -> Account:
        """The user. Raises ValueError without one."""
        return _found(self.store.user(login), f"no user {login!r}")

    def organization(self, login: str) -> Account:
        """The organisation. Raises ValueError without one."""
        account = self.store.account(login)
        organization = account if account and account.kind == "Organization" else None
        return _found(organization, f"no organisation {login!r}")

    def repository(self, full_name: str) -> Repository:
        """The repository `owner/name`. Raises ValueError without one."""
        return _found(self.store.repository(*self._split(full_name)), f"no repository {full_name!r}")

    @staticmethod
    def _split(full_name: str) -> tuple[str, str]:
        owner, slash, name = full_name.partition("/")
        if not (owner and slash and name):
            raise ValueError(f"{full_name!r} is not of the form owner/name")
        return owner, name

    def _check_new(self, login: str, price_plan: str) -> None:
        if not login or not login.replace("-", "").isalnum() or not login.isascii():
            raise ValueError(f"{login!r} is no login: letters, digits and hyphens")
        if self.store.account(login):
            raise ValueError(f"{login!r} exists already")
        if price_plan not in PRICE_PLANS:
            raise ValueError(f"{price_plan!r} is no price plan: one of {', '.join(PRICE_PLANS)}")

    def _checked_key(self, line: str) -> str:
        key = normalised_key(line)
        if not well_formed(key):
            raise ValueError("the SSH key is not an OpenSSH public key")
        if in_use(self.store, key):
            raise ValueError("the SSH key is already in use")
        return key


def new_token_value(kind: str) -> str:
    """A random token value with the prefix of its kind."""
    return TOKEN_PREFIXES[kind] + base64.b32encode(secrets.token_bytes(25)).decode().lower()


def _found(value: Found | None, message: str) -> Found:
    if value is None:
        raise ValueError(message)
    return value
