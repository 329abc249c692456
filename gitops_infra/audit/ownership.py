"""Which other stack of the same backend has something. Looked up only where something is in the way."""

import re
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any

from gitops_infra.audit.known import resources_of
from gitops_infra.plan.resources import ResourceKind

MARK = re.compile(r"\[stack ([^\[\]]+)\]\s*\Z")
"""How a state repository's description ends: the `project/stack` that made it."""

Fact = tuple[str, tuple[tuple[str, str], ...]]

NAMED_BY: Mapping[ResourceKind, tuple[str, ...]] = {
    ResourceKind.REPOSITORY: ("name",),
    ResourceKind.RULESET: ("repository", "name"),
    ResourceKind.ENVIRONMENT: ("repository", "environment"),
    ResourceKind.SECRET: ("repository", "environment", "secretName"),
    ResourceKind.VARIABLE: ("repository", "environment", "variableName"),
    ResourceKind.DEPLOY_KEY: ("repository", "title"),
}
"""Inputs that tell one from another on the forge."""


def marked(description: object) -> str | None:
    """`project/stack` at the end of a repository's description; None where there is none."""
    found = MARK.search(description) if isinstance(description, str) else None
    return found[1] if found else None


class Owners:
    """Answers from the exported states of other stacks, which are read once, when the first question comes."""

    def __init__(self, states: Callable[[], Iterator[tuple[str, Mapping[str, Any]]]] | None = None) -> None:
        """`states` gives each other stack's name and exported document; None: nobody can be asked."""
        self._states = states
        self._owners: dict[Fact, str] | None = None
        self._lock = Lock()

    def of(self, kind: ResourceKind, *names: str) -> str | None:
        """The stack that has the thing of that kind and these names (`NAMED_BY`); None if no other stack has."""
        if self._states is None:
            return None
        with self._lock:
            if self._owners is None:
                self._owners = dict(self._facts(self._states))
        return self._owners.get((kind.token, _named(NAMED_BY[kind], names)))

    @staticmethod
    def _facts(states: Callable[[], Iterator[tuple[str, Mapping[str, Any]]]]) -> Iterator[tuple[Fact, str]]:
        kinds = {kind.token: keys for kind, keys in NAMED_BY.items()}
        for stack, document in states():
            for entry in resources_of(document):
                keys = kinds.get(str(entry.get("type")))
                if keys is not None:
                    inputs = entry.get("inputs") or {}
                    yield (str(entry["type"]), _named(keys, [str(inputs.get(key)) for key in keys])), stack


def _named(keys: tuple[str, ...], values: "list[str] | tuple[str, ...]") -> tuple[tuple[str, str], ...]:
    return tuple((key, value.casefold()) for key, value in zip(keys, values, strict=True))
