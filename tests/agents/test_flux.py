"""What Flux is told, object by object."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.agents import flux
from gitops_infra.plan.model import Delivery, HealthCheck

Build = Callable[..., Delivery]

METADATA = {
    "name": "shop",
    "namespace": "shop-staging",
    "labels": {
        "gitops-infra/owner": "acme",
        "gitops-infra/application": "shop",
        "gitops-infra/environment": "staging",
    },
}


def test_the_source_reads_one_branch_with_one_key(delivery: Build) -> None:
    assert flux.git_repository(delivery()) == {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": METADATA,
        "spec": {
            "url": "ssh://git@github.com/acme/shop-env-staging.git",
            "ref": {"branch": "env/staging"},
            "interval": "60s",
            "timeout": "60s",
            "secretRef": {"name": "shop-git"},
        },
    }


def test_signatures_are_verified_at_the_head_where_keys_are_given(delivery: Build) -> None:
    signed = delivery(signed_by=("ONE", "TWO"))
    assert flux.git_repository(signed)["spec"]["verify"] == {"mode": "HEAD", "secretRef": {"name": "shop-signers"}}
    assert flux.signers(signed) == {"1.asc": "ONE", "2.asc": "TWO"}


def test_the_kustomization_acts_as_the_tenant_in_its_namespace(delivery: Build) -> None:
    """Never as the controller, which may do everything."""
    assert flux.kustomization(delivery(poll_seconds=30)) == {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": METADATA,
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": "shop"},
            "path": "./deploy/staging",
            "targetNamespace": "shop-staging",
            "serviceAccountName": "gitops",
            "interval": "10m",
            "retryInterval": "30s",
            "timeout": "300s",
            "prune": True,
            "wait": True,
        },
    }


def test_health_checks_are_of_the_tenants_namespace(delivery: Build) -> None:
    made = delivery(wait=False, prune=False, health_checks=(HealthCheck("apps/v1", "Deployment", "api"),))
    spec = flux.kustomization(made)["spec"]
    assert spec["healthChecks"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", "namespace": "shop-staging"}
    ]
    assert (spec["wait"], spec["prune"]) == (False, False)


def test_the_receiver_has_the_one_source_looked_at(delivery: Build) -> None:
    assert flux.receiver(delivery()) == {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": METADATA,
        "spec": {
            "type": "github",
            "events": ["ping", "push"],
            "secretRef": {"name": "shop-webhook"},
            "resources": [{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "name": "shop"}],
        },
    }


@pytest.mark.parametrize("url", ["https://flux.example.com", "https://flux.example.com/", "https://example.com/eu"])
def test_a_webhook_goes_where_flux_listens(delivery: Build, url: str) -> None:
    """SHA-256 of token, name and namespace, without anything in between."""
    path = hashlib.sha256(b"tokenshopshop-staging").hexdigest()
    assert flux.webhook_address(delivery(receiver_url=url), "token") == f"{url.rstrip('/')}/hook/{path}"


def test_every_reference_stays_in_the_namespace(delivery: Build) -> None:
    """Flux is told not to follow any other."""

    def references(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [found for each in value for found in references(each)]
        if not isinstance(value, dict):
            return []
        return [value, *(found for each in value.values() for found in references(each))]

    made = delivery(signed_by=("ONE",), health_checks=(HealthCheck("v1", "ConfigMap", "a"),))
    for found in (flux.git_repository(made), flux.kustomization(made), flux.receiver(made)):
        named = [each["namespace"] for each in references(found) if "namespace" in each]
        assert set(named) <= {"shop-staging"}


def test_the_kinds_are_of_the_apis_that_must_be_served(delivery: Build) -> None:
    made = (flux.git_repository(delivery()), flux.kustomization(delivery()), flux.receiver(delivery()))
    assert tuple(each["apiVersion"] for each in made) == flux.APIS
