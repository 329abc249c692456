"""Deploy keys of a repository."""

import base64
import binascii
from typing import Any

from gitops_infra.sandbox.forge.identity import IdentityKind, deploy_key_alive, deploy_key_exists, normalised_key
from gitops_infra.sandbox.forge.model import DeployKey
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.store import Store

KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


def list_all(call: Call) -> Response:
    """Keys of the repository; those whose creating token is gone are gone too."""
    repository = call.repository("administration", "read")
    found = (k for k in call.store.deploy_keys_of(repository) if deploy_key_exists(call.store, k))
    return call.page(_key(call, key) for key in found)


def get(call: Call) -> Response:
    """One key."""
    return Response(200, _key(call, _found(call, "read")))


def create(call: Call) -> Response:
    """Adds a key; without `read_only: true` it may push. A personal token's key lives as long as the token."""
    repository = call.repository("administration", "write")
    body = call.fields("PublicKey", {"title": str, "key": str, "read_only": bool}, required="key")
    if not call.store.accounts[repository.owner_id].deploy_keys_enabled:
        raise _refused("Deploy keys are disabled for this repository")
    key = check_new(call.store, normalised_key(body["key"]))
    record = DeployKey(
        id=call.store.new_id(),
        repository_id=repository.id,
        title=body.get("title") or "",
        key=key,
        read_only=bool(body.get("read_only")),
        created_by_token=call.identity.token_id if call.identity.kind is IdentityKind.USER else None,
        added_by=call.identity.label,
        created_at=call.store.now(),
    )
    call.store.add(record)
    return Response(201, _key(call, record), {"Location": f"{call.api_url}{call.request.path}/{record.id}"})


def delete(call: Call) -> Response:
    """Removes the key: it authenticates no more."""
    call.store.delete(_found(call, "write"))
    return NO_CONTENT


def check_new(store: Store, key: str) -> str:
    """The key, when it can be anybody's new one. Raises Refusal 422."""
    if not well_formed(key):
        raise _refused("key is invalid. You must supply a key in OpenSSH public key format", "key")
    if in_use(store, key):
        raise _refused("key is already in use", "key")
    return key


def well_formed(key: str) -> bool:
    """Whether `type base64` is a public key of a type that GitHub takes."""
    kind, _, encoded = key.partition(" ")
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    length = len(kind).to_bytes(4, "big")
    return kind in KEY_TYPES and data.startswith(length + kind.encode()) and len(data) > len(length) + len(kind)


def in_use(store: Store, key: str) -> bool:
    """Whether the key is a user's or another repository's: a key authenticates exactly one of them."""
    if any(known.key == key for known in store.user_keys.values()):
        return True
    return any(known.key == key and deploy_key_exists(store, known) for known in store.deploy_keys.values())


def _refused(message: str, field: str | None = None) -> Refusal:
    error = {"resource": "PublicKey", "code": "custom", "message": message}
    return Refusal(422, "Validation Failed", [error | ({"field": field} if field else {})])


def _found(call: Call, level: str) -> DeployKey:
    repository = call.repository("administration", level)
    number = call["id"]
    record = call.store.deploy_keys.get(int(number)) if number.isdecimal() else None
    if record is None or record.repository_id != repository.id or not deploy_key_exists(call.store, record):
        raise not_found()
    return record


def _key(call: Call, record: DeployKey) -> dict[str, Any]:
    repository = call.store.repositories[record.repository_id]
    return {
        "id": record.id,
        "key": record.key,
        "url": f"{call.api_url}/repos/{call.store.full_name(repository)}/keys/{record.id}",
        "title": record.title,
        "verified": True,
        "created_at": timestamp(record.created_at),
        "read_only": record.read_only,
        "added_by": record.added_by,
        "last_used": None if record.last_used is None else timestamp(record.last_used),
        "enabled": deploy_key_alive(call.store, record),
    }


ROUTES: Routes = {
    ("GET", "/repos/{owner}/{repo}/keys"): list_all,
    ("POST", "/repos/{owner}/{repo}/keys"): create,
    ("GET", "/repos/{owner}/{repo}/keys/{id}"): get,
    ("DELETE", "/repos/{owner}/{repo}/keys/{id}"): delete,
}
