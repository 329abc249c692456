"""Organisations and their members."""

from typing import Any

from gitops_infra.sandbox.forge.identity import may_organization
from gitops_infra.sandbox.forge.model import Account, Role
from gitops_infra.sandbox.forge.responses import Response, invalid, not_found
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.router import Call, Routes

CHANGEABLE = {"deploy_keys_enabled_for_repositories": bool, "default_repository_permission": str}
BASE_PERMISSIONS = ("none", Role.READ, Role.WRITE, Role.ADMIN)


def get(call: Call) -> Response:
    """The organisation; settings and price plan only for its owners and Apps that may administer it."""
    return Response(200, _organization(call, call.organization()))


def update(call: Call) -> Response:
    """Changes the settings of `CHANGEABLE`; every other one is refused by name."""
    organization = call.organization("organization_administration", "write")
    body = call.fields("Organization", CHANGEABLE)
    organization.deploy_keys_enabled = body.get(
        "deploy_keys_enabled_for_repositories", organization.deploy_keys_enabled
    )
    base = body.get("default_repository_permission", organization.default_repository_permission)
    if base not in BASE_PERMISSIONS:
        raise invalid("Organization", "default_repository_permission", f"{base} is not a base permission", "invalid")
    organization.default_repository_permission = base
    call.store.save(organization)
    return Response(200, _organization(call, organization))


def members(call: Call) -> Response:
    """Members, owners included; `role=admin` lists the owners, `role=member` the others."""
    organization = call.organization("members", "read")
    groups = {
        "admin": organization.owners,
        "member": organization.members - organization.owners,
        "all": organization.members,
    }
    wanted = groups.get(call.query.get("role", "all"), organization.members)
    return call.page(shapes.account(call, call.store.accounts[number]) for number in sorted(wanted))


def member(call: Call) -> Response:
    """204 when the user is a member."""
    organization = call.organization("members", "read")
    user = call.store.user(call["username"])
    if user is None or user.id not in organization.members:
        raise not_found()
    return Response(204)


def membership(call: Call) -> Response:
    """The user's role in the organisation: `admin` (owner) or `member`."""
    organization = call.organization("members", "read")
    user = call.store.user(call["username"])
    if user is None or user.id not in organization.members:
        raise not_found()
    return Response(
        200,
        {
            "url": f"{call.api_url}{call.request.path}",
            "state": "active",
            "role": "admin" if user.id in organization.owners else "member",
            "user": shapes.account(call, user),
            "organization": shapes.account(call, organization),
        },
    )


def _organization(call: Call, organization: Account) -> dict[str, Any]:
    body = {
        **shapes.account(call, organization),
        "url": f"{call.api_url}/orgs/{organization.login}",
        "repos_url": f"{call.api_url}/orgs/{organization.login}/repos",
        "name": organization.login,
        "description": None,
        "has_organization_projects": False,
        "members_can_create_repositories": True,
    }
    if may_organization(call.store, call.identity, organization, "members", "read"):
        body["deploy_keys_enabled_for_repositories"] = organization.deploy_keys_enabled
        body["default_repository_permission"] = organization.default_repository_permission
        body["plan"] = {"name": organization.price_plan}
    return body


ROUTES: Routes = {
    ("GET", "/orgs/{org}"): get,
    ("PATCH", "/orgs/{org}"): update,
    ("GET", "/orgs/{org}/members"): members,
    ("GET", "/orgs/{org}/members/{username}"): member,
    ("GET", "/orgs/{org}/memberships/{username}"): membership,
}
