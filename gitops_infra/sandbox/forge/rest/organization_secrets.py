"""Secrets of an organisation, which jobs of its repositories read: of all of them, or of the private ones."""

from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.forge.model import Account
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import sealing
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS = {"encrypted_value": str, "key_id": str, "visibility": str}
VISIBILITIES = ("all", "private")
"""`selected` is refused by name."""


def public_key(call: Call) -> Response:
    """What the organisation's secrets are sealed for."""
    return Response(200, sealing.public_key(_keyed(call, _organization(call))))


def list_all(call: Call) -> Response:
    """The organisation's secrets, without values."""
    organization = _organization(call)
    return call.page((_shape(*each) for each in sorted(organization.secrets.items())), "secrets")


def put(call: Call) -> Response:
    """Makes or changes a secret."""
    organization = _organization(call)
    name = sealing.checked_name("Secret", call["name"])
    body = call.fields("OrganizationSecret", FIELDS, required="encrypted_value key_id visibility")
    if body["visibility"] not in VISIBILITIES:
        raise Refusal(422, f"the stand-in forge has no visibility {body['visibility']!r} of organization secrets")
    value = sealing.open_value(_keyed(call, organization), body)
    known, now = organization.secrets.get(name), call.store.now()
    created = known["created_at"] if known else now
    organization.secrets[name] = {
        "value": value,
        "created_at": created,
        "updated_at": now,
        "visibility": body["visibility"],
    }
    call.store.save(organization)
    return NO_CONTENT if known else Response(201, {})


def delete(call: Call) -> Response:
    """Removes the secret."""
    organization = _organization(call)
    if organization.secrets.pop(call["name"].upper(), None) is None:
        raise not_found()
    call.store.save(organization)
    return NO_CONTENT


def list_shared(call: Call) -> Response:
    """Those that jobs of the repository read."""
    repository = call.repository("secrets", "read")
    owner = call.store.accounts[repository.owner_id]
    found = owner.shared_secrets(repository.visibility)
    return call.page((_shape(*each) for each in sorted(found.items())), "secrets")


def _organization(call: Call) -> Account:
    # Members may not even list them.
    return call.organization("organization_secrets", "write")


def _keyed(call: Call, organization: Account) -> Account:
    """The organisation with the key pair that its secrets are sealed for, which is made when it is first asked for."""
    if not organization.sealed_box_seed:
        organization.sealed_box_seed = sealing.new_seed()
        call.store.save(organization)
    return organization


def _shape(name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "created_at": timestamp(kept["created_at"]),
        "updated_at": timestamp(kept["updated_at"]),
        "visibility": kept["visibility"],
    }


_ROOT = "/orgs/{org}/actions/secrets"
ROUTES: Routes = {
    ("GET", f"{_ROOT}/public-key"): public_key,
    ("GET", _ROOT): list_all,
    ("PUT", f"{_ROOT}/{{name}}"): put,
    ("DELETE", f"{_ROOT}/{{name}}"): delete,
    ("GET", "/repos/{owner}/{repo}/actions/organization-secrets"): list_shared,
}
