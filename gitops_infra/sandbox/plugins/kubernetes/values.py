"""Property values: opened for the API server, marked again for the engine, kept out of messages."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from gitops_infra.sandbox.plugins import wire

HIDDEN = "[secret]"
SECRET_FIELDS = ("data", "stringData")
"""Fields of a Secret that are secret as a whole, marked or not."""

_SHORT = 4
# Fields of a CustomResourceDefinition that the SDKs spell with underscores, and the API server with dashes.
_DASHED = {
    f"x_kubernetes_{name}": f"x-kubernetes-{name.replace('_', '-')}"
    for name in (
        "embedded_resource",
        "int_or_string",
        "list_map_keys",
        "list_type",
        "map_type",
        "preserve_unknown_fields",
        "validations",
    )
}
_UNDERSCORED = {dashed: name for name, dashed in _DASHED.items()}


def opened(value: Any) -> Any:
    """The value for the API server: no marks, no nulls in objects, its own spelling of field names."""
    value = wire.revealed(value)
    if isinstance(value, Mapping):
        return {_DASHED.get(name, name): opened(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [opened(inner) for inner in value]
    return value


def spelled(value: Any) -> Any:
    """A value of the API server in the SDKs' spelling."""
    if isinstance(value, Mapping):
        return {_UNDERSCORED.get(name, name): spelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spelled(inner) for inner in value]
    return value


def has_unknown(value: Any) -> bool:
    """True if a part of it is known only after the update."""
    value = wire.revealed(value)
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return bool(value == wire.UNKNOWN)


def has_secret(value: Any) -> bool:
    """True if a part of it is marked as secret."""
    if wire.is_secret(value):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(map(has_secret, inner))


def marked(plain: Mapping[str, Any], marks: Mapping[str, Any]) -> dict[str, Any]:
    """`plain`, with the marks of the value of the same place in `marks`; the content of Secrets always.

    Objects are gone into; a list with one secret element is secret as a whole, for the order may change on the way.
    """
    result = {name: _marked(value, marks.get(name)) for name, value in plain.items()}
    if plain.get("kind") == "Secret":
        for name in SECRET_FIELDS:
            if name in result and not wire.is_secret(result[name]):
                result[name] = wire.secret(opened(result[name]))
    return result


def _marked(plain: Any, marks: Any) -> Any:
    if isinstance(plain, Mapping) and isinstance(marks, Mapping) and not wire.is_secret(marks):
        return marked(plain, marks)
    if isinstance(plain, Mapping) and plain.get("kind") == "Secret":
        return marked(plain, {})
    return wire.secret(plain) if has_secret(marks) else plain


class Redactor:
    """Takes secret values out of messages: an API server quotes what it refuses."""

    def __init__(self, *values: Mapping[str, Any]) -> None:
        found = {text for value in values for text in _secrets(value)}
        forms = {form for text in found for form in _forms(text)}
        self._patterns = [
            re.compile(re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)")
            for form in sorted(forms, key=len, reverse=True)
        ]

    def __call__(self, text: str) -> str:
        """The text without any of the values, however it is quoted."""
        for pattern in self._patterns:
            text = pattern.sub(HIDDEN, text)
        return text


def _secrets(value: Any, *, secret: bool = False) -> Iterator[str]:
    secret = secret or wire.is_secret(value)
    value = wire.revealed(value)
    if isinstance(value, Mapping):
        of_secret = value.get("kind") == "Secret"
        for name, inner in value.items():
            yield from _secrets(inner, secret=secret or (of_secret and name in SECRET_FIELDS))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, secret=secret)
    elif secret and value is not None and not isinstance(value, bool):
        yield str(value)


def _forms(text: str) -> Iterable[str]:
    texts = {text, text.strip(), *text.splitlines()}
    with suppress(binascii.Error, ValueError):  # no base64, or of bytes that no message shows as they are
        texts.add(base64.b64decode(text, validate=True).decode())
    for plain in {part for part in texts if part.strip()}:
        yield plain
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
        yield base64.b64encode(plain.encode()).decode()
