"""A running forge that holds what the sample topology says, and a preflight of a spoiled copy of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.known import Known
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
        **changes: Any,
    ) -> list[str]:
        wanted = validate(topology(**changes))
        with GitHubReader(token or forge.app_token("provisioner"), forge.url, remember=True) as reader:
            return [str(finding) for finding in preflight(wanted, reader, known, owners=owners, part=part)]

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
