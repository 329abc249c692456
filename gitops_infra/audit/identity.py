"""Whose token it is, as far as the forge tells."""

from dataclasses import dataclass
from http import HTTPStatus

from gitops_infra.audit.github_client import GitHubReader

IMPLIED = {"public_repo": ("repo",), "read:org": ("write:org", "admin:org")}
"""Classic scope -> wider scopes that include it. Source: GitHub docs, scopes for OAuth apps."""


@dataclass(frozen=True)
class Identity:
    """The holder of a token. `login` None is an App installation."""

    login: str | None
    price_plan: str | None = None
    """A user's own plan, in the forge's word; seen by that user only."""
    scopes: frozenset[str] | None = None
    """Classic scopes; None for tokens that have permissions instead."""

    def has_scope(self, scope: str) -> bool:
        """Whether the token has the classic scope or a wider one."""
        return self.scopes is not None and not self.scopes.isdisjoint({scope, *IMPLIED.get(scope, ())})


def identify(reader: GitHubReader) -> Identity | None:
    """Whose token the reader carries; None when the forge does not accept it.

    Raises ForgeUnreachable.
    """
    answer = reader.get("/user")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return None
    header = answer.headers.get("x-oauth-scopes")
    scopes = None if header is None else frozenset(name.strip() for name in header.split(",") if name.strip())
    if not answer.ok or not isinstance(answer.data, dict):
        # An installation has no user: GitHub answers 403 "Resource not accessible by integration".
        return Identity(None, scopes=scopes)
    return Identity(str(answer.data.get("login")), (answer.data.get("plan") or {}).get("name"), scopes)
