"""Dropping from a state what was in a repository that no longer exists.

The provider takes most things whose repository is gone for an error, when it deletes and when it refreshes them, so the
engine would never get past them.
"""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.state import GITHUB, PROVIDER

NOT_FOUND = 404


class StillThere(Exception):  # noqa: N818 - says what the forge answered
    """The repository exists, or the forge does not tell. The text is one line with the remedy."""


def of_repository(document: Mapping[str, Any], full_name: str) -> tuple[str | None, frozenset[str]]:
    """Base URL of the forge, and URNs of the resources that are the repository `owner/name` or lie in it."""
    owner, _, name = full_name.casefold().partition("/")
    entries = document["deployment"].get("resources") or ()
    providers = {
        f"{entry['urn']}::{entry.get('id')}": entry.get("inputs") or {}
        for entry in entries
        if entry.get("type") == PROVIDER and str((entry.get("inputs") or {}).get("owner", "")).casefold() == owner
    }
    found = [
        entry
        for entry in entries
        if str(entry.get("type", "")).startswith(GITHUB) and entry.get("provider") in providers and _in(entry, name)
    ]
    base_url = next((providers[entry["provider"]].get("baseUrl") for entry in found), None)
    return base_url if isinstance(base_url, str) else None, frozenset(str(entry["urn"]) for entry in found)


def check_gone(full_name: str, reader: GitHubReader) -> None:
    """Returns when the forge knows no such repository. Raises StillThere, ForgeUnreachable."""
    owner, _, name = full_name.partition("/")
    status = reader.get("/repos/{}/{}", owner, name).status
    if status != NOT_FOUND:
        raise StillThere(f"{full_name} is not gone: the forge answered {status}. Nothing was changed")


def without(document: Mapping[str, Any], urns: Collection[str]) -> dict[str, Any]:
    """The exported stack without these resources, and without a word about them in the others."""
    changed = copy.deepcopy(dict(document))
    deployment = changed["deployment"]
    deployment["resources"] = [entry for entry in deployment.get("resources") or () if entry["urn"] not in urns]
    for entry in deployment["resources"]:
        for key, clean in _MENTIONS.items():
            if key in entry:
                entry[key] = clean(entry[key], urns)
                if not entry[key]:
                    del entry[key]
    return changed


def _kept(listed: list[str], urns: Collection[str]) -> list[str]:
    return [urn for urn in listed if urn not in urns]


def _kept_of_each(mapping: Mapping[str, list[str] | None], urns: Collection[str]) -> dict[str, list[str]]:
    return {key: _kept(listed or [], urns) for key, listed in mapping.items()}


_MENTIONS: Mapping[str, Callable[[Any, Collection[str]], Any]] = {
    "dependencies": _kept,
    "replaceWith": _kept,
    "propertyDependencies": _kept_of_each,
    "deletedWith": lambda urn, urns: None if urn in urns else urn,
}
"""Where a resource in the state names others."""


def _in(entry: Mapping[str, Any], name: str) -> bool:
    inputs = entry.get("inputs") or {}
    own = inputs.get("name" if entry["type"] == f"{GITHUB}repository:Repository" else "repository")
    return isinstance(own, str) and own.casefold() == name
