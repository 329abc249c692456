"""Filling a forge without asking anybody: people, organisations, teams, repositories, roles and credentials."""

from collections.abc import Iterable
from pathlib import Path

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.model import Account, Repository, Role, Team
from gitops_infra.sandbox.forge.price_plans import PRICE_PLANS
from gitops_infra.sandbox.forge.rest.organizations import BASE_PERMISSIONS
from gitops_infra.sandbox.forge.rest.repositories import make
from gitops_infra.sandbox.forge.rest.teams import slug_of
from gitops_infra.sandbox.forge.seed_credentials import Credentials
from gitops_infra.sandbox.forge.seed_lookup import split


class Seeding(Credentials):
    """Methods that write records directly. Each is one transaction; each raises ValueError for bad input."""

    def add_user(self, login: str, ssh_key: str | None = None, price_plan: str = "free") -> Account:
        """A new user; `ssh_key` is an OpenSSH public key line that authenticates them."""
        with self.store.transaction():
            self._check_new(login, price_plan)
            user = Account(self.store.new_id(), login, "User", price_plan=price_plan)
            self.store.add(user)
            if ssh_key is not None:
                self.add_ssh_key(login, ssh_key)
            return user

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

    def configure_account(
        self,
        login: str,
        *,
        price_plan: str | None = None,
        deploy_keys: bool | None = None,
        default_repository_permission: Role | str | None = None,
        approves_tokens: bool | None = None,
    ) -> Account:
        """Changes settings of a user (`price_plan` only) or an organisation; None leaves one as it is.

        `default_repository_permission` is `none`, `read`, `write` or `admin`.
        """
        with self.store.transaction():
            account = self.account(login)
            base = default_repository_permission
            if price_plan is not None and price_plan not in PRICE_PLANS:
                raise ValueError(f"{price_plan!r} is no price plan: one of {', '.join(PRICE_PLANS)}")
            if base is not None and base not in BASE_PERMISSIONS:
                raise ValueError(f"{base!r} is no base permission: one of {', '.join(BASE_PERMISSIONS)}")
            if account.kind == "User" and (deploy_keys, base, approves_tokens) != (None, None, None):
                raise ValueError(f"{login} is a user: only organisations have these settings")
            chosen = {
                "price_plan": price_plan,
                "deploy_keys_enabled": deploy_keys,
                "default_repository_permission": None if base is None else str(base),
                "approves_tokens": approves_tokens,
            }
            for name, value in chosen.items():
                if value is not None:
                    setattr(account, name, value)
            self.store.save(account)
            return account

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
        owner, name = split(full_name)
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

    def _check_new(self, login: str, price_plan: str) -> None:
        if not login or not login.replace("-", "").isalnum() or not login.isascii():
            raise ValueError(f"{login!r} is no login: letters, digits and hyphens")
        if self.store.account(login):
            raise ValueError(f"{login!r} exists already")
        if price_plan not in PRICE_PLANS:
            raise ValueError(f"{price_plan!r} is no price plan: one of {', '.join(PRICE_PLANS)}")
