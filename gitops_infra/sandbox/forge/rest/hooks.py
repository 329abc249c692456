"""Webhooks of a repository."""

from gitops_infra.sandbox.forge import webhooks
from gitops_infra.sandbox.forge.model import Webhook
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.scopes import includes
from gitops_infra.sandbox.forge.webhook_payloads import config_shape, hook_shape

PERMISSION = "repository_hooks"
FIELDS = {"name": str, "config": dict, "events": list, "active": bool}
CHANGED = {**FIELDS, "add_events": list, "remove_events": list, "url": str}
"""`url` is the webhook's own address in this interface, which the provider's client repeats; GitHub ignores it."""
CONFIG: dict[str, type | tuple[type, ...]] = {
    "url": str,
    "content_type": str,
    "secret": str,
    "insecure_ssl": (str, int),
}


def list_all(call: Call) -> Response:
    """The repository's webhooks."""
    repository = call.repository(PERMISSION, "read")
    return call.page(hook_shape(call, hook) for hook in call.store.webhooks_of(repository))


def get(call: Call) -> Response:
    """One webhook."""
    return Response(200, hook_shape(call, found(call, "read")))


def create(call: Call) -> Response:
    """Adds a webhook, which gets a `ping` at once."""
    repository = call.repository(PERMISSION, "write")
    body = call.fields("Hook", FIELDS, required="config")
    if body.get("name") not in {None, "web"}:
        raise Refusal(422, "Validation Failed", [{"resource": "Hook", "code": "invalid", "field": "name"}])
    hook = webhooks.create(
        call.store,
        repository,
        identity=call.identity,
        config=body["config"],
        events=["push"] if body.get("events") is None else body["events"],
        active=body.get("active") is not False,
    )
    shape = hook_shape(call, hook)
    return Response(201, shape, {"Location": shape["url"]})


def update(call: Call) -> Response:
    """Changes events, configuration or whether it is told at all. A `config` without `secret` removes the secret."""
    hook = found(call, "write")
    body = call.fields("Hook", CHANGED)
    changes = webhooks.checked_config(body["config"]) if body.get("config") else {}
    if any(body.get(name) is not None for name in ("events", "add_events", "remove_events")):
        start = hook.events if body.get("events") is None else body["events"]
        events, gone = [*start, *(body.get("add_events") or ())], body.get("remove_events") or ()
        changes["events"] = webhooks.checked_events([event for event in events if event not in gone])
    if body.get("active") is not None:
        changes["active"] = body["active"]
    webhooks.change(call.store, hook, changes)
    return Response(200, hook_shape(call, hook))


def delete(call: Call) -> Response:
    """Removes the webhook with its deliveries. Of the narrow scopes of classic tokens only `admin:repo_hook` may."""
    hook = found(call, "write")
    if not any(includes(call.identity.scopes, scope) for scope in ("repo", "public_repo", "admin:repo_hook")):
        raise not_found()
    for delivery in call.store.deliveries_of(hook):
        call.store.delete(delivery)
    call.store.delete(hook)
    return NO_CONTENT


def get_config(call: Call) -> Response:
    """Where and how it is told."""
    return Response(200, config_shape(found(call, "read")))


def update_config(call: Call) -> Response:
    """Changes where and how it is told; what is not named stays, the secret too."""
    hook = found(call, "write")
    body = call.fields("Hook", CONFIG)
    known = {name: getattr(hook, name) for name in webhooks.CONFIGURED}
    webhooks.change(call.store, hook, webhooks.checked_config(body, known))
    return Response(200, config_shape(hook))


def ping(call: Call) -> Response:
    """Sends a `ping`."""
    call.store.announce(webhooks.Pinged(found(call, "read").id, call.identity))
    return NO_CONTENT


def test(call: Call) -> Response:
    """Tells it of the last push once more, if it wants pushes."""
    call.store.announce(webhooks.Tested(found(call, "read").id))
    return NO_CONTENT


def found(call: Call, level: str) -> Webhook:
    """The webhook of the path. Raises Refusal as `Call.repository`, and 404."""
    repository = call.repository(PERMISSION, level)
    number = call["id"]
    hook = call.store.webhooks.get(int(number)) if number.isdecimal() else None
    if hook is None or hook.repository_id != repository.id:
        raise not_found()
    return hook


_ROOT = "/repos/{owner}/{repo}/hooks"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("POST", _ROOT): create,
    ("GET", f"{_ROOT}/{{id}}"): get,
    ("PATCH", f"{_ROOT}/{{id}}"): update,
    ("DELETE", f"{_ROOT}/{{id}}"): delete,
    ("GET", f"{_ROOT}/{{id}}/config"): get_config,
    ("PATCH", f"{_ROOT}/{{id}}/config"): update_config,
    ("POST", f"{_ROOT}/{{id}}/pings"): ping,
    ("POST", f"{_ROOT}/{{id}}/test"): test,
    ("POST", f"{_ROOT}/{{id}}/tests"): test,
}
