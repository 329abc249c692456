"""What a stack made already, read from its exported state."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_infra.plan.resources import ResourceKind

STACK = "pulumi:pulumi:Stack"
KINDS = {kind.token: kind for kind in ResourceKind}


@dataclass(frozen=True)
class Known:
    """What a stack made already, so that finding it on the forge is no surprise. Names in lower case."""

    repositories: Collection[str] = field(default_factory=frozenset)
    environments: Collection[tuple[str, str]] = field(default_factory=frozenset)
    """(repository, environment)."""
    rulesets: Collection[tuple[str, str]] = field(default_factory=frozenset)
    """(repository, ruleset name)."""
    deploy_keys: Collection[tuple[str, str]] = field(default_factory=frozenset)
    """(repository, title)."""
    namespaces: Collection[str] = field(default_factory=frozenset)
    """Of clusters."""
    resources: Mapping[ResourceKind, int] = field(default_factory=dict)
    """How many of each kind the state has."""
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The output `environments`; see `plan.transition.problems`."""
    stack: str | None = None
    """`project/stack`; None without a stack, and for one that never ran."""


def read_known(document: Mapping[str, Any]) -> Known:
    """What a document of `pulumi stack export` says."""
    entries = [entry for entry in resources_of(document) if not entry.get("delete")]

    def names(kind: ResourceKind, *keys: str) -> frozenset[tuple[str, ...]]:
        return frozenset(
            tuple(str(entry.get("inputs", {}).get(key, "")).lower() for key in keys)
            for entry in entries
            if entry.get("type") == kind.token
        )

    return Known(
        repositories=frozenset(name for (name,) in names(ResourceKind.REPOSITORY, "name")),
        environments=_pairs(names(ResourceKind.ENVIRONMENT, "repository", "environment")),
        rulesets=_pairs(names(ResourceKind.RULESET, "repository", "name")),
        deploy_keys=_pairs(names(ResourceKind.DEPLOY_KEY, "repository", "title")),
        namespaces=frozenset(
            str(((entry.get("inputs") or {}).get("metadata") or {}).get("name"))
            for entry in entries
            if entry.get("type") == ResourceKind.NAMESPACE.token
        ),
        resources=Counter(KINDS[kind] for entry in entries if (kind := str(entry.get("type"))) in KINDS),
        outputs=_environments(entries),
        stack=_name(entries),
    )


def resources_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The resources in a document of `pulumi stack export`."""
    found = (document.get("deployment") or {}).get("resources") or ()
    return [entry for entry in found if isinstance(entry, Mapping)]


def _pairs(found: Iterable[tuple[str, ...]]) -> frozenset[tuple[str, str]]:
    return frozenset((first, second) for first, second in found)


def _environments(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    for entry in entries:
        if entry.get("type") == STACK:
            found = (entry.get("outputs") or {}).get("environments")
            if isinstance(found, Mapping):
                return {str(key): said for key, said in found.items() if isinstance(said, Mapping)}
    return {}


def _name(entries: Iterable[Mapping[str, Any]]) -> str | None:
    """From the URN of the stack itself, `urn:pulumi:<stack>::<project>::...`."""
    urns = (str(entry.get("urn", "")).split("::") for entry in entries if entry.get("type") == STACK)
    return next((f"{parts[1]}/{parts[0].rpartition(':')[2]}" for parts in urns if len(parts) > 1), None)
