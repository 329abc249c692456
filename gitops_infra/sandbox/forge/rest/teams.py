"""Teams, their members and their repositories. Invitations are accepted at once."""

import re
from typing import Any

from gitops_infra.sandbox.forge.identity import may
from gitops_infra.sandbox.forge.model import Account, Role, Team
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, invalid, not_found
from gitops_infra.sandbox.forge.rest import repositories, shapes
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "description": str,
    "privacy": str,
    "permission": str,
    "notification_setting": str,
    "maintainers": list,
    "repo_names": list,
    "parent_team_id": int,
    "ldap_dn": str,
}
PRIVACY = ("secret", "closed")
NOTIFICATIONS = ("notifications_enabled", "notifications_disabled")


def slug_of(name: str) -> str:
    """`Platform Team` -> `platform-team`."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")


def create(call: Call) -> Response:
    """Makes a team; its creator, when a user, maintains it."""
    organization = call.organization("members", "write")
    body = call.fields("Team", FIELDS, required="name")
    slug = slug_of(body["name"])
    if not slug or call.store.team(organization, slug):
        raise invalid("Team", "name", "Name must be unique for this org", "already_exists")
    creator = {call.identity.user_id} if call.identity.user_id is not None else set()
    named = {_user(call, login).id for login in body.get("maintainers") or ()}
    team = Team(
        call.store.new_id(), organization.id, body["name"], slug, members=creator | named, maintainers=creator | named
    )
    _change(team, body)
    for full_name in body.get("repo_names") or ():
        repository = call.store.repository(*full_name.split("/", 1)) if "/" in full_name else None
        if repository is None or repository.owner_id != organization.id:
            raise invalid("Team", "repo_names", f"{full_name} is not a repository of {organization.login}")
        team.repositories[repository.id] = Role.READ
    call.store.add(team)
    return Response(201, _team(call, team))


def list_all(call: Call) -> Response:
    """The organisation's teams."""
    organization = call.organization("members", "read")
    return call.page(_team(call, t) for t in call.store.teams.values() if t.organization_id == organization.id)


def get(call: Call) -> Response:
    """One team."""
    return Response(200, _team(call, _found(call, "read")))


def update(call: Call) -> Response:
    """Changes name (and with it the slug), description, privacy and notifications."""
    team = _found(call, "write")
    body = call.fields("Team", FIELDS)
    slug = slug_of(body.get("name") or team.name)
    other = call.store.team(call.store.accounts[team.organization_id], slug)
    if not slug or other not in (None, team):
        raise invalid("Team", "name", "Name must be unique for this org", "already_exists")
    _change(team, body)
    team.name, team.slug = body.get("name") or team.name, slug
    call.store.save(team)
    return Response(200, _team(call, team))


def delete(call: Call) -> Response:
    """Removes the team and with it what its members could do through it."""
    call.store.delete(_found(call, "write"))
    return NO_CONTENT


def put_repository(call: Call) -> Response:
    """Gives the team a role in a repository; `permission` defaults to what it has, else `push`."""
    team = _found(call, "read")
    repository = call.repository("administration", "write")
    body = call.fields("TeamRepository", {"permission": str})
    word = body.get("permission") or "push"
    if word not in shapes.PERMISSION_WORDS or repository.owner_id != team.organization_id:
        raise invalid(
            "TeamRepository", "permission", f"{word} is not a permission, or the repository is another owner's"
        )
    team.repositories[repository.id] = shapes.PERMISSION_WORDS[word]
    call.store.save(team)
    return NO_CONTENT


def get_repository(call: Call) -> Response:
    """204, or 200 with the team's permissions when the repository media type is asked for."""
    team, repository = _found(call, "read"), call.repository()
    if repository.id not in team.repositories:
        raise not_found()
    if ".repository" not in call.request.headers.get("accept", ""):
        return NO_CONTENT
    role = team.repositories[repository.id]
    body = repositories.shape(call, repository)
    return Response(200, {**body, "permissions": shapes.permissions(role), "role_name": role.value})


def list_repositories(call: Call) -> Response:
    """Repositories of the team, with its permissions."""
    team = _found(call, "read")
    found = [(call.store.repositories[number], role) for number, role in sorted(team.repositories.items())]
    return call.page(
        {**repositories.shape(call, repository), "permissions": shapes.permissions(role), "role_name": role.value}
        for repository, role in found
        if may(call.store, call.identity, repository, "metadata", "read")
    )


