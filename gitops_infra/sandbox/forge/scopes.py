"""Scopes of classic personal tokens: what they include, and what each kind of call needs.

Source: GitHub, "Scopes for OAuth apps". A classic token can do what its user can, as far as its scopes go.
"""

from collections.abc import Collection, Mapping

INCLUDES: Mapping[str, tuple[str, ...]] = {
    # scope -> the scopes directly below it, which it includes
    "repo": ("public_repo", "repo:status", "repo_deployment", "repo:invite", "security_events"),
    "workflow": (),
    "delete_repo": (),
    "admin:org": ("write:org",),
    "write:org": ("read:org",),
    "read:org": (),
    "admin:public_key": ("write:public_key",),
    "write:public_key": ("read:public_key",),
    "read:public_key": (),
    "admin:repo_hook": ("write:repo_hook",),
    "write:repo_hook": ("read:repo_hook",),
    "read:repo_hook": (),
    "user": ("read:user", "user:email", "user:follow"),
    "read:user": (),
    "user:email": (),
    "user:follow": (),
    "public_repo": (),
    "repo:status": (),
    "repo_deployment": (),
    "repo:invite": (),
    "security_events": (),
}
ALL_SCOPES = ("admin:org", "admin:public_key", "admin:repo_hook", "delete_repo", "repo", "user", "workflow")
"""What a classic token has when nobody chose: the widest of each family."""

NARROW = {"statuses": "repo:status", "deployments": "repo_deployment"}
"""Permissions for which a scope narrower than `repo` is enough."""


def includes(scopes: Collection[str] | None, wanted: str) -> bool:
    """Whether the scopes include the wanted one; None are no classic token's, and limit nothing."""
    if scopes is None or wanted in scopes:
        return True
    return any(wanted in below or includes(below, wanted) for scope in scopes if (below := INCLUDES[scope]))


def allowed_in_repository(scopes: Collection[str] | None, permission: str, level: str, *, public: bool) -> bool:
    """Whether the scopes let their token do this in a repository. What is public can be read without any."""
    if scopes is None or (public and level == "read" and permission == "metadata"):
        return True
    if permission == "workflows":
        return includes(scopes, "workflow")
    wanted = ["repo", *(["public_repo"] if public else []), *([NARROW[permission]] if permission in NARROW else [])]
    if permission == "metadata":
        wanted += [*NARROW.values(), "read:repo_hook"]
    if permission == "repository_hooks":
        wanted.append(f"{level}:repo_hook")
    return any(includes(scopes, scope) for scope in wanted)


def allowed_in_organization(scopes: Collection[str] | None, permission: str, level: str) -> bool:
    """Whether the scopes let their token do this in an organisation; new repositories need `repo`."""
    if permission == "repositories":
        return includes(scopes, "repo") or includes(scopes, "public_repo")
    return includes(scopes, "read:org" if level == "read" else "admin:org")


def check(scopes: Collection[str]) -> list[str]:
    """The scopes, sorted, each once. Raises ValueError for one that the forge does not know."""
    unknown = sorted(set(scopes) - set(INCLUDES))
    if unknown:
        raise ValueError(f"no scope {unknown[0]!r}: the stand-in forge knows {', '.join(sorted(INCLUDES))}")
    return sorted(set(scopes))
