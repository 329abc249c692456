"""Records to JSON and back, driven by the annotations of the record classes.

JSON has no sets, no enums and only string keys: `decode` restores them from the field types.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


@cache
def _types(record_type: Any) -> Mapping[str, Any]:
    return get_type_hints(record_type)


def encode(record: Any) -> str:
    """JSON text of a record; sets become sorted lists, so equal records have equal text."""
    return json.dumps(_fields(record), default=_plain, separators=(",", ":"))


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _plain(value: Any) -> Any:
    return _fields(value) if is_dataclass(value) else sorted(value)


def decode(record_type: type[Record], text: str) -> Record:
    """The record that `encode` wrote. Fields unknown to this version are dropped, missing ones get their default."""
    return _built(record_type, json.loads(text))


def _built(record_type: type[Record], body: Mapping[str, Any]) -> Record:
    types = _types(cast("Any", record_type))
    return record_type(**{name: _restore(types[name], value) for name, value in body.items() if name in types})


def _restore(wanted: Any, value: Any) -> Any:  # noqa: PLR0911  (one return per shape)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _restore(next(part for part in arguments if part is not NoneType), value)
    if origin is set:
        return {_restore(arguments[0], item) for item in value}
    if origin is list:
        return [_restore(arguments[0], item) for item in value]
    if origin is tuple:
        return tuple(_restore(arguments[0], item) for item in value)
    if origin is dict:
        return {_restore(arguments[0], key): _restore(arguments[1], item) for key, item in value.items()}
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _built(wanted, value)
    if isinstance(wanted, type) and wanted is not Any and not isinstance(value, wanted):
        return wanted(value)  # an enum member, or an int that was a JSON object key
    return value
