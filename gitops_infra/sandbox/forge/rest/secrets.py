"""Secrets of repositories and environments: write-only, sealed by the client, never in an answer."""

from collections.abc import Callable
from typing import Any

from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest import sealing
from gitops_infra.sandbox.forge.rest.environments import environment_of
from gitops_infra.sandbox.forge.router import Call, Handler, Routes

Holder = Repository | EnvironmentRecord
Find = Callable[[Call, str], tuple[Repository, Holder]]
"""From call and level (`read` or `write`) to the repository and what holds the secrets; raises Refusal."""

FIELDS = {"encrypted_value": str, "key_id": str}


def in_repository(permission: str) -> Find:
    """Finds the repository itself."""

    def find(call: Call, level: str) -> tuple[Repository, Holder]:
        repository = call.repository(permission, level)
        return repository, repository

    return find


def in_environment(call: Call, level: str) -> tuple[Repository, Holder]:
    """Finds the environment of the path."""
    return environment_of(call, "environments", level)


def _public_key(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        repository, _ = find(call, "read")
        return Response(200, sealing.public_key(repository))

    return handler


def _list(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "read")
        return call.page((_secret(name, kept) for name, kept in sorted(holder.secrets.items())), "secrets")

    return handler


def _get(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "read")
        name = call["name"].upper()
        if name not in holder.secrets:
            raise not_found()
        return Response(200, _secret(name, holder.secrets[name]))

    return handler


def _put(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        repository, holder = find(call, "write")
        name = sealing.checked_name("Secret", call["name"])
        value = sealing.open_value(repository, call.fields("Secret", FIELDS, required="encrypted_value key_id"))
        known, now = holder.secrets.get(name), call.store.now()
        holder.secrets[name] = {"value": value, "created_at": known["created_at"] if known else now, "updated_at": now}
        call.store.save(holder)
        return NO_CONTENT if known else Response(201, {})

    return handler


def _delete(find: Find) -> Handler:
    def handler(call: Call) -> Response:
        _, holder = find(call, "write")
        if holder.secrets.pop(call["name"].upper(), None) is None:
            raise not_found()
        call.store.save(holder)
        return NO_CONTENT

    return handler


def _secret(name: str, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "created_at": timestamp(kept["created_at"]),
        "updated_at": timestamp(kept["updated_at"]),
    }


def _routes(root: str, find: Find) -> dict[tuple[str, str], Handler]:
    return {
        ("GET", f"{root}/public-key"): _public_key(find),
        ("GET", root): _list(find),
        ("GET", f"{root}/{{name}}"): _get(find),
        ("PUT", f"{root}/{{name}}"): _put(find),
        ("DELETE", f"{root}/{{name}}"): _delete(find),
    }


ROUTES: Routes = {
    **_routes("/repos/{owner}/{repo}/actions/secrets", in_repository("secrets")),
    **_routes("/repos/{owner}/{repo}/environments/{environment}/secrets", in_environment),
}
