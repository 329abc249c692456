"""What is in an environment branch: four small objects, one of which tells the release."""

import json
from typing import Any

RELEASE = "release"
"""Name of the ConfigMap by which a push is recognised in the cluster."""


def objects(release: str) -> list[dict[str, Any]]:
    """None of them has to become healthy: that would measure a Deployment, not the delivery."""
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"LOG_LEVEL": "info"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RELEASE}, "data": {"RELEASE": release}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "shop"},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]},
        },
    ]


def folder(environment: str) -> str:
    """Where the topology expects the environment's manifests."""
    return f"deploy/{environment}"


def files(environment: str, release: str) -> dict[str, str]:
    """The environment's folder: path -> content."""
    return {
        f"{folder(environment)}/{number}-{one['kind'].lower()}.yaml": f"{json.dumps(one, indent=2)}\n"
        for number, one in enumerate(objects(release), 1)
    }
