"""What the kubernetes plugin waits for, and for how long."""

import json
import threading
import time

import pytest
from google.protobuf import empty_pb2
from kubernetes.dynamic import DynamicClient

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.plugins import wire

from .conftest import (
    CANARY,
    CONFIG_MAP,
    DEPLOYMENT,
    HOLD,
    SECRET,
    Configured,
    Plugin,
    config_map,
    deployment,
    objects,
    partial,
    refused,
    secret,
)


def test_a_deletion_waits_until_the_object_is_gone(provider: Plugin, live: DynamicClient, namespace: str) -> None:
    held = config_map(namespace)
    held["metadata"]["finalizers"] = [HOLD]
    identity, state = provider.create(CONFIG_MAP, held)
    said = refused(lambda: provider.delete(CONFIG_MAP, identity, state, timeout=0.3))
    assert said == (
        f'waiting for the deletion of v1/ConfigMap "{identity}" timed out; '
        f"finalizers might be preventing deletion ({HOLD})"
    )

    def release() -> None:
        patch = {"metadata": {"finalizers": None}}
        objects(live).patch(patch, name="settings", namespace=namespace, content_type="application/merge-patch+json")

    later = threading.Timer(0.5, release)
    started = time.monotonic()
    later.start()
    provider.delete(CONFIG_MAP, identity, state)
    assert time.monotonic() - started >= 0.5
    later.join()
    provider.delete(CONFIG_MAP, identity, state)  # gone already


def test_an_object_of_a_vanished_kind_counts_as_deleted(provider: Plugin) -> None:
    token = "kubernetes:example.org/v1:Gadget"
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "default"}}
    provider.delete(token, "default/g", {**gadget, "__inputs": gadget})
    assert provider.read(token, "default/g", gadget, gadget) == ("", {}, {})


def test_an_object_that_does_not_become_ready_is_kept(provider: Plugin, live: DynamicClient, namespace: str) -> None:
    waiting = config_map(namespace)
    waiting["metadata"]["annotations"] = {
        "pulumi.com/waitFor": "jsonpath={.data.mode}=ready",
        "pulumi.com/timeoutSeconds": "1",
    }
    detail = partial(lambda: provider.create(CONFIG_MAP, waiting))
    assert detail.id == f"{namespace}/settings"
    assert "'settings' timed out waiting to be Ready" in detail.reasons[0]
    assert list(detail.reasons)[1:] == ["Waiting for jsonpath={.data.mode}=ready"]
    assert wire.read(detail.properties)["__inputs"] == waiting

    def become_ready() -> None:
        patch = {"data": {"mode": "ready"}}
        objects(live).patch(patch, name="other", namespace=namespace, content_type="application/merge-patch+json")

    waiting["metadata"] |= {"name": "other", "annotations": {"pulumi.com/waitFor": "jsonpath={.data.mode}=ready"}}
    later = threading.Timer(0.3, become_ready)
    later.start()
    assert provider.create(CONFIG_MAP, waiting)[1]["data"] == {"mode": "ready"}
    later.join()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("phase=Ready", 'expected a "jsonpath=" or "condition=" prefix, got "phase=Ready"'),
        ("jsonpath=.status", "a jsonpath must be in braces, such as {.status.phase}, got .status"),
        ("jsonpath={range}", "the sandbox does not implement the jsonpath {range}"),
        ("[]", "at least one condition must be specified"),
    ],
)
def test_a_condition_that_cannot_be_waited_for_is_refused_before_anything_is_made(
    provider: Plugin, live: DynamicClient, namespace: str, asked: str, reason: str
) -> None:
    waiting = config_map(namespace)
    waiting["metadata"]["annotations"] = {"pulumi.com/waitFor": asked}
    assert refused(lambda: provider.create(CONFIG_MAP, waiting)) == f"pulumi.com/waitFor: {reason}"
    assert "settings" not in [one.metadata.name for one in objects(live).get(namespace=namespace).items]


def test_a_deployment_and_its_service_are_waited_for(provider: Plugin, namespace: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    detail = partial(lambda: provider.create("kubernetes:core/v1:Service", service, timeout=0.2))
    assert detail.reasons[1].startswith("Service does not target any Pods")
    identity, state = provider.create(DEPLOYMENT, deployment(namespace))
    assert state["status"]["readyReplicas"] == 2
    assert provider.read(DEPLOYMENT, identity, state, deployment(namespace))[0] == identity
    kept = wire.read(detail.properties)
    assert provider.read("kubernetes:core/v1:Service", identity, kept, service)[0] == identity
    nowhere = deployment(namespace, nodeSelector={"no": "where"})
    detail = partial(lambda: provider.update(DEPLOYMENT, state, nowhere, timeout=1))
    assert (
        f"\"{identity}\" failed to fully initialize or become live: 'web' timed out waiting to be Ready"
        in detail.reasons[0]
    )
    assert any("up to date" in reason or "ReplicaSet" in reason for reason in detail.reasons[1:])
    detail = partial(lambda: provider.read(DEPLOYMENT, identity, wire.read(detail.properties), nowhere))
    assert detail.reasons[0] == "Resource 'web' was created but failed to initialize"
    provider.delete(DEPLOYMENT, identity, state)


def test_a_receiver_of_flux_is_waited_for_until_it_has_its_address(provider: Plugin, namespace: str) -> None:
    provider.create(SECRET, secret(namespace, stringData={"token": CANARY}))
    receiver = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": {"name": "hook", "namespace": namespace},
        "spec": {
            "type": "github",
            "events": ["push"],
            "secretRef": {"name": "token"},
            "resources": [{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "name": "shop"}],
        },
    }
    receiver["metadata"]["annotations"] = {
        "pulumi.com/waitFor": json.dumps(["condition=Ready", "jsonpath={.status.webhookPath}"])
    }
    token = "kubernetes:notification.toolkit.fluxcd.io/v1:Receiver"
    identity, state = provider.create(token, receiver, timeout=30)
    assert state["status"]["webhookPath"].startswith("/hook/")
    assert provider.differing(token, state, receiver) == {}
    _, state, inputs = provider.read(token, identity, state, receiver)
    assert inputs == receiver
    provider.delete(token, identity, state)


def test_a_cancellation_ends_waits_and_keeps_the_object(
    configured: Configured, cluster: Cluster, namespace: str
) -> None:
    stub = configured(cluster.kubeconfig)
    waiting = config_map(namespace)
    waiting["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=Ready"}
    threading.Timer(0.5, lambda: stub.stub.Cancel(empty_pb2.Empty())).start()
    detail = partial(lambda: stub.create(CONFIG_MAP, waiting))
    assert 'Resource operation was cancelled for "settings"' in detail.reasons[0]
