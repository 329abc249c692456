"""What a stack's last `up` left as outputs: of this stack, or of the one that it builds on."""

from collections.abc import Mapping
from typing import Any

import pulumi

_READ = "pulumi:pulumi:readStackOutputs"
"""The engine's own function behind `StackReference`, asked at once: what it says decides what is registered at all."""


def own_outputs() -> Mapping[str, Any]:
    """Outputs of this very stack before this `up`; empty before the first one."""
    return outputs_of(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")


def outputs_of(stack: str) -> Mapping[str, Any]:
    """Outputs of a stack by its full name, `organization/project/stack`; empty for one that never ran.

    Raises what the engine raises for a stack that does not exist.
    """
    answer = pulumi.runtime.invoke(_READ, {"name": stack}).value or {}
    found = answer.get("outputs")
    return found if isinstance(found, Mapping) else {}
