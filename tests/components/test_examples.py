"""Every example runs; on the real engine it does so in the tests of the sandbox."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/__main__.py"))
KUBECONFIG = """\
current-context: eu
contexts: [{name: eu, context: {cluster: eu, user: admin}}]
clusters: [{name: eu, cluster: {server: "https://eu.acme.example"}}]
users: [{name: admin, user: {token: KUBECONFIG-CANARY}}]
"""
CONFIG = {
    "github:owner": "acme",
    "github:token": "TOKEN-CANARY",
    "gitops-infra:approver": "ann",
    "gitops-infra:pagerToken": "SECRET-CANARY",
    "gitops-infra:kubeconfig": KUBECONFIG,
}
SECRETS = ("github:token", "gitops-infra:pagerToken", "gitops-infra:kubeconfig")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_it_registers_its_component_and_leaks_no_secret(record: Callable[..., Any], example: Path) -> None:
    recorded = record(
        lambda: runpy.run_path(str(example / "__main__.py")),
        config=CONFIG,
        secret_keys=SECRETS,
        answers={"users/ann": {"code": 200, "body": '{"id": 8}'}},
    )
    assert recorded.every(example.name)
    for one in recorded.resources:
        for key, value in one.inputs.items():
            assert "CANARY" not in str(value) or key in one.secrets, f"{one.name}.{key}"
    assert "CANARY" not in str(recorded.exports)
