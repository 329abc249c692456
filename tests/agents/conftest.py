"""One delivery, in which a test changes what it is about."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.plan.model import Delivery, PolicyRule, ReadKey, Tenant

LABELS = {
    "gitops-infra/owner": "acme",
    "gitops-infra/application": "shop",
    "gitops-infra/environment": "staging",
}


@pytest.fixture
def tenant() -> Callable[..., Tenant]:
    """Staging's place in cluster `eu`; keywords replace."""

    def build(**changes: Any) -> Tenant:
        rules = (
            PolicyRule(("",), ("configmaps",), ("get", "patch")),
            PolicyRule(("apps",), ("deployments",), ("get",)),
        )
        usual = {"rules": rules, "cluster": "eu", "namespace": "shop-staging", "service_account": "gitops"}
        return Tenant(**({"labels": LABELS} | usual | changes))

    return build


@pytest.fixture
def delivery(tenant: Callable[..., Tenant]) -> Callable[..., Delivery]:
    """What the agent of that place is told; keywords replace."""

    def build(**changes: Any) -> Delivery:
        usual: dict[str, Any] = {
            "tenant": tenant(),
            "name": "shop",
            "url": "ssh://git@github.com/acme/shop-env-staging.git",
            "branch": "env/staging",
            "path": "deploy/staging",
            "key": ReadKey("acme/shop-env-staging", "title"),
            "known_hosts": ("github.com ssh-ed25519 AAAA",),
            "poll_seconds": 60,
            "timeout_seconds": 300,
            "wait": True,
            "prune": True,
        }
        return Delivery(**(usual | changes))

    return build
