"""One valid topology that tests spoil in one place."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.topology import TopologyError, validate

VALID: dict[str, Any] = {
    "owner": "acme",
    "github_plan": "enterprise",
    "application": {
        "name": "shop",
        "visibility": "private",
        "description": "The shop",
        "owners": ["@acme/platform", "@alice"],
        "required_reviews": 2,
        "required_checks": ["test (3.11)"],
        "grants": [
            {"role": "write", "team": "developers"},
            {"role": "read", "user": "bob"},
            {"role": "maintain", "team": "platform"},
            {"role": "write", "user": "alice"},
        ],
        "labels": [{"name": "kind:bug", "color": "d73a4a", "description": "Something is wrong"}],
        "allowed_actions": ["acme/*"],
    },
    "environments": [
        {"name": "staging", "variables": {"REPLICAS": "1"}, "secrets": {"DATABASE_URL": "staging-database"}},
        {"name": "production", "reviewers": [{"team": "platform"}, {"user": "alice", "id": 7}], "wait_minutes": 5},
        {"name": "prod-eu", "kind": "production", "reviewers": [{"user": "alice"}], "branch": "env/eu"},
        {"name": "review"},
    ],
    "promotions": [
        {"target": "staging"},
        {"target": "production", "source": "staging", "trigger": "on_release", "tags": "v*.*.*"},
        {"target": "prod-eu", "source": "production"},
    ],
}


@pytest.fixture
def valid() -> dict[str, Any]:
    """A copy of a valid topology with every kind of part, free to be changed."""
    return copy.deepcopy(VALID)


@pytest.fixture
def refusals() -> Callable[[object], list[str]]:
    """The problems of an input as users read them; empty if it is accepted."""

    def problems(data: object) -> list[str]:
        try:
            validate(data)
        except TopologyError as error:
            return [str(problem) for problem in error.problems]
        return []

    return problems


@pytest.fixture
def changed(valid: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The valid topology with other values at some places, such as `environments.0.branch`."""

    def change(changes: dict[str, Any]) -> dict[str, Any]:
        for place, value in changes.items():
            *outer, last = (int(part) if part.isdigit() else part for part in place.split("."))
            here: Any = valid
            for part in outer:
                here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
            if isinstance(here, list) and last == len(here):
                here.append(value)
            else:
                here[last] = value
        return valid

    return change
