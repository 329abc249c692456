"""SSH keys of users: what a machine user pushes with."""

from typing import Any

from gitops_infra.sandbox.forge.identity import IdentityKind, normalised_key
from gitops_infra.sandbox.forge.model import Account, UserKey
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest.keys import check_new
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.scopes import includes


def list_own(call: Call) -> Response:
    """The user's own keys."""
    user = _user(call, "read:public_key")
    return call.page(_own(call, key) for key in call.store.keys_of(user))


def get(call: Call) -> Response:
    """One key of the user's own."""
    return Response(200, _own(call, _found(call, "read:public_key")))


def create(call: Call) -> Response:
    """Adds a key. It can do what the user can, in every repository, also with workflow files."""
    user = _user(call, "write:public_key")
    body = call.fields("PublicKey", {"title": str, "key": str}, required="key")
    key = check_new(call.store, normalised_key(body["key"]))
    record = UserKey(call.store.new_id(), user.id, body.get("title") or "", key, call.store.now())
    call.store.add(record)
    return Response(201, _own(call, record), {"Location": f"{call.api_url}/user/keys/{record.id}"})


def delete(call: Call) -> Response:
    """Removes the key: it authenticates nobody any more."""
    call.store.delete(_found(call, "admin:public_key"))
    return NO_CONTENT


def list_of(call: Call) -> Response:
    """Anybody's keys, which are public."""
    user = call.store.user(call["username"])
    if user is None:
        raise not_found()
    return call.page({"id": key.id, "key": key.key} for key in call.store.keys_of(user))


def _user(call: Call, scope: str) -> Account:
    """The user, if the token has the scope, or the permission `git_ssh_keys`. 404 otherwise, as GitHub hides it."""
    user, identity = call.user(), call.identity
    granted = identity.permissions is None or "git_ssh_keys" in identity.permissions
    if identity.kind is not IdentityKind.USER or not includes(identity.scopes, scope) or not granted:
        raise not_found()
    return user


def _found(call: Call, scope: str) -> UserKey:
    user, number = _user(call, scope), call["id"]
    record = call.store.user_keys.get(int(number)) if number.isdecimal() else None
    if record is None or record.user_id != user.id:
        raise not_found()
    return record


def _own(call: Call, key: UserKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "key": key.key,
        "title": key.title,
        "url": f"{call.api_url}/user/keys/{key.id}",
        "created_at": timestamp(key.created_at),
        "verified": True,
        "read_only": False,
    }


ROUTES: Routes = {
    ("GET", "/user/keys"): list_own,
    ("POST", "/user/keys"): create,
    ("GET", "/user/keys/{id}"): get,
    ("DELETE", "/user/keys/{id}"): delete,
    ("GET", "/users/{username}/keys"): list_of,
}
