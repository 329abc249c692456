"""The state of a resource, in the form of the official provider: a state can go from one to the other."""

import base64
from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.plugins import wire
from gitops_infra.sandbox.plugins.kubernetes import values
from gitops_infra.sandbox.plugins.kubernetes.objects import Object

INPUTS = "__inputs"
INITIAL_API_VERSION = "__initialApiVersion"
MANAGER = "__fieldManager"


def state(
    inputs: Mapping[str, Any], live: Object, marks: Mapping[str, Any], *, api_version: str, manager: str
) -> dict[str, Any]:
    """What the engine keeps: the live object, the plain `inputs` beside it, both marked as `marks` are."""
    outputs = values.marked(values.spelled(live), marks)
    return {
        **outputs,
        INPUTS: values.marked(values.spelled(inputs), marks),
        INITIAL_API_VERSION: api_version,
        MANAGER: manager,
    }


def parsed(old: Mapping[str, Any]) -> tuple[Object, Object]:
    """The plain inputs and the live object in a state."""
    live = values.opened(old)
    inputs = live.pop(INPUTS, {})
    for name in (INITIAL_API_VERSION, MANAGER):
        live.pop(name, None)
    return inputs, live


def normal(obj: Mapping[str, Any]) -> Object:
    """The object as the API server would store it: the `stringData` of a Secret is part of its `data`."""
    given = obj.get("stringData")
    if obj.get("kind") != "Secret" or obj.get("apiVersion") != "v1" or not isinstance(given, Mapping):
        return dict(obj)
    encoded = {name: _encoded(value) for name, value in given.items()}
    rest = {name: value for name, value in obj.items() if name != "stringData"}
    return {**rest, "data": {**(obj.get("data") or {}), **encoded}}


def _encoded(value: Any) -> Any:
    return value if value == wire.UNKNOWN else base64.b64encode(str(value).encode()).decode()
