"""What becomes of a pending create of an object in a cluster. The cluster's answers are given by a table."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.recovery.fate import Decision, Fate
from gitops_infra.recovery.in_cluster import KINDS, Clusters, decide_in_cluster
from gitops_infra.recovery.state import PendingCreate, opened, planned_creates

LABELS = {"gitops-infra/owner": "acme", "gitops-infra/application": "shop", "gitops-infra/environment": "staging"}
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:kubernetes::shop-cluster-eu-provider"
SOURCE = "kubernetes:source.toolkit.fluxcd.io/v1:GitRepository"
NAMESPACE = "kubernetes:core/v1:Namespace"
KUBECONFIG = json.dumps(
    {
        "current-context": "one",
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("one", "two")],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example"}} for name in ("one", "two")],
        "users": [{"name": "me", "user": {"token": "canary"}}],
    }
)


def create(kind: str, *, labels: Mapping[str, str] = LABELS, **metadata: Any) -> PendingCreate:
    inputs = {"metadata": {"labels": labels, **metadata}}
    return PendingCreate(f"urn:pulumi:dev::shop::{kind}::thing", kind, inputs, None, PROVIDER)


class Answering(Clusters):
    """A cluster that has these objects, or fails."""

    def __init__(self, there: Any = None) -> None:
        super().__init__(dict, {})
        self.there = there
        self.asked: list[Any] = []

    def of(self, provider: str) -> Any:
        assert provider == PROVIDER
        return self

    def get(self, *asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.there, Exception):
            raise self.there
        return self.there


def decided(pending: PendingCreate, there: Any = None) -> Decision:
    return decide_in_cluster(pending, Answering(there))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_is_imported(kind: str) -> None:
    there = {"metadata": {"labels": {**LABELS, "more": "x"}}}
    decision = decided(create(kind, name="shop", namespace="shop-staging"), there)
    assert (decision.fate, decision.import_id) == (Fate.IMPORT, "shop-staging/shop")
    assert str(decision) == "thing: is in the cluster; imported as shop-staging/shop"


def test_a_namespace_is_in_none() -> None:
    cluster = Answering({"metadata": {"labels": LABELS}})
    assert decide_in_cluster(create(NAMESPACE, name="shop-staging"), cluster).import_id == "shop-staging"
    assert cluster.asked == [("v1", "Namespace", None, "shop-staging")]


@pytest.mark.parametrize("there", [None, ClusterFailed("api-absent", "it serves no GitRepository", "Install Flux")])
def test_what_is_not_there_is_made_by_the_next_run(there: Any) -> None:
    decision = decided(create(SOURCE, name="shop", namespace="s"), there)
    assert str(decision) == "thing: is not in the cluster; made by the next `pulumi up`"
    assert decision.fate is Fate.ABSENT


def test_what_is_somebody_elses_is_left_to_the_user() -> None:
    there = {"metadata": {"labels": {**LABELS, "gitops-infra/environment": "production"}}}
    decision = decided(create(SOURCE, name="shop", namespace="s"), there)
    assert decision.fate is Fate.UNKNOWN
    assert decision.why == (
        "GitRepository s/shop is in the cluster, but not this environment's: gitops-infra/environment differ"
    )


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (ClusterFailed("unreachable", "eu cannot be asked", "Start it"), "eu cannot be asked. Start it"),
        (
            ClusterFailed("refused-credentials", "eu refuses the credentials", "Make a new kubeconfig"),
            (
                f"eu refuses the credentials. Make a new kubeconfig, and write it into the state with `pulumi up "
                f"--target '{PROVIDER}'`"
            ),
        ),
    ],
)
def test_a_cluster_that_cannot_be_asked_judges_nothing(failed: ClusterFailed, why: str) -> None:
    decision = decided(create(SOURCE, name="shop", namespace="s"), failed)
    assert (decision.fate, decision.why) == (Fate.UNKNOWN, why)


def test_a_name_that_was_not_known_yet() -> None:
    assert decided(create(SOURCE, namespace="s")).fate is Fate.UNKNOWN


def secret(value: Any) -> dict[str, Any]:
    return {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "plaintext": json.dumps(value),
    }


def state(**inputs: Any) -> dict[str, Any]:
    return {"deployment": {"resources": [{"urn": PROVIDER, "inputs": inputs}]}}


@pytest.mark.parametrize(("context", "host"), [(None, "one.example"), ("two", "two.example")])
def test_the_kubeconfig_is_that_of_the_stacks_provider(context: str | None, host: str) -> None:
    inputs = {"kubeconfig": secret(KUBECONFIG), **({"context": context} if context else {})}
    reads: list[int] = []

    def shown() -> dict[str, Any]:
        reads.append(1)
        return state(**inputs)

    clusters = Clusters(shown, {})
    assert clusters.of(PROVIDER).host == host
    assert clusters.of(PROVIDER) is clusters.of(PROVIDER)
    assert reads == [1]


def test_without_one_it_is_kubectls_own(tmp_path: Any) -> None:
    tmp_path.joinpath("config").write_text(KUBECONFIG)
    clusters = Clusters(lambda: state(context="two"), {"KUBECONFIG": str(tmp_path / "config")})
    assert clusters.of(PROVIDER).host == "two.example"


def test_a_provider_may_name_a_file(tmp_path: Any) -> None:
    tmp_path.joinpath("config").write_text(KUBECONFIG)
    assert Clusters(lambda: state(kubeconfig=str(tmp_path / "config")), {}).of(PROVIDER).host == "one.example"
    with pytest.raises(ClusterFailed) as failed:
        Clusters(lambda: state(kubeconfig=str(tmp_path / "absent")), {}).of(PROVIDER)
    assert failed.value.code == "bad-kubeconfig"


def test_a_stack_without_the_provider() -> None:
    with pytest.raises(ClusterFailed) as failed:
        Clusters(dict, {}).of(PROVIDER)
    assert failed.value.reason == "the stack has no provider shop-cluster-eu-provider"


def test_secrets_are_opened_wherever_they_are() -> None:
    hidden = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    value = {"url": secret("https://flux"), "list": [secret(secret(1)), "a"], "hidden": hidden}
    assert opened(value) == {"url": "https://flux", "list": [1, "a"], "hidden": None}


def test_no_provider_is_taken_for_a_thing_that_failed() -> None:
    kinds = ("pulumi:providers:kubernetes", SOURCE)
    steps = [{"op": "create", "newState": {"urn": f"urn::{kind}::x", "type": kind, "custom": True}} for kind in kinds]
    assert [each.type for each in planned_creates({"steps": steps}, {"deployment": {}})] == [SOURCE]
