"""Arguments with valid defaults, of which a test changes what it is about."""

from collections.abc import Callable
from typing import Any

import pytest

Args = Callable[..., dict[str, Any]]


@pytest.fixture
def application() -> Args:
    """Arguments of ApplicationRepository; keywords go into the application."""

    def build(**application: Any) -> dict[str, Any]:
        return {
            "owner": "acme",
            "github_plan": "team",
            "application": {"name": "shop", "visibility": "public", **application},
        }

    return build


@pytest.fixture
def environment() -> Args:
    """Arguments of DeploymentEnvironment for staging of an existing repository; keywords go into the environment."""

    def build(**environment: Any) -> dict[str, Any]:
        return {
            "owner": "acme",
            "github_plan": "team",
            "application": {"name": "shop", "existing": True, "visibility": "public", "code_owners": True},
            "environment": {"name": "staging", **environment},
        }

    return build


@pytest.fixture
def topology() -> Args:
    """Arguments of GitOpsTopology: staging, production and review of an existing repository; keywords replace."""

    def build(**topology: Any) -> dict[str, Any]:
        return {
            "topology": {
                "owner": "acme",
                "github_plan": "team",
                "application": {"name": "shop", "existing": True, "visibility": "public", "code_owners": True},
                "environments": [
                    {"name": "staging"},
                    {"name": "production", "reviewers": [{"team": "platform", "id": 7}]},
                    {"name": "review"},
                ],
                **topology,
            }
        }

    return build


@pytest.fixture
def staging(topology: Args) -> Args:
    """Arguments of GitOpsTopology with staging alone; keywords go into the environment, but `application` is its own.

    `secrets` are given for the keys that the tests name.
    """

    def build(application: dict[str, Any] | None = None, **environment: Any) -> dict[str, Any]:
        existing = {"name": "shop", "existing": True, "visibility": "public"}
        made = topology(
            application=existing if application is None else application,
            environments=[{"name": "staging", **environment}],
        )
        return made | {"secrets": {"stagingKey": PRIVATE_KEY}}

    return build


PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nPRIVATE-KEY-CANARY\n-----END PRIVATE KEY-----\n"
"""Has the form of one, and is none."""


@pytest.fixture
def kubeconfig() -> str:
    """Has the form of one, and leads nowhere."""
    return KUBECONFIG


KUBECONFIG = """\
current-context: eu-admin
contexts: [{name: eu-admin, context: {cluster: eu, user: admin}}]
clusters: [{name: eu, cluster: {server: "https://eu.acme.example"}}]
users: [{name: admin, user: {token: KUBECONFIG-CANARY}}]
"""
