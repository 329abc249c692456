"""Repositories given to another owner."""

from gitops_infra.sandbox.forge import repository_life
from gitops_infra.sandbox.forge.identity import may_organization
from gitops_infra.sandbox.forge.model import Account, Repository, Role
from gitops_infra.sandbox.forge.responses import Refusal, Response, invalid
from gitops_infra.sandbox.forge.rest.repositories import check_visibility, full_shape
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS: dict[str, type | tuple[type, ...]] = {"new_owner": str, "new_name": str, "team_ids": list}


def transfer(call: Call) -> Response:
    """Gives the repository to the user who asks, or to an organisation where they may create repositories.

    202, and it has moved when the answer comes. Another user would have to accept it by mail: refused by name.
    """
    repository = call.repository("administration", "write")
    body = call.fields("Repository", FIELDS, required="new_owner")
    user, owner = call.user(), _new_owner(call, body["new_owner"])
    if owner.id == repository.owner_id:
        raise invalid("Repository", "new_owner", "The repository belongs to this owner already")
    if owner.kind == "User" and owner.id != user.id:
        raise Refusal(501, "stand-in has no transfer to another user, who would have to accept it by mail")
    if owner.kind == "Organization" and not may_organization(call.store, call.identity, owner, "repositories", "write"):
        raise Refusal(403, f"You don't have the permission to create repositories on {owner.login}")
    check_visibility(owner, repository.visibility)
    repository_life.transfer(call.store, repository, owner, body.get("new_name") or repository.name)
    _give_to_teams(call, repository, owner, body.get("team_ids") or [])
    return Response(202, full_shape(call, repository))


def _new_owner(call: Call, login: str) -> Account:
    owner = call.store.account(login)
    if owner is None:
        raise invalid("Repository", "new_owner", f"{login} is no user or organization", "invalid")
    return owner


def _give_to_teams(call: Call, repository: Repository, owner: Account, numbers: list[int]) -> None:
    for number in numbers:
        team = call.store.teams.get(number)
        if team is None or team.organization_id != owner.id:
            raise invalid("Repository", "team_ids", f"{number} is no team of {owner.login}", "invalid")
        team.repositories[repository.id] = Role.READ
        call.store.save(team)


ROUTES: Routes = {("POST", "/repos/{owner}/{repo}/transfer"): transfer}
