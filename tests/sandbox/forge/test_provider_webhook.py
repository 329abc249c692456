"""The real provider and a webhook: made, told, read back, changed, imported, removed; its secret stays encrypted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_github as github
import pytest

from gitops_infra.sandbox.engine import Engine, without_ambient
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.server import Sandbox

from .conftest import Receiver

pytestmark = pytest.mark.engine

SECRET = "the-first-secret"


def program(forge: Sandbox, settings: dict[str, Any], *, legacy_client: bool) -> Callable[[], None]:
    """One webhook of acme/shop, as `settings` say when it runs."""
    token = forge.app_token(PROVISIONER)

    def declare() -> None:
        provider = github.Provider(
            "github",
            base_url=f"{forge.url}/",
            owner="acme",
            token=token,
            write_delay_ms=0,
            legacy_client=legacy_client,
        )
        github.RepositoryWebhook(
            "agent",
            repository="shop",
            events=settings["events"],
            active=settings.get("active", True),
            configuration={
                "url": settings["url"],
                "content_type": settings.get("content_type", "json"),
                "insecure_ssl": False,
                "secret": pulumi.Output.secret(settings["secret"]),
            },
            opts=pulumi.ResourceOptions(provider=provider, import_=settings.get("import")),
        )

    return declare


def assert_encrypted(state: Path, secret: str) -> None:
    """Neither in the state nor in its backups and history, while the address is."""
    texts = [path.read_text() for path in state.rglob("*") if path.is_file()]
    assert any("127.0.0.1" in text for text in texts)
    assert not [text for text in texts if secret in text]


@pytest.mark.parametrize("legacy_client", [True, False])
def test_a_webhook_is_made_read_back_changed_and_removed(
    forge: Sandbox, receiver: Receiver, tmp_path: Path, *, legacy_client: bool
) -> None:
    forge.app("acme", PROVISIONER, PROVISIONER_PERMISSIONS)
    settings = {"url": receiver.url, "secret": SECRET, "events": ["push"]}
    declare = program(forge, settings, legacy_client=legacy_client)
    with without_ambient():
        stack = Engine.prepare().stack("webhook", "test", declare, tmp_path / "state", passphrase="x")
        assert stack.up().summary.resource_changes == {"create": 3}
        forge.wait_for_deliveries()
        assert [each.event for each in receiver.got] == ["ping"]
        assert receiver.got[0].headers["x-hub-signature-256"]
        # The ping has changed `last_response`, and with it the entity tag: no difference for the provider.
        assert stack.up(refresh=True).summary.resource_changes == {"same": 3}
        assert_encrypted(tmp_path / "state", SECRET)
        [hook] = forge.store.webhooks.values()
        settings |= {"secret": "the-second", "events": ["push", "create"], "active": False, "content_type": "form"}
        assert stack.up().summary.resource_changes == {"same": 2, "update": 1}
        assert_encrypted(tmp_path / "state", "the-second")
        [changed] = forge.store.webhooks.values()
        assert (changed.id, changed.secret, changed.events) == (hook.id, "the-second", ["create", "push"])
        assert (changed.active, changed.content_type) == (False, "form")
        forge.store.delete(changed)
        assert stack.up(refresh=True).summary.resource_changes == {"same": 2, "create": 1}
        assert stack.destroy().summary.resource_changes == {"delete": 3}
    assert not forge.store.webhooks
    assert {answer.status for answer in forge.requests} <= {200, 201, 204, 304, 404}


def test_a_webhook_that_is_there_is_imported(forge: Sandbox, receiver: Receiver, tmp_path: Path) -> None:
    """GitHub does not give the secret back: the first `up` after the import sends it."""
    forge.app("acme", PROVISIONER, PROVISIONER_PERMISSIONS)
    hook = forge.add_webhook("acme/shop", receiver.url, secret=SECRET)
    settings = {"url": receiver.url, "secret": SECRET, "events": ["push"], "import": f"shop/{hook.id}"}
    declare = program(forge, settings, legacy_client=False)
    with without_ambient():
        stack = Engine.prepare().stack("webhook", "test", declare, tmp_path / "state", passphrase="x")
        stack.up()
        del settings["import"]
        stack.up()
        assert stack.up(refresh=True).summary.resource_changes == {"same": 3}
    assert list(forge.store.webhooks) == [hook.id]
    assert forge.store.webhooks[hook.id].secret == SECRET
