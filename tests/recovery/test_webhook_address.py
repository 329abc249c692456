"""The address of a webhook is found where it is shown, and nowhere else."""

import json
from typing import Any

from gitops_infra.recovery.state import PendingCreate
from gitops_infra.recovery.webhook_address import address_of, addressed

AGENT = "urn:pulumi:dev::shop::gitops-infra:index:GitOpsAgent::staging"
ADDRESS = "https://flux.example.com/hook/ours"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def create(**configuration: Any) -> PendingCreate:
    return PendingCreate("urn::hook", "hook", {"repository": "shop", "configuration": configuration}, AGENT, None)


def state(value: Any) -> dict[str, Any]:
    return {"deployment": {"resources": [{"urn": AGENT, "outputs": {"receiver_url": value}}]}}


def test_a_preview_hides_it_and_the_agents_output_has_it() -> None:
    found = addressed(create(url="[secret]"), state({**SECRET, "plaintext": json.dumps(ADDRESS)}))
    assert address_of(found) == ADDRESS
    assert found.text("repository") == "shop"


def test_what_is_shown_stays() -> None:
    shown = create(url={**SECRET, "plaintext": json.dumps(ADDRESS)})
    assert addressed(shown, state("https://other")) is shown


def test_without_such_an_output_it_is_not_known() -> None:
    for document in ({}, state(None), state({**SECRET, "ciphertext": "v1:x"})):
        assert address_of(addressed(create(url="[secret]"), document)) is None
