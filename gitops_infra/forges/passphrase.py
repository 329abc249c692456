"""Whether a stack's secrets are encrypted with an empty passphrase: then everybody can read its state."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from gitops_infra.topology.problems import Problem

VARIABLE = "PULUMI_CONFIG_PASSPHRASE"
VARIABLE_OF_FILE = f"{VARIABLE}_FILE"
BY_PASSPHRASE = (None, "", "passphrase")
"""Values of `secretsprovider` in a stack's settings with which the passphrase encrypts."""
_PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
_ENDINGS = ("yaml", "yml", "json")


def open_state() -> tuple[Problem, ...]:
    """The problem that this stack encrypts with an empty passphrase; nothing unless that is certain.

    Certain it is when the program's environment says so, as Pulumi reads it, and the stack's settings have the salt of
    a passphrase. A stack of Pulumi Cloud or of a key service has none; settings that are not found prove nothing.
    """
    return () if _empty() is None else open_state_of(_settings())


def open_state_of(settings: Mapping[str, Any]) -> tuple[Problem, ...]:
    """As `open_state`, of a stack with these settings (its file), in this process' environment."""
    source = _empty()
    if source is None or not _by_passphrase(settings):
        return ()
    return (
        Problem(
            where=source,
            code="empty-passphrase",
            reason="it is empty, so everybody who gets hold of the stack's state can read the credentials in it",
            remedy="Set a passphrase with `pulumi stack change-secrets-provider passphrase`, and replace every "
            "credential that the stack has had",
        ),
    )


def _empty() -> str | None:
    """Where the empty passphrase is said, or None. As Pulumi does, the variable counts before the file."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return None if given else f"environment variable {VARIABLE}"
    file = os.environ.get(VARIABLE_OF_FILE)
    if not file:
        return None
    try:
        return None if Path(file).read_text(encoding="utf-8").strip() else f"the file of {VARIABLE_OF_FILE}"
    except (OSError, UnicodeDecodeError):
        return None


def _by_passphrase(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("encryptionsalt")) and settings.get("secretsprovider") in BY_PASSPHRASE


def _settings() -> Mapping[str, Any]:
    """The stack's settings file; empty where it is not found."""
    root = pulumi.runtime.get_root_directory()
    if not root or not Path(root).is_absolute():
        return {}
    project = next((found for name in _PROJECT_FILES if (found := settings_in(Path(root, name)))), {})
    folder = project.get("stackConfigDir")
    beside = Path(root, folder) if isinstance(folder, str) else Path(root)
    stack = pulumi.get_stack().rpartition("/")[2]
    return next((found for ending in _ENDINGS if (found := settings_in(beside / f"Pulumi.{stack}.{ending}"))), {})


def settings_in(file: Path) -> Mapping[str, Any]:
    """What a file of Pulumi's says; empty for one that cannot be read."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - read only where the passphrase is empty, which is almost never
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        return {}
    return content if isinstance(content, Mapping) else {}
