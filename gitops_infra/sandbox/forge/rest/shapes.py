"""JSON shapes that several nouns share: accounts, permissions, repository roles."""

from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.forge.identity import Identity
from gitops_infra.sandbox.forge.model import Account, Role
from gitops_infra.sandbox.forge.router import Call

PERMISSION_WORDS: Mapping[str, Role] = {
    "pull": Role.READ,
    "triage": Role.TRIAGE,
    "push": Role.WRITE,
    "maintain": Role.MAINTAIN,
    "admin": Role.ADMIN,
}
"""What clients send as `permission`; `role_name` answers with the role itself."""


def node_id(kind: str, number: int) -> str:
    """An opaque id as GraphQL would know it."""
    return f"{kind}_{number}"


def account(call: Call, found: Account) -> dict[str, Any]:
    """A user or organisation as it stands in other answers."""
    return {
        "login": found.login,
        "id": found.id,
        "node_id": node_id("U" if found.kind == "User" else "O", found.id),
        "avatar_url": "",
        "url": f"{call.api_url}/users/{found.login}",
        "html_url": f"{call.base_url}/{found.login}",
        "type": found.kind,
        "site_admin": False,
    }


def actor(call: Call, identity: Identity) -> dict[str, Any] | None:
    """Whoever acts: the user, or the App as its bot."""
    if identity.user_id is not None:
        return account(call, call.store.accounts[identity.user_id])
    if identity.app_id is None:
        return None
    return {"login": identity.label, "id": identity.app_id, "type": "Bot", "site_admin": False}


def permissions(role: Role | None) -> dict[str, bool]:
    """Each permission word and whether the role includes it."""
    return {word: role is not None and role.at_least(needed) for word, needed in PERMISSION_WORDS.items()}
