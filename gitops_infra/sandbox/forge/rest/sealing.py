"""The sealed boxes that secrets arrive in: one key pair per repository or organisation, names and opening."""

import base64
import binascii
import re
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from gitops_infra.sandbox.forge.model import Account, Repository
from gitops_infra.sandbox.forge.responses import Refusal

MAX_SECRET = 48 * 1024
"""Bytes. Source: GitHub, limits for secrets; the same limit holds for a variable."""
OVERHEAD = 48
"""Bytes that a sealed box is longer than what is in it: a public key of 32 and a tag of 16."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def new_seed() -> str:
    """Base64 of a new private key."""
    return base64.b64encode(bytes(PrivateKey.generate())).decode()


def public_key(holder: Repository | Account) -> dict[str, str]:
    """`key` (base64 of 32 bytes) and `key_id`, which a sealed value must name."""
    key = _private(holder).public_key
    return {"key_id": str(int.from_bytes(bytes(key)[:7], "big")), "key": base64.b64encode(bytes(key)).decode()}


def open_value(holder: Repository | Account, body: dict[str, Any]) -> str | None:
    """The text sealed in `encrypted_value`; None for a box that does not open, which no job will get.

    GitHub takes any Base64 and finds out when a job asks for it: the upstream provider's acceptance tests send plain
    text that way, and cli/cli#3831 sealed for another key. Raises Refusal 422 for another `key_id`, for what is not
    Base64 (words from terraform-provider-github#2315), and for too long a value.
    """
    if body.get("key_id") != public_key(holder)["key_id"]:
        raise Refusal(422, "Validation Failed: key_id is not the id of this repository's public key")
    try:
        box = base64.b64decode(str(body.get("encrypted_value")), validate=True)
    except (binascii.Error, ValueError):
        box = b""
    if not box:
        raise Refusal(422, "Bad request - validation failed due to an improperly encrypted secret")
    if len(box) > MAX_SECRET + OVERHEAD:
        raise Refusal(422, f"Validation Failed: a secret may have {MAX_SECRET} bytes")
    try:
        return SealedBox(_private(holder)).decrypt(box).decode()
    except (CryptoError, ValueError):
        return None


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


def _private(holder: Repository | Account) -> PrivateKey:
    return PrivateKey(base64.b64decode(holder.sealed_box_seed))