def delete_repository(call: Call) -> Response:
    """Takes the team's role away; 204 also when it had none."""
    team, repository = _found(call, "read"), call.repository("administration", "write")
    team.repositories.pop(repository.id, None)
    call.store.save(team)
    return NO_CONTENT


def members(call: Call) -> Response:
    """The team's members."""
    team = _found(call, "read")
    return call.page(shapes.account(call, call.store.accounts[number]) for number in sorted(team.members))


def get_membership(call: Call) -> Response:
    """The user's role in the team."""
    team, user = _found(call, "read"), _user(call, call["username"])
    if user.id not in team.members:
        raise not_found()
    return _membership(call, team, user)


def put_membership(call: Call) -> Response:
    """Makes the user a member (and one of the organisation), or changes the role."""
    team, user = _found(call, "write"), _user(call, call["username"])
    role = call.fields("TeamMembership", {"role": str}).get("role") or "member"
    if role not in ("member", "maintainer"):
        raise invalid("TeamMembership", "role", f"{role} is neither member nor maintainer")
    organization = call.store.accounts[team.organization_id]
    team.members.add(user.id)
    organization.members.add(user.id)
    (team.maintainers.add if role == "maintainer" else team.maintainers.discard)(user.id)
    call.store.save(organization)
    call.store.save(team)
    return _membership(call, team, user)


def delete_membership(call: Call) -> Response:
    """Removes the user from the team, not from the organisation."""
    team, user = _found(call, "write"), _user(call, call["username"])
    team.members.discard(user.id)
    team.maintainers.discard(user.id)
    call.store.save(team)
    return NO_CONTENT


def _found(call: Call, level: str) -> Team:
    team = call.store.team(call.organization("members", level), call["team"])
    if team is None:
        raise not_found()
    return team


def _user(call: Call, login: str) -> Account:
    user = call.store.user(login)
    if user is None:
        raise not_found()
    return user


def _change(team: Team, body: dict[str, Any]) -> None:
    if body.get("parent_team_id") is not None:
        raise Refusal(422, "stand-in has no nested teams (parent_team_id)")
    team.description = body.get("description") or team.description
    for name, allowed in (("privacy", PRIVACY), ("notification_setting", NOTIFICATIONS)):
        value = body.get(name) or getattr(team, name)
        if value not in allowed:
            raise invalid("Team", name, f"{name} must be one of {', '.join(allowed)}")
        setattr(team, name, value)


def _team(call: Call, team: Team) -> dict[str, Any]:
    organization = call.store.accounts[team.organization_id]
    return {
        "id": team.id,
        "node_id": shapes.node_id("T", team.id),
        "name": team.name,
        "slug": team.slug,
        "description": team.description,
        "privacy": team.privacy,
        "notification_setting": team.notification_setting,
        "permission": "pull",
        "url": f"{call.api_url}/organizations/{organization.id}/team/{team.id}",
        "html_url": f"{call.base_url}/orgs/{organization.login}/teams/{team.slug}",
        "members_count": len(team.members),
        "repos_count": len(team.repositories),
        "parent": None,
        "organization": shapes.account(call, organization),
    }


def _membership(call: Call, team: Team, user: Account) -> Response:
    role = "maintainer" if user.id in team.maintainers else "member"
    return Response(200, {"url": f"{call.api_url}{call.request.path}", "role": role, "state": "active"})


ROUTES: Routes = {
    ("POST", "/orgs/{org}/teams"): create,
    ("GET", "/orgs/{org}/teams"): list_all,
    ("GET", "/orgs/{org}/teams/{team}"): get,
    ("PATCH", "/orgs/{org}/teams/{team}"): update,
    ("DELETE", "/orgs/{org}/teams/{team}"): delete,
    ("GET", "/orgs/{org}/teams/{team}/repos"): list_repositories,
    ("PUT", "/orgs/{org}/teams/{team}/repos/{owner}/{repo}"): put_repository,
    ("GET", "/orgs/{org}/teams/{team}/repos/{owner}/{repo}"): get_repository,
    ("DELETE", "/orgs/{org}/teams/{team}/repos/{owner}/{repo}"): delete_repository,
    ("GET", "/orgs/{org}/teams/{team}/members"): members,
    ("GET", "/orgs/{org}/teams/{team}/memberships/{username}"): get_membership,
    ("PUT", "/orgs/{org}/teams/{team}/memberships/{username}"): put_membership,
    ("DELETE", "/orgs/{org}/teams/{team}/memberships/{username}"): delete_membership,
}
