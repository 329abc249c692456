"""A running forge that holds what the sample topology says, and a preflight of a spoiled copy of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.known import Known
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.ownership import Owners
from gitops_infra.audit.preflight import preflight
from gitops_infra.sandbox.forge.model import EnvironmentRecord, Ruleset
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.validate import validate

PERMISSIONS = {
    "administration": "write",
    "contents": "write",
    "environments": "write",
    "secrets": "write",
    "variables": "write",
    "actions_variables": "write",
    "actions": "write",
    "workflows": "write",
    "members": "read",
    "organization_administration": "read",
}

Preflight = Callable[..., list[str]]


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    """acme (Enterprise) with the private repository acme/shop; olivia owns, dana writes, team platform reviews."""
    with Sandbox(tmp_path / "forge") as running:
        for login in ("olivia", "dana"):
            running.add_user(login)
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        running.add_member("acme", "dana")
        running.add_team("acme", "platform", ["olivia"])
        running.add_repository("acme/shop", auto_init=True)
        running.grant("acme/shop", "dana", "write")
        running.grant("acme/shop", "acme/platform", "write")
        running.app("acme", "provisioner", PERMISSIONS)
        yield running


def topology(**changes: Any) -> dict[str, Any]:
    """A topology that fits the forge; keys replace whole values, `production` adds to that environment."""
    production = changes.pop("production", {})
    application = changes.pop("application", {})
    return {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private", **application},
        "environments": [
            {"name": "staging"},
            {"name": "production", "reviewers": [{"team": "platform"}], **production},
            {"name": "review"},
        ],
        **changes,
    }


@pytest.fixture
def check(forge: Sandbox) -> Preflight:
    """Runs a preflight, by default with the App's token, and gives the report's lines."""

    def run(
        *,
        token: str | None = None,
        known: Known | None = None,
        owners: Owners | None = None,
        part: str | None = None,
        kubeconfigs: Kubeconfigs | None = None,
        **changes: Any,
    ) -> list[str]:
        wanted = validate(topology(**changes))
        with GitHubReader(token or forge.app_token("provisioner"), forge.url, remember=True) as reader:
            found = preflight(wanted, reader, known, owners=owners, part=part, kubeconfigs=kubeconfigs)
            return [str(finding) for finding in found]

    return run


@pytest.fixture
def environment(forge: Sandbox) -> Callable[..., None]:
    """Puts an environment with secrets of these names into acme/shop, as somebody else would have."""

    def put(name: str, *secrets: str) -> None:
        held = {secret: {"value": "old", "created_at": 0.0, "updated_at": 0.0} for secret in secrets}
        shop = forge.repository("acme/shop")
        forge.store.add(EnvironmentRecord(forge.store.new_id(), shop.id, name, 0.0, 0.0, secrets=held))

    return put


@pytest.fixture
def ruleset(forge: Sandbox) -> Callable[[str], None]:
    """Puts a ruleset of this name into acme/shop."""

    def put(name: str) -> None:
        shop = forge.repository("acme/shop")
        conditions = {"ref_name": {"include": ["~ALL"], "exclude": []}}
        forge.store.add(Ruleset(forge.store.new_id(), shop.id, name, "branch", "active", conditions, [], [], 0.0, 0.0))

    return put


@dataclass
class FakeApi:
    """An API server on loopback that answers from a table, and keeps what it was asked."""

    url: str = ""
    objects: dict[str, Any] = field(default_factory=dict)
    """By path."""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """Status and body by path, before anything else."""
    allowed: Callable[[dict[str, Any]], bool] = lambda _: True
    delay: float = 0.0
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and `Authorization` of each request."""

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if path in self.answers:
            return self.answers[path]
        if path.endswith("selfsubjectaccessreviews"):
            return 201, {"status": {"allowed": self.allowed(body["spec"]["resourceAttributes"])}}
        if path in DISCOVERY:
            kinds = DISCOVERY[path]
            names = [PLURALS.get(kind, f"{kind.lower()}s") for kind in kinds]
            rows = zip(names, kinds, strict=True)
            return 200, {
                "resources": [{"name": name, "kind": kind, "namespaced": kind not in WHOLE} for name, kind in rows]
            }
        return (200, self.objects[path]) if path in self.objects else (404, {"message": "not found"})

    def kubeconfig(self, **user: Any) -> str:
        return json.dumps(
            {
                "current-context": "dev",
                "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "me"}}],
                "clusters": [{"name": "dev", "cluster": {"server": self.url}}],
                "users": [{"name": "me", "user": user or {"token": "canary-token"}}],
            }
        )


WHOLE = ("Namespace", "ClusterRole")
PLURALS: dict[str, str] = {"GitRepository": "gitrepositories"}
DISCOVERY: dict[str, tuple[str, ...]] = {
    "/api/v1": ("Namespace", "Secret"),
    "/apis/rbac.authorization.k8s.io/v1": ("ClusterRole",),
    "/apis/source.toolkit.fluxcd.io/v1": ("GitRepository",),
    "/apis/kustomize.toolkit.fluxcd.io/v1": ("Kustomization",),
    "/apis/notification.toolkit.fluxcd.io/v1": ("Receiver",),
}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A fake API server with Flux and nothing in it."""
    fake = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            fake.asked.append((self.command, path, self.headers.get("Authorization")))
            time.sleep(fake.delay)
            status, answer = fake.answer(path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - as above

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield fake
        server.shutdown()
        thread.join()
