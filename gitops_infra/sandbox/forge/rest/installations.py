"""Installations of Apps: as their own token sees them, as a user changes them, and where an App finds them."""

from typing import Any

from gitops_infra.sandbox.forge import apps
from gitops_infra.sandbox.forge.identity import Identity, IdentityKind, covers, may, of_user, role
from gitops_infra.sandbox.forge.model import Account, Installation, Role
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.rest.app_calls import authenticated_app
from gitops_infra.sandbox.forge.rest.repositories import shape as repository_shape
from gitops_infra.sandbox.forge.router import Call, Routes

MUST_SELECT = "The installation is on all repositories: a single one can be neither added nor removed."


def own_repositories(call: Call) -> Response:
    """Repositories that the installation token reaches."""
    installation = _own(call, "in order to list repositories for an installation.")
    chosen = call.identity.repository_ids
    found = [r for r in apps.repositories_of(call.store, installation) if chosen is None or r.id in chosen]
    body = call.page((repository_shape(call, repository) for repository in found), "repositories")
    selection = _selection(installation) if chosen is None else "selected"
    return Response(body.status, {**body.body, "repository_selection": selection}, body.headers)


def revoke_own(call: Call) -> Response:
    """Ends the installation token that asks."""
    _own(call, "in order to revoke it.")
    token = call.store.tokens[call.identity.token_id or 0]
    token.revoked = True
    call.store.save(token)
    return NO_CONTENT


def of_repository(call: Call) -> Response:
    """The App's installation that has the repository; 404 without, also for one that was not selected."""
    app = authenticated_app(call)
    repository = call.store.repository(call["owner"], call["repo"])
    here = repository and call.store.installation(app, call.store.accounts[repository.owner_id])
    if repository is None or not here or not covers(here, repository):
        raise not_found()
    return Response(200, shape(call, here))


def of_organization(call: Call) -> Response:
    """The App's installation on the organisation."""
    return _on_account(call, call.store.account(call["org"]), "Organization")


def of_user_account(call: Call) -> Response:
    """The App's installation on a user, or on an organisation: GitHub answers for both."""
    return _on_account(call, call.store.account(call["username"]), None)


def list_of_organization(call: Call) -> Response:
    """All Apps installed on the organisation, for its owners and Apps with `organization_administration`."""
    organization = call.organization("organization_administration", "read")
    if call.identity.kind is IdentityKind.USER and call.identity.user_id not in organization.owners:
        raise Refusal(403, "Must have admin rights to the organization.")
    here = (i for i in call.store.installations.values() if i.account_id == organization.id)
    return call.page((shape(call, installation) for installation in here), "installations")


def list_of_user(call: Call) -> Response:
    """Installations on accounts that the user owns."""
    user = call.user()
    found = (i for i in call.store.installations.values() if _owns(call.store.accounts[i.account_id], user))
    return call.page((shape(call, installation) for installation in found), "installations")


def repositories_for_user(call: Call) -> Response:
    """Repositories of the installation that the user sees."""
    installation = _of_path(call)
    seen = (r for r in apps.repositories_of(call.store, installation) if role(call.store, call.identity, r) is not None)
    return call.page((repository_shape(call, repository) for repository in seen), "repositories")


def add_repository(call: Call) -> Response:
    """Puts a repository into the selection. Needs a user who administers it; adding one twice is fine."""
    return _select(call, chosen=True)


def remove_repository(call: Call) -> Response:
    """Takes a repository out of the selection. The last one cannot go: uninstalling is for that."""
    return _select(call, chosen=False)


def _select(call: Call, *, chosen: bool) -> Response:
    installation = _of_path(call)
    number = call["repository_id"]
    repository = call.store.repositories.get(int(number)) if number.isdecimal() else None
    if repository is None or repository.owner_id != installation.account_id:
        raise not_found()
    if not may(call.store, call.identity, repository, "administration", "write"):
        hidden = role(call.store, call.identity, repository) is None
        raise not_found() if hidden else Refusal(403, "Must have admin rights to Repository.")
    if installation.repository_ids is None:
        raise Refusal(422, MUST_SELECT)
    if chosen:
        installation.repository_ids.add(repository.id)
    elif installation.repository_ids == {repository.id}:
        raise Refusal(422, "Cannot remove the only repository of an installation.")
    else:
        installation.repository_ids.discard(repository.id)
    installation.updated_at = call.store.now()
    call.store.save(installation)
    return NO_CONTENT


def _of_path(call: Call) -> Installation:
    """The installation of the path, for a user with an interest in its account. 403 for Apps, 404 for others.

    Source: GitHub REST, "Add a repository to an app installation": personal access tokens only.
    """
    user = call.user()
    number = call["id"]
    installation = call.store.installations.get(int(number)) if number.isdecimal() else None
    if installation is None:
        raise not_found()
    account = call.store.accounts[installation.account_id]
    administers = (
        role(call.store, of_user(user), repository) is Role.ADMIN
        for repository in call.store.repositories.values()
        if repository.owner_id == account.id
    )
    if not _owns(account, user) and not any(administers):
        raise not_found()
    return installation


def _owns(account: Account, user: Account) -> bool:
    return user.id == account.id or user.id in account.owners


def _own(call: Call, purpose: str) -> Installation:
    identity: Identity = call.identity
    if identity.kind is not IdentityKind.APP:
        raise Refusal(403, f"You must authenticate with an installation access token {purpose}")
    return call.store.installations[identity.installation_id or 0]


def _on_account(call: Call, account: Account | None, kind: str | None) -> Response:
    app = authenticated_app(call)
    here = account and call.store.installation(app, account)
    if account is None or not here or kind not in {None, account.kind}:
        raise not_found()
    return Response(200, shape(call, here))


def _selection(installation: Installation) -> str:
    return "all" if installation.repository_ids is None else "selected"


def shape(call: Call, installation: Installation) -> dict[str, Any]:
    """An installation as it stands in answers."""
    app, account = call.store.apps[installation.app_id], call.store.accounts[installation.account_id]
    root = f"{call.base_url}/organizations/{account.login}" if account.kind == "Organization" else call.base_url
    return {
        "id": installation.id,
        "client_id": app.client_id,
        "account": shapes.account(call, account),
        "repository_selection": _selection(installation),
        "access_tokens_url": f"{call.api_url}/app/installations/{installation.id}/access_tokens",
        "repositories_url": f"{call.api_url}/installation/repositories",
        "html_url": f"{root}/settings/installations/{installation.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": account.id,
        "target_type": account.kind,
        "permissions": installation.permissions,
        "events": installation.events,
        "created_at": timestamp(installation.created_at),
        "updated_at": timestamp(installation.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }


_SELECTION = "/user/installations/{id}/repositories"
ROUTES: Routes = {
    ("GET", "/installation/repositories"): own_repositories,
    ("DELETE", "/installation/token"): revoke_own,
    ("GET", "/repos/{owner}/{repo}/installation"): of_repository,
    ("GET", "/orgs/{org}/installation"): of_organization,
    ("GET", "/users/{username}/installation"): of_user_account,
    ("GET", "/orgs/{org}/installations"): list_of_organization,
    ("GET", "/user/installations"): list_of_user,
    ("GET", _SELECTION): repositories_for_user,
    ("PUT", f"{_SELECTION}/{{repository_id}}"): add_repository,
    ("DELETE", f"{_SELECTION}/{{repository_id}}"): remove_repository,
}
