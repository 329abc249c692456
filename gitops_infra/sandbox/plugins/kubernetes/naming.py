"""Names that the provider chooses: of objects that the program leaves unnamed, and of field managers."""

import secrets
from collections.abc import Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from gitops_infra.sandbox.plugins.kubernetes import objects
from gitops_infra.sandbox.plugins.kubernetes.applying import CREATOR
from gitops_infra.sandbox.plugins.kubernetes.checkpoint import MANAGER
from gitops_infra.sandbox.plugins.kubernetes.failures import RefusedError
from gitops_infra.sandbox.plugins.kubernetes.objects import Object
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings

_AUTONAMING = provider_pb2.CheckRequest.AutonamingOptions


def named(desired: Object, before: Object, base: str, seed: bytes, options: Any) -> Object:
    """The object with a name: the program's, the chosen one of before, or a new one that begins with `base`.

    `options` are the stack's autonaming configuration, or None.
    """
    if objects.name(desired) or objects.metadata(desired).get("generateName"):
        return desired
    if before:
        if not objects.is_on(before, objects.AUTONAMED):
            return desired
        name = objects.name(before)
    elif options is None:
        name = objects.new_name(base, seed)
    elif options.mode == _AUTONAMING.DISABLE:
        raise RefusedError("autonaming is disabled, so the object needs a `.metadata.name`")
    else:
        name = options.proposed_name or objects.new_name(base, seed)
    return objects.annotated(objects.with_metadata(desired, name=name), objects.AUTONAMED)


def manager(desired: Mapping[str, Any], state: Mapping[str, Any], settings: Settings) -> str:
    """The field manager of a resource: one for each, so that two stacks cannot take each other's fields silently."""
    if not settings.server_side_apply:
        return CREATOR
    said = objects.annotation(desired, objects.FIELD_MANAGER) or str(state.get(MANAGER) or "")
    return said or f"{CREATOR}-{secrets.token_hex(4)}"
