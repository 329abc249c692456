"""GitHub Apps: what an App learns of itself and its installations, and the last step of the manifest flow."""

from typing import Any

from gitops_infra.sandbox.forge import apps, manifests
from gitops_infra.sandbox.forge.identity import covers
from gitops_infra.sandbox.forge.model import App, Installation, Repository
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import installations, shapes
from gitops_infra.sandbox.forge.rest.app_calls import authenticated_app
from gitops_infra.sandbox.forge.rest.repositories import shape as repository_shape
from gitops_infra.sandbox.forge.router import Call, Routes

MAX_REPOSITORIES = 500
"""Repositories that one token request may name. Source: GitHub REST, apps."""
TOKEN_FIELDS = {"repositories": list, "repository_ids": list, "permissions": dict}


def get_own(call: Call) -> Response:
    """The App of the JWT."""
    app = authenticated_app(call)
    count = sum(installation.app_id == app.id for installation in call.store.installations.values())
    return Response(200, {**shape(call, app), "installations_count": count})


def get_public(call: Call) -> Response:
    """An App by its slug: a private one only for itself, its owner's members and where it is installed."""
    app = call.store.app(call["slug"])
    if app is None or not (app.public or _knows(call, app)):
        raise not_found()
    return Response(200, shape(call, app))


def _knows(call: Call, app: App) -> bool:
    identity = call.identity
    accounts = [app.owner_id, *(i.account_id for i in call.store.installations.values() if i.app_id == app.id)]
    people = {n for number in accounts for n in (number, *call.store.accounts[number].members)}
    return identity.app_id == app.id or identity.user_id in people


def list_installations(call: Call) -> Response:
    """The App's installations."""
    app = authenticated_app(call)
    found = (i for i in call.store.installations.values() if i.app_id == app.id)
    return call.page(installations.shape(call, installation) for installation in found)


def get_installation(call: Call) -> Response:
    """One of the App's installations."""
    return Response(200, installations.shape(call, _installation(call)))


def delete_installation(call: Call) -> Response:
    """The App leaves the account."""
    apps.uninstall(call.store, _installation(call))
    return NO_CONTENT


def create_token(call: Call) -> Response:
    """A token for an hour, for a part of the installation's repositories and permissions when they are named."""
    installation = _installation(call)
    body = call.fields("AccessToken", TOKEN_FIELDS)
    selected = _selected(call, installation, body)
    value, token = apps.new_token(call.store, installation, permissions=body.get("permissions"), repositories=selected)
    limited = selected is not None or installation.repository_ids is not None
    answer: dict[str, Any] = {
        "token": value,
        "expires_at": timestamp(token.expires_at or 0),
        "permissions": token.permissions or installation.permissions,
        "repository_selection": "selected" if limited else "all",
    }
    if selected is not None:
        answer["repositories"] = [repository_shape(call, repository) for repository in selected]
    return Response(201, answer)


def _selected(call: Call, installation: Installation, body: dict[str, Any]) -> list[Repository] | None:
    """The repositories that the body names, by name without owner or by id; None when it names none."""
    names, numbers = body.get("repositories") or [], body.get("repository_ids") or []
    if not names and not numbers:
        return None
    if len(names) + len(numbers) > MAX_REPOSITORIES:
        raise Refusal(422, f"You can list up to {MAX_REPOSITORIES} repositories.")
    login = call.store.accounts[installation.account_id].login
    found = [call.store.repository(login, str(name)) for name in names]
    found += [call.store.repositories.get(number) if isinstance(number, int) else None for number in numbers]
    reached = [repository for repository in found if repository is not None and covers(installation, repository)]
    if len(reached) != len(found):
        raise Refusal(422, apps.UNREACHABLE)
    return list({repository.id: repository for repository in reached}.values())


def convert(call: Call) -> Response:
    """The App that a manifest made, with its secrets: once, within an hour. Needs no credential but the code."""
    app, made = manifests.exchange(call.store, call["code"])
    return Response(201, {**shape(call, app), **made})


def _installation(call: Call) -> Installation:
    app = authenticated_app(call)
    number = call["id"]
    installation = call.store.installations.get(int(number)) if number.isdecimal() else None
    if installation is None or installation.app_id != app.id:
        raise not_found()
    return installation


def shape(call: Call, app: App) -> dict[str, Any]:
    """An App as it stands in answers."""
    return {
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": shapes.node_id("A", app.id),
        "owner": shapes.account(call, call.store.accounts[app.owner_id]),
        "name": app.name,
        "description": app.description,
        "external_url": app.homepage,
        "html_url": f"{call.base_url}/apps/{app.slug}",
        "created_at": timestamp(app.created_at),
        "updated_at": timestamp(app.updated_at),
        "permissions": app.permissions,
        "events": app.events,
    }


_INSTALLATION = "/app/installations/{id}"
ROUTES: Routes = {
    ("GET", "/app"): get_own,
    ("GET", "/app/installations"): list_installations,
    ("GET", _INSTALLATION): get_installation,
    ("DELETE", _INSTALLATION): delete_installation,
    ("POST", f"{_INSTALLATION}/access_tokens"): create_token,
    ("GET", "/apps/{slug}"): get_public,
    ("POST", "/app-manifests/{code}/conversions"): convert,
}
