"""What several tests of the REST interface send."""

import base64
from typing import Any

RULESET: dict[str, Any] = {
    "name": "writers",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["refs/heads/env/staging"], "exclude": []}},
    "rules": [{"type": "creation"}, {"type": "update"}],
    "bypass_actors": [{"actor_type": "DeployKey", "bypass_mode": "always"}],
}


def key(seed: int) -> str:
    """A well-formed public key that nobody has the private half of."""
    kind = b"ssh-ed25519"
    data = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes([seed]) * 32
    return f"ssh-ed25519 {base64.b64encode(data).decode()}"
