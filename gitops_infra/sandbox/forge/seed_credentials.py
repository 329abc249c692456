"""Handing out credentials: personal tokens, SSH keys of users, GitHub Apps with their keys, installations, tokens."""

from collections.abc import Iterable, Mapping

from gitops_infra.sandbox.forge import apps
from gitops_infra.sandbox.forge import scopes as scope_table
from gitops_infra.sandbox.forge.identity import digest, normalised_key
from gitops_infra.sandbox.forge.model import App, Installation, Repository, Token, UserKey
from gitops_infra.sandbox.forge.rest.keys import in_use, well_formed
from gitops_infra.sandbox.forge.seed_lookup import Lookup, found
from gitops_infra.sandbox.forge.token_values import new_token_value


class Credentials(Lookup):
    """Methods that make and end credentials. Each is one transaction; each raises ValueError for bad input."""

    # People

    def add_ssh_key(self, login: str, ssh_key: str) -> None:
        """One more OpenSSH public key that authenticates the user, such as a machine user."""
        with self.store.transaction():
            user, key = self.user(login), normalised_key(ssh_key)
            if not well_formed(key):
                raise ValueError("the SSH key is not an OpenSSH public key")
            if in_use(self.store, key):
                raise ValueError("the SSH key is already in use")
            self.store.add(UserKey(self.store.new_id(), user.id, "", key, self.store.now()))

    def token(  # noqa: PLR0913  (what the settings page asks, all but two always passed by name)
        self,
        login: str,
        permissions: Mapping[str, str] | None = None,
        expires_in: float | None = None,
        *,
        scopes: Iterable[str] | None = None,
        owner: str | None = None,
        repositories: Iterable[str] | None = None,
    ) -> str:
        """The value of a new personal token. `expires_in` is in seconds, None: never.

        With `permissions` a fine-grained one, for the repositories (`owner/name`) given or all of the resource
        `owner`; without `owner` it is limited to none, which GitHub does not offer. It waits for `approve_token`
        where the organisation wants that, unless the user is an owner. Else a classic one, with `scopes` or the widest.
        """
        with self.store.transaction():
            user = self.user(login)
            fine = permissions is not None
            if fine and scopes is not None:
                raise ValueError("a token has permissions (fine-grained) or scopes (classic), not both")
            if not fine and (owner or repositories is not None):
                raise ValueError("only a fine-grained token has an owner and repositories: give it permissions")
            account = None if owner is None else self.account(owner)
            selected = None if repositories is None else [self.repository(name) for name in repositories]
            if any(account is not None and r.owner_id != account.id for r in selected or ()):
                raise ValueError(f"a fine-grained token of {owner} reaches repositories of {owner} only")
            waits = account is not None and account.approves_tokens and user.id not in account.owners
            value = new_token_value("fine_grained" if fine else "pat")
            self.store.add(
                Token(
                    id=self.store.new_id(),
                    digest=digest(value),
                    kind="pat",
                    user_id=user.id,
                    permissions=dict(permissions) if permissions is not None else None,
                    repository_ids=_ids(selected),
                    owner_id=None if account is None else account.id,
                    scopes=None if scopes is None else scope_table.check(list(scopes)),
                    approved=not waits,
                    expires_at=None if expires_in is None else self.store.now() + expires_in,
                )
            )
            return value

    def approve_token(self, token: str) -> None:
        """The organisation agrees to a fine-grained token that waited."""
        with self.store.transaction():
            record = found(self.store.token(digest(token)), "no such token")
            record.approved = True
            self.store.save(record)

    def revoke(self, token: str) -> None:
        """Makes a token worthless, and with a personal token the deploy keys it made."""
        with self.store.transaction():
            record = found(self.store.token(digest(token)), "no such token")
            record.revoked = True
            self.store.save(record)

    # Apps

    def app(
        self, owner: str, slug: str, permissions: Mapping[str, str], repositories: Iterable[str] | None = None
    ) -> App:
        """A GitHub App installed on its owner: on all repositories, or on those named (`owner/name`)."""
        with self.store.transaction():
            app = self.create_app(owner, slug, permissions)
            self.install(app, owner, repositories)
            return app

    def create_app(self, owner: str, slug: str, permissions: Mapping[str, str], *, public: bool = False) -> App:
        """A GitHub App that is installed nowhere; only a `public` one can be installed on another account."""
        with self.store.transaction():
            return apps.create(self.store, self.account(owner), slug, permissions=permissions, public=public)

    def delete_app(self, app: App | str) -> None:
        """Removes the App with its keys, installations and tokens."""
        with self.store.transaction():
            apps.delete(self.store, self.find_app(app))

    def app_key(self, app: App | str) -> str:
        """A new private key of the App (or its slug) as PEM text, PKCS#1; its older ones stay valid."""
        with self.store.transaction():
            return apps.add_key(self.store, self.find_app(app))

    def revoke_app_keys(self, app: App | str) -> None:
        """Makes all private keys of the App worthless."""
        with self.store.transaction():
            apps.remove_keys(self.store, self.find_app(app))

    def install(self, app: App | str, account: str, repositories: Iterable[str] | None = None) -> Installation:
        """Installs the App on a user or organisation, or changes what an installation reaches and grants.

        On all repositories (None) or on those named (`owner/name`).
        """
        with self.store.transaction():
            selected = None if repositories is None else [self.repository(name) for name in repositories]
            return apps.install(self.store, self.find_app(app), self.account(account), selected)

    def installation(self, app: App | str, account: str | None = None) -> Installation:
        """The App's installation on the account, by default its owner. Raises ValueError without one."""
        record = self.find_app(app)
        holder = self.store.accounts[record.owner_id] if account is None else self.account(account)
        here = self.store.installation(record, holder)
        return found(here, f"app {record.slug!r} is not installed on {holder.login}")

    def uninstall(self, app: App | str, account: str | None = None) -> None:
        """Removes the App from the account, by default its owner: its tokens are worthless from now on."""
        with self.store.transaction():
            apps.uninstall(self.store, self.installation(app, account))

    def set_app_permissions(self, app: App | str, permissions: Mapping[str, str], *, accepted: bool = True) -> None:
        """Changes what the App asks for. With `accepted=False` its installations have not agreed to more yet."""
        with self.store.transaction():
            apps.set_permissions(self.store, self.find_app(app), permissions, accepted=accepted)

    def app_token(
        self,
        app: App | str,
        expires_in: float = apps.TOKEN_LIFE,
        *,
        account: str | None = None,
        permissions: Mapping[str, str] | None = None,
        repositories: Iterable[str] | None = None,
    ) -> str:
        """The value of a new installation token of an App (or its slug), for a part of what it may when asked for.

        `expires_in` is in seconds; `account` is where it is installed, by default its owner. Raises Refusal, as the
        REST call answers, for more than the installation has.
        """
        with self.store.transaction():
            selected = None if repositories is None else [self.repository(name) for name in repositories]
            value, _ = apps.new_token(
                self.store,
                self.installation(app, account),
                permissions=permissions,
                repositories=selected,
                expires_in=expires_in,
            )
            return value


def _ids(repositories: Iterable[Repository] | None) -> set[int] | None:
    return None if repositories is None else {repository.id for repository in repositories}
