"""The kinds of resources that a plan becomes are those that the components register."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.pipelines.github_actions import with_workflows
from gitops_infra.plan.build import plan
from gitops_infra.plan.resources import ResourceKind, resources
from gitops_infra.recovery.import_ids import LOOKUPS, REPEATABLE
from gitops_infra.recovery.in_cluster import KINDS
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

SIGNER = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0AAAA==\n-----END PGP PUBLIC KEY BLOCK-----\n"
EXISTING: dict[str, Any] = {"name": "shop", "existing": True, "visibility": "public", "code_owners": True}
NEW: dict[str, Any] = {
    "name": "fresh",
    "visibility": "public",
    "owners": ["@acme/platform"],
    "grants": [{"team": "platform", "role": "maintain"}, {"user": "rita", "role": "read"}],
    "labels": [{"name": "kind:bug", "color": "d73a4a"}],
}


def wanted(application: dict[str, Any]) -> Topology:
    environments: list[dict[str, Any]] = [
        {"name": "staging", "variables": {"A": "1"}, "secrets": {"TOKEN": "deployToken"}},
        {
            "name": "production",
            "reviewers": [{"team": "platform", "id": 7}],
            "cluster": "eu",
            "sync": {"signed_by": [SIGNER]},
        },
        {"name": "old", "kind": "staging", "retired": True},
        {"name": "review"},
    ]
    clusters = [{"name": "eu", "receiver_url": "https://flux.example.com"}]
    return validate(
        {
            "owner": "acme",
            "github_plan": "team",
            "application": application,
            "environments": environments,
            "clusters": clusters,
        }
    )


@pytest.mark.parametrize("application", [EXISTING, NEW], ids=["existing", "new"])
def test_components_register_what_is_counted(record: Callable[..., Any], application: dict[str, Any]) -> None:
    topology = wanted(application)

    def program() -> None:
        from gitops_infra import GitOpsTopology, GitOpsTopologyArgs  # noqa: PLC0415 - after the mocks are set

        GitOpsTopology("shop", GitOpsTopologyArgs(topology=topology, secrets={"deployToken": "value"}))

    recorded = record(program)
    made = Counter(one.type for one in recorded.resources if not one.type.startswith(("gitops-infra:", "pulumi:")))
    assert made == {kind.token: number for kind, number in resources(with_workflows(plan(topology))).items()}


def test_the_counted_kinds_are_all_that_there_are() -> None:
    counted = resources(with_workflows(plan(wanted(NEW)))).keys()
    assert counted == set(ResourceKind)


def test_a_type_is_called_as_in_the_state() -> None:
    assert ResourceKind.REPOSITORY.token == "github:index/repository:Repository"
    assert ResourceKind.KEY_PAIR.token == "tls:index/privateKey:PrivateKey"


@pytest.mark.parametrize("kind", ResourceKind)
def test_recovery_knows_what_becomes_of_each_kind(kind: ResourceKind) -> None:
    assert kind.token in {*LOOKUPS, *REPEATABLE, *KINDS}
