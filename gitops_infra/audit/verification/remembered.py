"""What a stack's state remembers of things whose values nobody can read: exchanged ones are then found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gitops_infra.audit.known import resources_of
from gitops_infra.plan.resources import ResourceKind


@dataclass(frozen=True)
class Remembered:
    """Names of repositories without their owner and in lower case, of secrets in upper case."""

    public_keys: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(repository, title) -> `type base64` of a deploy key."""
    written: Mapping[tuple[str, str, str], datetime] = field(default_factory=dict)
    """(repository, environment, secret) -> when the stack last wrote it, by the forge's clock."""


def read_remembered(document: Mapping[str, Any]) -> Remembered:
    """What a document of `pulumi stack export` says. Values that are encrypted there say nothing."""
    keys: dict[tuple[str, str], str] = {}
    written: dict[tuple[str, str, str], datetime] = {}
    for entry in resources_of(document):
        inputs, outputs = entry.get("inputs") or {}, entry.get("outputs") or {}
        if entry.get("delete"):
            continue
        repository = str(inputs.get("repository", "")).lower()
        if entry.get("type") == ResourceKind.DEPLOY_KEY.token and isinstance(inputs.get("key"), str):
            keys[repository, str(inputs.get("title", ""))] = public_half(inputs["key"])
        if entry.get("type") == ResourceKind.SECRET.token:
            at = read_time(str(outputs.get("updatedAt", "")))
            if at is not None:
                environment, name = str(inputs.get("environment", "")), str(inputs.get("secretName", ""))
                written[repository, environment.lower(), name.upper()] = at
    return Remembered(keys, written)


def public_half(text: str) -> str:
    """`type base64` of a public key, without its comment."""
    return " ".join(text.split()[:2])


def read_time(text: str) -> datetime | None:
    """The moment, as the forge writes it (`2026-11-26T03:36:50Z`) or the provider (`2026-11-26 03:36:50 +0000 UTC`).

    None for what is none.
    """
    try:
        return datetime.fromisoformat(text.removesuffix(" UTC").replace(" +", "+").replace(" -", "-")).astimezone(UTC)
    except ValueError:
        return None
