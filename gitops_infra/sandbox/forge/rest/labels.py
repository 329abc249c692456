"""Issue labels. Names may contain slashes, which clients send as they are."""

import re
from typing import Any

from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Response, invalid, not_found
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.router import Call, Routes

COLOUR = re.compile(r"[0-9a-fA-F]{6}")
DEFAULT_COLOUR = "ededed"


def list_all(call: Call) -> Response:
    """The repository's labels."""
    repository = call.repository("issues", "read")
    return call.page(_label(call, repository, name) for name in repository.labels)


def get(call: Call) -> Response:
    """One label."""
    repository = call.repository("issues", "read")
    return Response(200, _label(call, repository, _known(repository, call["name"])))


def create(call: Call) -> Response:
    """Adds a label."""
    repository = call.repository("issues", "write")
    body = call.fields("Label", {"name": str, "color": str, "description": str}, required="name")
    if _find(repository, body["name"]) is not None:
        raise invalid("Label", "name", "Label already exists", "already_exists")
    label = {"id": call.store.new_id(), "color": _colour(body, DEFAULT_COLOUR), "description": body.get("description")}
    repository.labels[body["name"]] = label
    call.store.save(repository)
    return Response(201, _label(call, repository, body["name"]))


def update(call: Call) -> Response:
    """Changes colour and description, or the name by `new_name`."""
    repository = call.repository("issues", "write")
    name = _known(repository, call["name"])
    body = call.fields("Label", {"name": str, "new_name": str, "color": str, "description": str})
    renamed = body.get("new_name") or body.get("name") or name
    if _find(repository, renamed) not in (None, name):
        raise invalid("Label", "name", "Label already exists", "already_exists")
    kept = repository.labels[name]
    label = {**kept, "color": _colour(body, kept["color"]), "description": body.get("description", kept["description"])}
    del repository.labels[name]
    repository.labels[renamed] = label
    call.store.save(repository)
    return Response(200, _label(call, repository, renamed))


def delete(call: Call) -> Response:
    """Removes the label."""
    repository = call.repository("issues", "write")
    del repository.labels[_known(repository, call["name"])]
    call.store.save(repository)
    return NO_CONTENT


def _find(repository: Repository, name: str) -> str | None:
    return next((known for known in repository.labels if known.lower() == name.lower()), None)


def _known(repository: Repository, name: str) -> str:
    known = _find(repository, name)
    if known is None:
        raise not_found()
    return known


def _colour(body: dict[str, Any], default: str) -> str:
    colour = body.get("color") or default
    if not COLOUR.fullmatch(colour):
        raise invalid("Label", "color", f"{colour} is not a colour of six hexadecimal digits", "invalid")
    return str(colour)


def _label(call: Call, repository: Repository, name: str) -> dict[str, Any]:
    label = repository.labels[name]
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}/labels/{name}"
    return {**label, "name": name, "node_id": shapes.node_id("LA", label["id"]), "url": url, "default": False}


_ROOT = "/repos/{owner}/{repo}/labels"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("POST", _ROOT): create,
    ("GET", f"{_ROOT}/{{name+}}"): get,
    ("PATCH", f"{_ROOT}/{{name+}}"): update,
    ("DELETE", f"{_ROOT}/{{name+}}"): delete,
}
