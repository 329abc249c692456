"""What the kubernetes plugin sees as a difference: drift, imports, replacements."""

import pytest
from kubernetes.dynamic import DynamicClient
from pulumi.runtime.proto import provider_pb2

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.plugins import wire

from .conftest import (
    CANARY,
    CONFIG_MAP,
    DEPLOYMENT,
    SECRET,
    Configured,
    Plugin,
    Values,
    config_map,
    deployment,
    objects,
    secret,
)


def test_a_refresh_sees_drift_only_in_what_the_program_asks_for(
    provider: Plugin, live: DynamicClient, namespace: str
) -> None:
    inputs = config_map(namespace, mode="on", size="1")
    identity, state = provider.create(CONFIG_MAP, inputs)
    patch = {"metadata": {"labels": {"theirs": "yes"}}, "data": {"mode": "off", "theirs": "yes"}}
    objects(live).patch(patch, name="settings", namespace=namespace, content_type="application/merge-patch+json")
    _, state, seen = provider.read(CONFIG_MAP, identity, state, inputs)
    assert seen == config_map(namespace, mode="off", size="1")
    assert state["metadata"]["labels"] == {"theirs": "yes"}
    assert provider.differing(CONFIG_MAP, state, inputs) == {"data.mode": "UPDATE_REPLACE"}
    objects(live).delete(name="settings", namespace=namespace)
    assert provider.read(CONFIG_MAP, identity, state, inputs) == ("", {}, {})


def test_a_refresh_of_a_secret_keeps_the_programs_form(provider: Plugin, live: DynamicClient, namespace: str) -> None:
    inputs = provider.checked(SECRET, secret(namespace, stringData={"token": CANARY}))
    identity, state = provider.create(SECRET, inputs)
    _, again, seen = provider.read(SECRET, identity, state, inputs)
    assert wire.revealed(seen["stringData"]) == {"token": CANARY}
    assert provider.differing(SECRET, again, inputs) == {}


def test_an_import_takes_the_whole_object(provider: Plugin, live: DynamicClient, namespace: str) -> None:
    objects(live).create({**config_map(namespace), "immutable": True})
    identity, state, inputs = provider.read(CONFIG_MAP, f"{namespace}/settings", {}, {})
    assert identity == f"{namespace}/settings"
    assert inputs == {**config_map(namespace), "immutable": True}
    assert provider.differing(CONFIG_MAP, state, {**config_map(namespace), "immutable": True}) == {}
    assert provider.read(CONFIG_MAP, f"{namespace}/absent", {}, {}) == ("", {}, {})


@pytest.mark.parametrize(
    ("token", "before", "after", "replaced"),
    [
        (CONFIG_MAP, {"data": {"a": "1"}}, {"data": {"a": "2"}}, {"data.a"}),
        (SECRET, {"type": "Opaque"}, {"type": "example.com/x"}, {"type"}),
        (SECRET, {"data": {"a": "MQ=="}}, {"stringData": {"a": "2"}}, {"data.a"}),
        (
            "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
            {"roleRef": {"name": "a"}},
            {"roleRef": {"name": "b"}},
            {"roleRef.name"},
        ),
        (
            "kubernetes:apps/v1:Deployment",
            {"spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}}},
            {"spec": {"replicas": 2, "selector": {"matchLabels": {"a": "c"}}}},
            {"spec.selector.matchLabels.a"},
        ),
        ("kubernetes:core/v1:ServiceAccount", {"x": 1}, {"x": 2}, set()),
    ],
    ids=["ConfigMap", "Secret type", "Secret data", "RoleBinding", "Deployment", "ServiceAccount"],
)
def test_what_cannot_change_replaces(
    provider: Plugin, token: str, before: Values, after: Values, replaced: set[str]
) -> None:
    api_version, _, name = token.removeprefix("kubernetes:").removeprefix("core/").rpartition(":")
    common = {"apiVersion": api_version, "kind": name, "metadata": {"name": "n", "namespace": "ns"}}
    old, new = {**common, **before}, {**common, **after}
    answer = provider.diff(token, {**old, "__inputs": old}, new)
    assert set(answer.replaces) == replaced
    assert answer.deleteBeforeReplace is bool(replaced)
    moved = {**new, "metadata": {"name": "n", "namespace": "elsewhere"}}
    answer = provider.diff(token, {**old, "__inputs": old}, moved)
    assert "metadata.namespace" in answer.replaces
    assert not answer.deleteBeforeReplace
    ignoring = provider.diff(token, {**old, "__inputs": old}, new, ignoreChanges=[*after, "data"])
    assert ignoring.changes == provider_pb2.DiffResponse.DIFF_NONE or "data" in before


def test_mutable_config_maps_are_updated_if_the_provider_allows_it(configured: Configured, cluster: Cluster) -> None:
    stub = configured(cluster.kubeconfig, enableConfigMapMutable="true")
    old, new = config_map("ns", a="1"), config_map("ns", a="2")
    assert stub.differing(CONFIG_MAP, {**old, "__inputs": old}, new) == {"data.a": "UPDATE"}


def test_what_the_server_writes_in_its_own_form_is_no_difference(provider: Plugin, namespace: str) -> None:
    container = {
        "name": "web",
        "image": "web",
        "env": [{"name": "EMPTY", "value": ""}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        "ports": [{"containerPort": 80.0}],
    }
    asked = deployment(namespace, containers=[container])
    asked["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    identity, state = provider.create(DEPLOYMENT, asked)
    assert provider.differing(DEPLOYMENT, state, asked) == {}
    _, again, inputs = provider.read(DEPLOYMENT, identity, state, asked)
    assert provider.differing(DEPLOYMENT, again, asked) == {}
    assert provider.update(DEPLOYMENT, again, inputs)["spec"]["replicas"] == 2
