"""Values as they travel between engine and provider: plain, secret or unknown."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a value that only an update will know (pulumi: sdk/go/common/resource/plugin, `UnknownStringValue`)."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  the marker, not a secret
"""A value wrapped in `{SIGNATURE: SECRET, "value": ...}` is encrypted in the state and masked in output."""


def secret(value: Any) -> dict[str, Any]:
    """The value, marked as secret."""
    return {SIGNATURE: SECRET, "value": value}


def is_secret(value: Any) -> bool:
    """True if the value carries the secret mark."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def revealed(value: Any) -> Any:
    """The value without its secret mark."""
    return value["value"] if is_secret(value) else value


def read(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A protocol struct as a dict; whole numbers become int (the wire knows only floats)."""
    return {name: _whole(value) for name, value in json_format.MessageToDict(struct).items()}


def write(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """A dict as a protocol struct."""
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value
