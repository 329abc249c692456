"""Collaborators of a repository. Invitations are accepted at once, so the list of open ones is always empty."""

from typing import Any

from gitops_infra.sandbox.forge.identity import of_user, role
from gitops_infra.sandbox.forge.model import Account, Repository, Role
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Response, invalid, not_found
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.router import Call, Routes


def list_all(call: Call) -> Response:
    """Everybody with a role of their own; `affiliation=direct` or `outside` narrows it, `permission` too."""
    repository = call.repository("contents", "write", even_archived=True)
    affiliation = call.query.get("affiliation", "all")
    owner = call.store.accounts[repository.owner_id]
    found = []
    for user in call.store.accounts.values():
        held = _own_role(call, repository, user)
        direct = user.id in repository.collaborators
        outside = direct and user.id not in owner.members
        if held is None or not {"all": True, "direct": direct, "outside": outside}.get(affiliation, True):
            continue
        if shapes.permissions(held).get(call.query.get("permission", "pull")):
            found.append(_collaborator(call, user, held))
    return call.page(found)


def check(call: Call) -> Response:
    """204 when the user is a collaborator."""
    repository, user = call.repository("metadata", "read"), _user(call)
    if _own_role(call, repository, user) is None:
        raise not_found()
    return NO_CONTENT


def permission(call: Call) -> Response:
    """The user's effective role; `permission` is the older word (`none`, `read`, `write`, `admin`)."""
    repository, user = call.repository("metadata", "read"), _user(call)
    held = role(call.store, of_user(user), repository)
    older = {Role.TRIAGE: Role.READ, Role.MAINTAIN: Role.WRITE}.get(held, held) if held else None
    return Response(
        200,
        {
            "permission": older or "none",
            "role_name": held or "none",
            "user": _collaborator(call, user, held),
        },
    )


def put(call: Call) -> Response:
    """Gives the user a role, `push` unless `permission` says another."""
    repository, user = call.repository("administration", "write"), _user(call)
    word = call.fields("Collaborator", {"permission": str}).get("permission") or "push"
    if word not in shapes.PERMISSION_WORDS:
        raise invalid("Collaborator", "permission", f"{word} is not one of {', '.join(shapes.PERMISSION_WORDS)}")
    repository.collaborators[user.id] = shapes.PERMISSION_WORDS[word]
    call.store.save(repository)
    return NO_CONTENT


def delete(call: Call) -> Response:
    """Takes the direct role away; what teams and the organisation give stays."""
    repository, user = call.repository("administration", "write"), _user(call)
    repository.collaborators.pop(user.id, None)
    call.store.save(repository)
    return NO_CONTENT


def invitations(call: Call) -> Response:
    """Always empty."""
    call.repository("administration", "read")
    return call.page([])


def teams(call: Call) -> Response:
    """Teams with a role in the repository."""
    repository = call.repository("administration", "read")
    words = {held: word for word, held in shapes.PERMISSION_WORDS.items()}
    return call.page(
        {
            "id": team.id,
            "name": team.name,
            "slug": team.slug,
            "privacy": team.privacy,
            "permission": words[team.repositories[repository.id]],
            "permissions": shapes.permissions(team.repositories[repository.id]),
        }
        for team in call.store.teams.values()
        if repository.id in team.repositories
    )


def _user(call: Call) -> Account:
    user = call.store.user(call["username"])
    if user is None:
        raise not_found()
    return user


def _own_role(call: Call, repository: Repository, user: Account) -> Role | None:
    """The user's role, without what a public repository gives anybody."""
    if user.kind != "User":
        return None
    held = role(call.store, of_user(user), repository)
    anybody = repository.visibility == "public" and held is Role.READ and user.id not in repository.collaborators
    return None if anybody else held


def _collaborator(call: Call, user: Account, held: Role | None) -> dict[str, Any]:
    return {
        **shapes.account(call, user),
        "permissions": shapes.permissions(held),
        "role_name": held.value if held else "none",
    }


_ROOT = "/repos/{owner}/{repo}/collaborators"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("GET", f"{_ROOT}/{{username}}"): check,
    ("GET", f"{_ROOT}/{{username}}/permission"): permission,
    ("PUT", f"{_ROOT}/{{username}}"): put,
    ("DELETE", f"{_ROOT}/{{username}}"): delete,
    ("GET", "/repos/{owner}/{repo}/invitations"): invitations,
    ("GET", "/repos/{owner}/{repo}/teams"): teams,
}
