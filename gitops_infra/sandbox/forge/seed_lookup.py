"""Finding what a forge has by the names that people use; a wrong one is a ValueError that says which."""

from typing import TypeVar

from gitops_infra.sandbox.forge.model import Account, App, Repository
from gitops_infra.sandbox.forge.store import Store

Found = TypeVar("Found")


class Lookup:
    """Records by name. What is not there raises ValueError."""

    store: Store

    def account(self, login: str) -> Account:
        """The user or organisation. Raises ValueError without one."""
        return found(self.store.account(login), f"no user or organisation {login!r}")

    def user(self, login: str) -> Account:
        """The user. Raises ValueError without one."""
        return found(self.store.user(login), f"no user {login!r}")

    def organization(self, login: str) -> Account:
        """The organisation. Raises ValueError without one."""
        account = self.store.account(login)
        organization = account if account and account.kind == "Organization" else None
        return found(organization, f"no organisation {login!r}")

    def repository(self, full_name: str) -> Repository:
        """The repository `owner/name`. Raises ValueError without one."""
        return found(self.store.repository(*split(full_name)), f"no repository {full_name!r}")

    def find_app(self, app: App | str) -> App:
        """The App of that slug, or the present record of an App. Raises ValueError without one."""
        slug = app if isinstance(app, str) else app.slug
        return found(self.store.app(slug), f"no app {slug!r}")


def split(full_name: str) -> tuple[str, str]:
    """Owner and name. Raises ValueError when it is not `owner/name`."""
    owner, slash, name = full_name.partition("/")
    if not (owner and slash and name):
        raise ValueError(f"{full_name!r} is not of the form owner/name")
    return owner, name


def found(value: Found | None, message: str) -> Found:
    """The value. Raises ValueError with the message for None."""
    if value is None:
        raise ValueError(message)
    return value
