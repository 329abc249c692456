"""The sealed boxes that secrets arrive in: one key pair per repository, names and opening."""

import base64
import binascii
import re
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Refusal

MAX_SECRET = 48 * 1024
"""Bytes. Source: GitHub, limits for secrets; the same limit holds for a variable."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def new_seed() -> str:
    """Base64 of a new private key."""
    return base64.b64encode(bytes(PrivateKey.generate())).decode()


def public_key(repository: Repository) -> dict[str, str]:
    """`key` (base64 of 32 bytes) and `key_id`, which a sealed value must name."""
    key = _private(repository).public_key
    return {"key_id": str(int.from_bytes(bytes(key)[:7], "big")), "key": base64.b64encode(bytes(key)).decode()}


def open_value(repository: Repository, body: dict[str, Any]) -> str:
    """The text sealed in `encrypted_value`. Raises Refusal 422 for another key, or a box that does not open."""
    if body.get("key_id") != public_key(repository)["key_id"]:
        raise Refusal(422, "Validation Failed: key_id is not the id of this repository's public key")
    try:
        box = base64.b64decode(str(body.get("encrypted_value")), validate=True)
        value = SealedBox(_private(repository)).decrypt(box)
        text = value.decode()
    except (binascii.Error, CryptoError, ValueError):
        raise Refusal(
            422, "Validation Failed: encrypted_value is not a sealed box for this repository's public key"
        ) from None
    if len(value) > MAX_SECRET:
        raise Refusal(422, f"Validation Failed: a secret may have {MAX_SECRET} bytes")
    return text


def checked_name(kind: str, name: str) -> str:
    """The name in upper case, as GitHub keeps it. `kind` is `Secret` or `Variable`. Raises Refusal 422."""
    if not NAME.fullmatch(name):
        raise Refusal(
            422,
            f"{kind} names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_)."
            " Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).",
        )
    if name.upper().startswith("GITHUB_"):
        raise Refusal(422, f"{kind} names must not start with GITHUB_.")
    return name.upper()


def _private(repository: Repository) -> PrivateKey:
    return PrivateKey(base64.b64decode(repository.sealed_box_seed))
