"""The service itself and the people: `/meta`, `/rate_limit`, `/user`, `/users`."""

from typing import Any

from gitops_infra.sandbox.forge.model import Account
from gitops_infra.sandbox.forge.responses import Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.router import Call, Routes

LIMIT = {"limit": 5000, "used": 0, "remaining": 5000}


def root(call: Call) -> Response:
    """Where things are; clients ask this to see whether a server is there."""
    return Response(200, {"current_user_url": f"{call.api_url}/user", "rate_limit_url": f"{call.api_url}/rate_limit"})


def meta(call: Call) -> Response:
    """SSH host keys of this forge: what a client pins."""
    return Response(200, {"verifiable_password_authentication": False, "ssh_keys": list(call.endpoints.ssh_host_keys)})


def rate_limit(call: Call) -> Response:
    """No limit is applied, and asking is not counted."""
    rate = {**LIMIT, "reset": int(call.store.now()) + 3600}
    return Response(200, {"resources": {"core": rate, "graphql": rate, "search": rate}, "rate": rate})


def current_user(call: Call) -> Response:
    """Whose token it is."""
    user = call.user()
    return Response(200, {**_profile(call, user), "two_factor_authentication": True, "plan": {"name": user.price_plan}})


def get_user(call: Call) -> Response:
    """A user's or an organisation's public profile."""
    found = call.store.account(call["username"])
    if found is None:
        raise not_found()
    return Response(200, _profile(call, found))


def get_account(call: Call) -> Response:
    """As `get_user`, by the id that never changes."""
    number = call["account_id"]
    found = call.store.accounts.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise not_found()
    return Response(200, _profile(call, found))


def user_gpg_keys(call: Call) -> Response:
    """Always empty: signatures are not checked here."""
    if call.store.user(call["username"]) is None:
        raise not_found()
    return call.page([])


def _profile(call: Call, found: Account) -> dict[str, Any]:
    return {
        **shapes.account(call, found),
        "name": found.login,
        "email": None,
        "created_at": timestamp(0),
        "updated_at": timestamp(0),
    }


ROUTES: Routes = {
    ("GET", "/"): root,
    ("GET", "/meta"): meta,
    ("GET", "/rate_limit"): rate_limit,
    ("GET", "/user"): current_user,
    ("GET", "/user/{account_id}"): get_account,
    ("GET", "/users/{username}"): get_user,
    ("GET", "/users/{username}/gpg_keys"): user_gpg_keys,
}
