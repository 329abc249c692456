"""What Pulumi records when it is asked to: its wire, its log. The marked parts are told from the plain ones."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pulumi.runtime.proto import resource_pb2

from gitops_infra.sandbox.plugins.wire import is_secret
from guarantee.canaries.classes import Place
from guarantee.canaries.surfaces import Piece, Surface

MARKED = "a value that is marked secret"
_HOOK = "/pulumirpc.Callbacks/Invoke"
_OURS = ("/pulumirpc.ResourceMonitor/", "/pulumirpc.LanguageRuntime/", _HOOK)
"""Services between program and engine. What the engine hands to a provider is plain where the provider asks for it."""
_CONFIG = {"config": "configSecretKeys"}
"""A message's map of configuration, and its list of the keys in it that are secret: their mark."""
_RECORDING = re.compile(rb'^\{"time":"[^"]*","level":"INFO","msg":"(?:Unm|M)arshaling property for RPC\[')
"""Lines in which Pulumi's own log, at `-v=9` alone, records the wire."""
_LOG_LINE = b'{"time":"'


def call_of(type_token: str) -> str:
    """Name of the pieces that hold what a provider is called with, for resources of a type."""
    return f"call of the provider for {type_token}"


def wire(recording: Path) -> Iterator[Piece]:
    """Pieces of a recording of PULUMI_DEBUG_GRPC."""
    plain: dict[str, list[str]] = {}
    marked: list[str] = []
    calls: dict[str, list[str]] = {}
    for line in recording.read_text(encoding="utf-8", errors="replace").splitlines():
        message = json.loads(line)
        method = str(message["method"])
        asked = message.get("request")
        if method == _HOOK and isinstance(asked, dict) and isinstance(asked.get("request"), str):
            message["request"] = _of_hook(asked)
        for side in ("request", "response"):
            provider_request = side == "request" and not method.startswith(_OURS)
            echo = method.endswith("/CheckConfig")  # answered with what was asked; the engine marks it again
            for path, text, secret in _values(message.get(side), side):
                if secret:
                    marked.append(text)
                elif provider_request or echo:
                    calls.setdefault(_type(message.get("request") or {}), []).append(text)
                else:
                    plain.setdefault(f"{method.rpartition('/')[2]}: {path}", []).append(text)
        # Not read, and so not judged, would be a message of another shape.
        unread = message.keys() - {"method", "request", "response", "metadata", "progress", "timestamp", "error"}
        unread_text = {key: message[key] for key in unread} | {"error": message.get("error")}
        plain.setdefault(f"{method}: more", []).append(json.dumps(unread_text))
    for name, texts in plain.items():
        yield Piece(Surface.WIRE, name, "\0".join(texts).encode())
    for type_token, texts in calls.items():
        yield Piece(Surface.WIRE, call_of(type_token), "\0".join(texts).encode(), Place.PROVIDER)
    yield Piece(Surface.WIRE, MARKED, "\0".join(marked).encode(), Place.WIRE)


def _of_hook(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a hook of the program is asked, which is a message in a message."""
    inner = resource_pb2.ResourceHookRequest.FromString(base64.b64decode(asked["request"]))
    return {**asked, "request": json_format.MessageToDict(inner)}


def _type(request: Mapping[str, Any]) -> str:
    """Type of the resource that a provider is called for."""
    if request.get("type"):
        return str(request["type"])
    urn = str(request.get("urn", ""))
    return urn.split("::")[2].rpartition("$")[2] if urn.count("::") > 2 else str(request.get("tok", "?"))  # noqa: PLR2004


def _values(value: Any, path: str, *, secret: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Path, text and mark of every text in a message; keys are texts too."""
    if is_secret(value):
        yield from _values(value.get("value"), path, secret=True)
    elif isinstance(value, dict):
        for key, inner in value.items():
            marks = value.get(_CONFIG.get(key, "")) or ()
            if marks and isinstance(inner, dict):
                for name, text in inner.items():
                    yield f"{path}.{key}.{name}", str(text), secret or name in marks
            else:
                yield f"{path}.<key>", str(key), secret
                yield from _values(inner, f"{path}.{key}", secret=secret)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, f"{path}[]", secret=secret)
    elif isinstance(value, str):
        yield path, value, secret


def split_log(output: bytes) -> tuple[bytes, bytes]:
    """The log without its recording of the wire, and what is no log: what a user sees without any flag."""
    log, shown = [], []
    for line in output.splitlines(keepends=True):
        # A line of the log may come right behind the dots of `@ updating....`.
        before, mark, rest = line.partition(_LOG_LINE)
        shown.append(before)
        if mark and not (_RECORDING.match(mark + rest) and rest.rstrip().endswith(b'"v":9}')):
            log.append(mark + rest)
    return b"".join(log), b"".join(shown)


def opened(value: Any) -> Iterator[str]:
    """Texts that an export of a state has only in encrypted form, from one that shows its secrets."""
    if isinstance(value, dict):
        if "plaintext" in value:
            text = value["plaintext"]
            yield text
            yield from _plain_texts(json.loads(text))
        else:
            for inner in value.values():
                yield from opened(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from opened(inner)


def _plain_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _plain_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _plain_texts(inner)
    elif isinstance(value, str):
        yield value
