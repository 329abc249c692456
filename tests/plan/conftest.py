"""A valid topology of three environments, in which a test changes what it is about."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]


@pytest.fixture
def topology() -> Build:
    """`topology(application={...}, staging={...}, production={...}, review={...}, more=[...], **top)`."""

    def build(
        application: dict[str, Any] | None = None,
        staging: dict[str, Any] | None = None,
        production: dict[str, Any] | None = None,
        review: dict[str, Any] | None = None,
        more: list[dict[str, Any]] | None = None,
        **top: Any,
    ) -> Topology:
        environments = [
            {"name": "staging", **(staging or {})},
            {"name": "production", "reviewers": [{"team": "platform", "id": 7}], **(production or {})},
            {"name": "review", **(review or {})},
            *(more or []),
        ]
        shop = {"name": "shop", "existing": True, "visibility": "public", "code_owners": True, **(application or {})}
        given = {"owner": "acme", "github_plan": "team", "application": shop, "environments": environments, **top}
        return Topology.model_validate(given)

    return build
