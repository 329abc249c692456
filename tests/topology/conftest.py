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


PUBLIC_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0AAAA==\n-----END PGP PUBLIC KEY BLOCK-----\n"
"""Has the form of one, and is none."""

RICH: dict[str, Any] = {
    "owner": "acme",
    "owner_kind": "organization",
    "forge": "github",
    "github_plan": "enterprise",
    "known_hosts": ["forge.acme.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH"],
    "application": {
        "name": "shop",
        "visibility": "private",
        "default_branch": "main",
        "owners": ["@alice"],
        "required_checks": ["build"],
        "grants": [{"role": "write", "user": "alice"}, {"role": "write", "user": "eu-bot"}],
        "sha_pinning": False,
        "allow_destroy": True,
    },
    "repositories": [
        {
            "name": "lib",
            "existing": True,
            "import": True,
            "visibility": "internal",
            "default_branch": "trunk",
            "description": "The library",
            "code_owners": True,
            "linear_history": True,
            "allowed_actions": ["acme/*"],
            "sha_pinning": True,
        }
    ],
    "environments": [
        {
            "name": "staging",
            "branch": "live/staging",
            "isolation": "branch",
            "writer": {"app": 17, "key": "staging-app"},
            "moved_from": "repository",
            "required_checks": ["build", "test (3.11)"],
            "paths": ["services/api", "libs/common"],
            "manifests": "deploy/one",
            "variables": {"REPLICAS": "1"},
            "secrets": {"DATABASE_URL": "staging-database"},
            "generation": 2,
            "allow_destroy": False,
            "adopt": True,
        },
        {
            "name": "prod-eu",
            "kind": "production",
            "isolation": "branch",
            "writer": {"user": "eu-bot", "id": 4, "key": "eu-key"},
            "formerly": "production",
            "cluster": "eu",
            "sync": {
                "poll_seconds": 30,
                "timeout_seconds": 600,
                "wait": False,
                "health_checks": [{"api_version": "apps/v1", "kind": "Deployment", "name": "api"}],
                "prune": False,
                "permissions": [
                    {"groups": ["external-secrets.io"], "resources": ["externalsecrets"], "verbs": ["get", "patch"]}
                ],
                "pod_security": "restricted",
                "signed_by": [PUBLIC_KEY],
                "generation": 2,
            },
            "required_deployments": ["staging"],
            "reviewers": [{"team": "platform"}, {"user": "alice", "id": 7}],
            "wait_minutes": 5,
            "prevent_self_review": True,
            "allow_degraded": True,
        },
        {
            "name": "prod-us",
            "kind": "production",
            "isolation": "shared",
            "accept_shared_bypass": True,
            "reviewers": [{"user": "alice"}],
            "cluster": "us",
            "sync": {"cluster_role": "edit", "existing_namespace": True},
        },
        {
            "name": "demo",
            "kind": "staging",
            "isolation": "repository",
            "moved_from": "shared",
            "state_visibility": "private",
            "write_credential": True,
        },
        {"name": "old", "kind": "staging", "retired": True},
        {"name": "review", "kind": "review"},
    ],
    "clusters": [
        {
            "name": "eu",
            "kubeconfig": "eu-kubeconfig",
            "context": "eu-admin",
            "agent": "flux",
            "install": "existing",
            "receiver_url": "https://flux.eu.acme.example",
        },
        {"name": "us"},
    ],
    "promotions": [
        {"target": "staging", "trigger": "on_default_branch", "method": "fast_forward"},
        {"target": "prod-eu", "source": "staging", "trigger": "on_release", "tags": "v*.*.*"},
    ],
}


@pytest.fixture
def rich() -> dict[str, Any]:
    """A copy of a valid topology in which nearly every key is given, free to be changed."""
    return copy.deepcopy(RICH)


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
