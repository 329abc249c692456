"""What a forge and a cluster hold, and where in it a secret belongs."""

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository, Webhook
from gitops_infra.sandbox.forge.record_codec import encode
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.forge.store_views import Views
from guarantee.canaries.classes import Place
from guarantee.canaries.surfaces import Piece, Surface, files

LOG_OF_RECEIVERS = "logs/notification-controller.log"
"""Flux writes the path of each request to a receiver there."""
_ANSWERS = (
    "",
    "/actions/permissions",
    "/actions/secrets",
    "/actions/variables",
    "/branches",
    "/collaborators",
    "/deployments",
    "/environments",
    "/hooks",
    "/keys",
    "/rulesets",
    "/teams",
)
"""What an administrator of a repository can list."""
_OF_HOOKS = ("/config", "/deliveries", "")
_OF_ENVIRONMENTS = ("/secrets", "/variables", "/deployment-branch-policies", "")
_SECRET_DATA = ("data", "stringData")


def ci_secret(name: str, environment: str) -> str:
    """Name of the piece that is one secret of one environment."""
    return f"secret {name} of environment {environment}"


def webhook_secret(repository: str) -> str:
    """Name of the piece that is the secrets of a repository's webhooks."""
    return f"secrets of webhooks of {repository}"


def webhook_address(repository: str) -> str:
    """Name of the piece that is what the forge shows of a repository's webhooks and their deliveries."""
    return f"webhooks of {repository}"


def kubernetes_secret(namespace: str, name: str) -> str:
    """Name of the piece that is the data of one Kubernetes Secret."""
    return f"Secret {namespace}/{name}"


def receiver(namespace: str, name: str) -> str:
    """Name of the piece that is the status of one receiver."""
    return f"Receiver {namespace}/{name}"


def git(forge: Sandbox) -> Iterator[Piece]:
    """Every object of every repository, unpacked, and every other file of its folder."""
    for repository in forge.store.repositories.values():
        name, folder = forge.store.full_name(repository), forge.store.git_dir(repository)
        done = subprocess.run(
            ["git", "-C", str(folder), "cat-file", "--batch-all-objects", "--batch", "--unordered"],
            capture_output=True,
            check=True,
            timeout=60,
        )
        yield Piece(Surface.GIT, f"objects of {name}", done.stdout)
        for piece in files(Surface.GIT, Path(folder)):
            if "/objects/" not in piece.name:
                yield replace(piece, name=f"{name}: {piece.name}")


def forge(sandbox: Sandbox, token: str) -> Iterator[Piece]:
    """Every record, each secret apart; what an administrator with `token` can list; the log of requests."""
    store = sandbox.store
    with store.lock:
        for environment in store.environments.values():
            for name, entry in environment.secrets.items():
                yield Piece(Surface.FORGE, ci_secret(name, environment.name), entry["value"].encode(), Place.CI_SECRET)
        for hook in store.webhooks.values():
            name = store.full_name(store.repositories[hook.repository_id])
            yield Piece(Surface.FORGE, webhook_secret(name), hook.secret.encode(), Place.WEBHOOK)
            yield Piece(Surface.FORGE, webhook_address(name), _without_secrets(hook).encode(), Place.WEBHOOK)
        for delivery in store.hook_deliveries.values():
            name = webhook_address(store.full_name(store.repositories[delivery.repository_id]))
            yield Piece(Surface.FORGE, name, encode(delivery).encode(), Place.WEBHOOK)
        for name in _views():
            records = getattr(store, name).values()
            yield Piece(Surface.FORGE, f"records: {name}", "\n".join(map(_without_secrets, records)).encode())
        requests = [f"{each.method} {each.path} {each.actor}" for each in sandbox.requests]
        yield Piece(Surface.FORGE, "log of requests", "\n".join(requests).encode())
        names = [store.full_name(each) for each in store.repositories.values()]
    yield from _answers(sandbox, names, token)


def _views() -> list[str]:
    """Names of all kinds of records but those of webhooks, which are told apart."""
    views = {name for name, value in vars(Views).items() if isinstance(value, property)}
    return sorted(views - {"webhooks", "hook_deliveries"})


def _without_secrets(record: Any) -> str:
    if isinstance(record, (EnvironmentRecord, Repository)):
        record = replace(record, secrets={name: {} for name in record.secrets})
    elif isinstance(record, Webhook):
        record = replace(record, secret="")
    return encode(record)


def _answers(sandbox: Sandbox, names: list[str], token: str) -> Iterator[Piece]:
    with httpx.Client(
        base_url=sandbox.api_url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    ) as http:
        for name in names:
            root = f"/repos/{name}"
            for path in _ANSWERS:
                answer = http.get(root + path)
                hooks = path == "/hooks"
                yield _answer(answer, root + path, name if hooks else "")
                if hooks and answer.is_success:
                    for hook in answer.json():
                        for more in _OF_HOOKS:
                            yield _answer(http.get(f"{root}/hooks/{hook['id']}{more}"), f"{root}/hooks{more}", name)
                if path == "/environments" and answer.is_success:
                    for environment in answer.json()["environments"]:
                        inside = f"{root}/environments/{environment['name']}"
                        for more in _OF_ENVIRONMENTS:
                            yield _answer(http.get(inside + more), inside + more)


def _answer(answer: httpx.Response, path: str, hooks_of: str = "") -> Piece:
    """An answer; of webhooks it holds the address, which is theirs, and not their secret."""
    if hooks_of:
        return Piece(Surface.FORGE, webhook_address(hooks_of), answer.content, Place.WEBHOOK)
    return Piece(Surface.FORGE, f"GET {path}", answer.content)


def cluster(running: Cluster) -> Iterator[Piece]:
    """Every object of every kind, the data of each Secret apart, and the logs of the agents."""
    for path in _kinds(running):
        listed = running.api.get(path) or {}
        for found in listed.get("items", ()):
            yield from _object(listed.get("kind", "").removesuffix("List"), found)
    for piece in files(Surface.CLUSTER, running.directory / "logs"):
        yield replace(piece, place=Place.RECEIVER) if piece.name == LOG_OF_RECEIVERS else piece


def _kinds(running: Cluster) -> Iterator[str]:
    """Address of the list of each kind that can be listed."""
    groups = [each["preferredVersion"]["groupVersion"] for each in (running.api.get("/apis") or {})["groups"]]
    for root in ("/api/v1", *(f"/apis/{each}" for each in groups)):
        for kind in (running.api.get(root) or {}).get("resources", ()):
            if "list" in kind["verbs"] and "/" not in kind["name"]:
                yield f"{root}/{kind['name']}"


def _object(kind: str, found: dict[str, Any]) -> Iterator[Piece]:
    metadata = found["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    rest = found
    if kind == "Secret":
        data = [base64.b64decode(text) for key in _SECRET_DATA for text in (found.get(key) or {}).values()]
        yield Piece(Surface.CLUSTER, kubernetes_secret(namespace, name), b"\0".join(data), Place.KUBERNETES_SECRET)
        rest = {key: value for key, value in found.items() if key not in _SECRET_DATA}
    elif kind == "Receiver":
        status = json.dumps(found.get("status", {})).encode()
        yield Piece(Surface.CLUSTER, receiver(namespace, name), status, Place.RECEIVER)
        rest = {key: value for key, value in found.items() if key != "status"}
    yield Piece(Surface.CLUSTER, f"{kind} {namespace}/{name} outside its data", json.dumps(rest).encode())
