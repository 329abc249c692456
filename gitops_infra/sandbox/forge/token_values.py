"""Random values of tokens, with the prefixes by which scanners and masks recognise a leaked one."""

import base64
import secrets

TOKEN_PREFIXES = {"pat": "ghp_", "fine_grained": "github_pat_", "installation": "ghs_", "job": "ghs_"}
"""As GitHub's."""


def new_token_value(kind: str) -> str:
    """A random token value with the prefix of its kind."""
    return TOKEN_PREFIXES[kind] + base64.b32encode(secrets.token_bytes(25)).decode().lower()
