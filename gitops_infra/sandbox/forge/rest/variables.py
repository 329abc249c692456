"""Variables of repositories and environments, which everybody with push access can read."""

from typing import Any

from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import sealing
from gitops_infra.sandbox.forge.rest.secrets import Find, Holder, in_environment, in_repository
from gitops_infra.sandbox.forge.router import Call, Handler, Routes

FIELDS = {"name": str, "value": str}


def _list(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "read")
        return call.page((_variable(name, kept) for name, kept in sorted(holder.variables.items())), "variables")

    return handler


def _get(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "read")
        name = _known(call, holder)
        return Response(200, _variable(name, holder.variables[name]))

    return handler


def _create(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "write")
        body = call.fields("Variable", FIELDS, required="name value")
        name, now = sealing.checked_name("Variable", body["name"]), call.store.now()
        if name in holder.variables:
            raise Refusal(409, "Already exists - Variable already exists")
        holder.variables[name] = {"value": _checked(body["value"]), "created_at": now, "updated_at": now}
        call.store.save(holder)
        return Response(201, {})

    return handler


def _update(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "write")
        name = _known(call, holder)
        body = call.fields("Variable", FIELDS)
        renamed = sealing.checked_name("Variable", body.get("name") or name)
        if renamed != name and renamed in holder.variables:
            raise Refusal(409, "Already exists - Variable already exists")
        kept = holder.variables.pop(name)
        value = _checked(kept["value"] if body.get("value") is None else body["value"])
        holder.variables[renamed] = {**kept, "value": value, "updated_at": call.store.now()}
        call.store.save(holder)
        return NO_CONTENT

    return handler


def _delete(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "write")
        del holder.variables[_known(call, holder)]
        call.store.save(holder)
        return NO_CONTENT

    return handler


def _known(call: Call, holder: Holder) -> str:
    name = call["name"].upper()
    if name not in holder.variables:
        raise not_found()
    return name


def _checked(value: str) -> str:
    if len(value.encode()) > sealing.MAX_SECRET:
        raise Refusal(422, f"Validation Failed: a variable may have {sealing.MAX_SECRET} bytes")
    return value


def _variable(name: str, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "value": kept["value"],
        "created_at": timestamp(kept["created_at"]),
        "updated_at": timestamp(kept["updated_at"]),
    }


def _routes(root: str, find: Find) -> dict[tuple[str, str], Handler]:
    return {
        ("GET", root): _list(find),
        ("POST", root): _create(find),
        ("GET", f"{root}/{{name}}"): _get(find),
        ("PATCH", f"{root}/{{name}}"): _update(find),
        ("DELETE", f"{root}/{{name}}"): _delete(find),
    }


ROUTES: Routes = {
    **_routes("/repos/{owner}/{repo}/actions/variables", in_repository("variables")),
    **_routes("/repos/{owner}/{repo}/environments/{environment}/variables", in_environment),
}
