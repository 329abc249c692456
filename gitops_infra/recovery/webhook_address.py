"""Where a webhook is sent, for one that a preview would create: a preview hides it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitops_infra.recovery.state import PendingCreate, opened

OUTPUT = "receiver_url"
"""Output of the component that makes the webhook."""
HIDDEN = "[secret]"
"""What a preview shows in place of any secret."""


def address_of(create: PendingCreate) -> str | None:
    """The webhook's address by its inputs; None where they do not show it."""
    configuration = create.opened("configuration")
    found = configuration.get("url") if isinstance(configuration, Mapping) else None
    return found if isinstance(found, str) and found != HIDDEN else None


def addressed(create: PendingCreate, shown: Mapping[str, Any]) -> PendingCreate:
    """The creation with the address that the component around it has in a state exported with its secrets."""
    resources = (shown.get("deployment") or {}).get("resources") or ()
    around: Mapping[str, Any] = next((each for each in resources if each.get("urn") == create.parent), {})
    address = opened((around.get("outputs") or {}).get(OUTPUT))
    if address_of(create) is not None or not isinstance(address, str):
        return create
    return replace(create, inputs={**create.inputs, "configuration": {"url": address}})
