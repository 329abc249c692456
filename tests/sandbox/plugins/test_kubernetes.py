"""The kubernetes plugin over its real protocol, in its own process, on a real API server."""

import base64
import importlib.metadata
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2
from kubernetes.dynamic import DynamicClient
from pulumi.runtime.proto import provider_pb2, status_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub as Stub

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.plugins import wire

CANARY = "canary-that-nobody-may-see"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
NAMESPACE = "kubernetes:core/v1:Namespace"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
HOLD = "example.com/hold"
OWNER = "the kubernetes plugin of the sandbox"

Values = dict[str, Any]


def urn(token: str, name: str = "thing") -> str:
    return f"urn:pulumi:s::p::{token}::{name}"


def config_map(namespace: str, name: str = "settings", **data: str) -> Values:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data or {"mode": "on"},
    }


def secret(namespace: str, **fields: Any) -> Values:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": namespace}, **fields}


def checked(stub: Stub, token: str, news: Values, olds: Values | None = None, **more: Any) -> Values:
    request = provider_pb2.CheckRequest(urn=urn(token), news=wire.write(news), **more)
    if olds is not None:
        request.olds.CopyFrom(wire.write(olds))
    return wire.read(stub.Check(request).inputs)


def create(stub: Stub, token: str, inputs: Values, **more: Any) -> tuple[str, Values]:
    answer = stub.Create(provider_pb2.CreateRequest(urn=urn(token), properties=wire.write(inputs), **more))
    return answer.id, wire.read(answer.properties)


def update(stub: Stub, token: str, olds: Values, news: Values, **more: Any) -> Values:
    request = provider_pb2.UpdateRequest(urn=urn(token), olds=wire.write(olds), news=wire.write(news), **more)
    return wire.read(stub.Update(request).properties)


def diff(stub: Stub, token: str, olds: Values, news: Values, **more: Any) -> provider_pb2.DiffResponse:
    request = provider_pb2.DiffRequest(urn=urn(token), olds=wire.write(olds), news=wire.write(news), **more)
    return stub.Diff(request)


def differing(stub: Stub, token: str, olds: Values, news: Values) -> dict[str, str]:
    found = diff(stub, token, olds, news).detailedDiff
    return {path: provider_pb2.PropertyDiff.Kind.Name(one.kind) for path, one in found.items()}


def read(stub: Stub, token: str, identity: str, state: Values, inputs: Values) -> tuple[str, Values, Values]:
    request = provider_pb2.ReadRequest(
        urn=urn(token), id=identity, properties=wire.write(state), inputs=wire.write(inputs)
    )
    answer = stub.Read(request)
    return answer.id, wire.read(answer.properties), wire.read(answer.inputs)


def delete(stub: Stub, token: str, identity: str, state: Values, timeout: float = 0) -> None:
    stub.Delete(provider_pb2.DeleteRequest(urn=urn(token), id=identity, properties=wire.write(state), timeout=timeout))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return str(caught.value.details())


def partial(call: Callable[[], object]) -> provider_pb2.ErrorResourceInitFailed:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    [status] = [value for key, value in caught.value.trailing_metadata() if key == "grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(status).details[0].Unpack(detail)
    return detail


def objects(live: DynamicClient, kind: str = "ConfigMap", api_version: str = "v1") -> Any:
    return live.resources.get(api_version=api_version, kind=kind)


def test_it_is_the_version_that_the_package_asks_for(provider: Stub) -> None:
    assert provider.GetPluginInfo(empty_pb2.Empty()).version == importlib.metadata.version("pulumi-kubernetes")
    schema = json.loads(provider.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert len(schema["resources"]) == 12


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:batch/v1:Job",
        "kubernetes:core/v1:ConfigMapPatch",
        "kubernetes:core/v1:ConfigMapList",
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:yaml/v2:ConfigGroup",
        "kubernetes:kustomize/v2:Directory",
    ],
)
def test_what_it_does_not_have_is_refused_by_name(provider: Stub, token: str) -> None:
    said = refused(lambda: checked(provider, token, {"apiVersion": "v1", "kind": "ConfigMap"}))
    assert said == f"{OWNER} does not implement {token} ({urn(token)})"
    said = refused(lambda: provider.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode")))
    assert said == f"{OWNER} does not implement Invoke"


def test_an_object_without_a_name_gets_one_and_keeps_it(provider: Stub, namespace: str) -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace}}
    first = checked(provider, CONFIG_MAP, news, randomSeed=b"seed")
    name = first["metadata"]["name"]
    assert name.startswith("thing-")
    assert len(name) == len("thing-") + 8
    assert first["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert checked(provider, CONFIG_MAP, news, randomSeed=b"seed") == first
    assert checked(provider, CONFIG_MAP, news, first) == first
    options = provider_pb2.CheckRequest.AutonamingOptions
    proposed = options(proposed_name="mine", mode=options.ENFORCE)
    assert checked(provider, CONFIG_MAP, news, autonaming=proposed)["metadata"]["name"] == "mine"
    disabled = options(mode=options.DISABLE)
    assert "`.metadata.name`" in refused(lambda: checked(provider, CONFIG_MAP, news, autonaming=disabled))


def test_an_object_goes_to_the_default_namespace_if_its_kind_has_one(provider: Stub, cluster: Cluster) -> None:
    def place(token: str, api_version: str, kind: str) -> str | None:
        news = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}
        return checked(provider, token, news)["metadata"].get("namespace")

    assert place(CONFIG_MAP, "v1", "ConfigMap") == "default"
    assert place(NAMESPACE, "v1", "Namespace") is None
    assert place("kubernetes:example.org/v1:Unknown", "example.org/v1", "Unknown") == "default"


def test_a_creation_makes_the_object_and_a_dry_run_does_not(
    provider: Stub, live: DynamicClient, namespace: str
) -> None:
    identity, seen = create(provider, CONFIG_MAP, config_map(namespace), preview=True)
    assert (identity, seen["data"]) == ("", {"mode": "on"})
    assert "settings" not in [one.metadata.name for one in objects(live).get(namespace=namespace).items]
    identity, state = create(provider, CONFIG_MAP, config_map(namespace))
    assert identity == f"{namespace}/settings"
    found = objects(live).get(name="settings", namespace=namespace).to_dict()
    assert state["metadata"]["uid"] == found["metadata"]["uid"]
    assert state["__inputs"] == config_map(namespace)
    assert state["__initialApiVersion"] == "v1"
    assert state["__fieldManager"].startswith("pulumi-kubernetes-")
    assert "app.kubernetes.io/managed-by" not in found["metadata"].get("labels", {})
    assert differing(provider, CONFIG_MAP, state, config_map(namespace)) == {}


def test_what_exists_already_is_not_taken_over(
    provider: Stub, configured: Any, cluster: Cluster, namespace: str
) -> None:
    create(provider, CONFIG_MAP, config_map(namespace))
    other = config_map(namespace, mode="other")
    said = refused(lambda: create(provider, CONFIG_MAP, other))
    assert said == (
        f'resource "{urn(CONFIG_MAP)}" was not successfully created by the Kubernetes API server: '
        f'configmaps "settings" already exists'
    )
    assert create(provider, CONFIG_MAP, other, preview=True) == ("", other)
    adopting = configured(cluster.kubeconfig, upsertExistingObjects="true", enablePatchForce="true")
    assert create(adopting, CONFIG_MAP, other)[1]["data"] == {"mode": "other"}


def test_an_update_removes_what_the_program_drops(provider: Stub, live: DynamicClient, namespace: str) -> None:
    """The fields of the creation belong to another manager; the first update takes them over."""
    token = "kubernetes:core/v1:ServiceAccount"
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    before = {**account, "metadata": {"name": "a", "namespace": namespace, "labels": {"one": "1", "two": "2"}}}
    after = {**account, "metadata": {"name": "a", "namespace": namespace, "labels": {"one": "1"}}}
    _, state = create(provider, token, before)
    assert differing(provider, token, state, after) == {"metadata.labels.two": "DELETE"}
    seen = update(provider, token, state, after, preview=True)
    assert seen["__fieldManager"] == state["__fieldManager"]
    update(provider, token, state, after)
    assert objects(live, "ServiceAccount").get(name="a", namespace=namespace).metadata.labels.to_dict() == {"one": "1"}


def test_a_conflict_names_the_other_manager_and_the_way_out(
    provider: Stub, live: DynamicClient, namespace: str
) -> None:
    token = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    before = {**policy, "metadata": {"name": "np", "namespace": namespace}, "spec": {"podSelector": {}}}
    _, state = create(provider, token, before)
    theirs = {**before, "spec": {"podSelector": {"matchLabels": {"app": "theirs"}}}}
    objects(live, "NetworkPolicy", policy["apiVersion"]).server_side_apply(
        body=theirs, name="np", namespace=namespace, field_manager="somebody", force_conflicts=True
    )
    ours = {**before, "spec": {"podSelector": {"matchLabels": {"app": "ours"}}}}
    detail = partial(lambda: update(provider, token, state, ours))
    assert detail.reasons[0].startswith(f'the Kubernetes API server reported that "{namespace}/np" failed')
    assert "Server-Side Apply field conflict detected" in detail.reasons[0]
    assert 'conflict with "somebody": .spec.podSelector\n' in detail.reasons[0]
    assert 'pulumi.com/patchForce: "true"' in detail.reasons[0]
    assert wire.read(detail.properties)["spec"]["podSelector"] == theirs["spec"]["podSelector"]
    ours["metadata"] = {**ours["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
    assert (
        update(provider, token, wire.read(detail.properties), ours)["spec"]["podSelector"]
        == ours["spec"]["podSelector"]
    )


def test_an_ignored_field_stays_with_whom_has_it(provider: Stub, live: DynamicClient, namespace: str) -> None:
    """Such as `spec.suspend`, which people set by hand."""
    token = "kubernetes:source.toolkit.fluxcd.io/v1:GitRepository"
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "shop", "namespace": namespace},
        "spec": {"interval": "1h", "url": "https://127.0.0.1:1/shop", "suspend": False},
    }
    _, state = create(provider, token, source)
    theirs = {**source, "spec": {"suspend": True}}
    objects(live, "GitRepository", source["apiVersion"]).server_side_apply(
        body=theirs, name="shop", namespace=namespace, field_manager="somebody", force_conflicts=True
    )
    after = {**source, "spec": {**source["spec"], "interval": "2h"}}
    for preview in (True, False):
        seen = update(provider, token, state, after, ignoreChanges=["spec.suspend"], preview=preview)
        assert (seen["spec"]["interval"], seen["spec"]["suspend"]) == ("2h", True)
    own = {**source, "spec": {**source["spec"], "interval": "3h"}}
    ignoring = ["spec.interval", 'metadata.annotations["example.com/x"]']
    assert update(provider, token, seen, own, ignoreChanges=[*ignoring, "spec.suspend"])["spec"]["interval"] == "2h"


def test_an_invalid_object_is_refused_in_the_servers_words_also_in_a_preview(provider: Stub, namespace: str) -> None:
    wrong = config_map(namespace, "Not_A_Name")
    for preview in (True, False):
        said = refused(lambda preview=preview: create(provider, CONFIG_MAP, wrong, preview=preview))
        assert 'ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name"' in said


def test_a_missing_kind_is_explained_and_a_preview_without_it_shows_the_inputs(provider: Stub, namespace: str) -> None:
    token = "kubernetes:example.org/v1:Gadget"
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": namespace}}
    assert create(provider, token, gadget, preview=True) == ("", gadget)
    said = refused(lambda: create(provider, token, gadget))
    assert "Verify that any required CRDs have been created" in said
    assert said.endswith('no matches for kind "Gadget" in version "example.org/v1"')


def test_a_preview_in_a_namespace_that_is_still_to_come_shows_the_inputs(provider: Stub, live: DynamicClient) -> None:
    inputs = config_map("still-to-come")
    assert create(provider, CONFIG_MAP, inputs, preview=True) == ("", inputs)

    def make() -> None:
        objects(live, "Namespace").create({"metadata": {"name": "still-to-come"}})

    later = threading.Timer(0.5, make)
    later.start()
    assert create(provider, CONFIG_MAP, inputs)[0] == "still-to-come/settings"
    later.join()


def test_forbidden_is_told_in_the_servers_words(configured: Any, cluster: Cluster, namespace: str) -> None:
    nobody = configured(cluster.user("nobody"))
    said = refused(lambda: create(nobody, CONFIG_MAP, config_map(namespace)))
    assert 'configmaps is forbidden: User "nobody" cannot create resource "configmaps"' in said
    assert create(nobody, CONFIG_MAP, config_map(namespace), preview=True) == ("", config_map(namespace))


def test_the_content_of_secrets_is_secret_and_so_is_what_the_program_marks(provider: Stub, namespace: str) -> None:
    inputs = checked(provider, SECRET, secret(namespace, stringData={"token": CANARY}))
    assert wire.is_secret(inputs["stringData"])
    _, state = create(provider, SECRET, inputs)
    assert wire.is_secret(state["data"])
    assert wire.is_secret(state["__inputs"]["stringData"])
    assert wire.revealed(state["data"]) == {"token": base64.b64encode(CANARY.encode()).decode()}
    assert differing(provider, SECRET, state, inputs) == {}
    marked = config_map(namespace)
    marked["metadata"]["annotations"] = {"open": "yes", "closed": wire.secret(CANARY)}
    _, state = create(provider, CONFIG_MAP, checked(provider, CONFIG_MAP, marked))
    noted = state["metadata"]["annotations"]
    assert (noted["open"], noted["closed"]) == ("yes", wire.secret(CANARY))
    assert CANARY not in json.dumps({**state, "metadata": None, "__inputs": None})
    _, _, again = read(provider, CONFIG_MAP, f"{namespace}/settings", state, marked)
    assert again["metadata"]["annotations"]["closed"] == wire.secret(CANARY)


def test_no_refusal_quotes_a_secret(provider: Stub, namespace: str) -> None:
    marked = config_map(namespace)
    marked["metadata"]["labels"] = {"l": wire.secret(f"{CANARY} is no label")}
    said = refused(lambda: create(provider, CONFIG_MAP, marked))
    assert "Invalid value" in said
    assert CANARY not in said
    assert "[secret]" in said
    typed = secret(namespace, data={"token": f"{CANARY}!"})
    said = refused(lambda: create(provider, SECRET, typed))
    assert "illegal base64" in said
    assert CANARY not in said


def test_a_refresh_sees_drift_only_in_what_the_program_asks_for(
    provider: Stub, live: DynamicClient, namespace: str
) -> None:
    inputs = config_map(namespace, mode="on", size="1")
    identity, state = create(provider, CONFIG_MAP, inputs)
    patch = {"metadata": {"labels": {"theirs": "yes"}}, "data": {"mode": "off", "theirs": "yes"}}
    objects(live).patch(patch, name="settings", namespace=namespace, content_type="application/merge-patch+json")
    _, state, seen = read(provider, CONFIG_MAP, identity, state, inputs)
    assert seen == config_map(namespace, mode="off", size="1")
    assert state["metadata"]["labels"] == {"theirs": "yes"}
    assert differing(provider, CONFIG_MAP, state, inputs) == {"data.mode": "UPDATE_REPLACE"}
    objects(live).delete(name="settings", namespace=namespace)
    assert read(provider, CONFIG_MAP, identity, state, inputs) == ("", {}, {})


def test_a_refresh_of_a_secret_keeps_the_programs_form(provider: Stub, live: DynamicClient, namespace: str) -> None:
    inputs = checked(provider, SECRET, secret(namespace, stringData={"token": CANARY}))
    identity, state = create(provider, SECRET, inputs)
    _, again, seen = read(provider, SECRET, identity, state, inputs)
    assert wire.revealed(seen["stringData"]) == {"token": CANARY}
    assert differing(provider, SECRET, again, inputs) == {}


def test_an_import_takes_the_whole_object(provider: Stub, live: DynamicClient, namespace: str) -> None:
    objects(live).create({**config_map(namespace), "immutable": True})
    identity, state, inputs = read(provider, CONFIG_MAP, f"{namespace}/settings", {}, {})
    assert identity == f"{namespace}/settings"
    assert inputs == {**config_map(namespace), "immutable": True}
    assert differing(provider, CONFIG_MAP, state, {**config_map(namespace), "immutable": True}) == {}
    assert read(provider, CONFIG_MAP, f"{namespace}/absent", {}, {}) == ("", {}, {})


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
    provider: Stub, token: str, before: Values, after: Values, replaced: set[str]
) -> None:
    api_version, _, name = token.removeprefix("kubernetes:").removeprefix("core/").rpartition(":")
    common = {"apiVersion": api_version, "kind": name, "metadata": {"name": "n", "namespace": "ns"}}
    old, new = {**common, **before}, {**common, **after}
    answer = diff(provider, token, {**old, "__inputs": old}, new)
    assert set(answer.replaces) == replaced
    assert answer.deleteBeforeReplace is bool(replaced)
    moved = {**new, "metadata": {"name": "n", "namespace": "elsewhere"}}
    answer = diff(provider, token, {**old, "__inputs": old}, moved)
    assert "metadata.namespace" in answer.replaces
    assert not answer.deleteBeforeReplace
    ignoring = diff(provider, token, {**old, "__inputs": old}, new, ignoreChanges=[*after, "data"])
    assert ignoring.changes == provider_pb2.DiffResponse.DIFF_NONE or "data" in before


def test_mutable_config_maps_are_updated_if_the_provider_allows_it(configured: Any, cluster: Cluster) -> None:
    stub = configured(cluster.kubeconfig, enableConfigMapMutable="true")
    old, new = config_map("ns", a="1"), config_map("ns", a="2")
    assert differing(stub, CONFIG_MAP, {**old, "__inputs": old}, new) == {"data.a": "UPDATE"}


def test_what_the_server_writes_in_its_own_form_is_no_difference(provider: Stub, namespace: str) -> None:
    container = {
        "name": "web",
        "image": "web",
        "env": [{"name": "EMPTY", "value": ""}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        "ports": [{"containerPort": 80.0}],
    }
    asked = deployment(namespace, containers=[container])
    asked["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    identity, state = create(provider, DEPLOYMENT, asked)
    assert differing(provider, DEPLOYMENT, state, asked) == {}
    _, again, inputs = read(provider, DEPLOYMENT, identity, state, asked)
    assert differing(provider, DEPLOYMENT, again, asked) == {}
    assert update(provider, DEPLOYMENT, again, inputs)["spec"]["replicas"] == 2


def test_a_deletion_waits_until_the_object_is_gone(provider: Stub, live: DynamicClient, namespace: str) -> None:
    held = config_map(namespace)
    held["metadata"]["finalizers"] = [HOLD]
    identity, state = create(provider, CONFIG_MAP, held)
    said = refused(lambda: delete(provider, CONFIG_MAP, identity, state, timeout=0.3))
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
    delete(provider, CONFIG_MAP, identity, state)
    assert time.monotonic() - started >= 0.5
    later.join()
    delete(provider, CONFIG_MAP, identity, state)  # gone already


def test_an_object_of_a_vanished_kind_counts_as_deleted(provider: Stub) -> None:
    token = "kubernetes:example.org/v1:Gadget"
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "default"}}
    delete(provider, token, "default/g", {**gadget, "__inputs": gadget})
    assert read(provider, token, "default/g", gadget, gadget) == ("", {}, {})


def test_an_object_that_does_not_become_ready_is_kept(provider: Stub, live: DynamicClient, namespace: str) -> None:
    waiting = config_map(namespace)
    waiting["metadata"]["annotations"] = {
        "pulumi.com/waitFor": "jsonpath={.data.mode}=ready",
        "pulumi.com/timeoutSeconds": "1",
    }
    detail = partial(lambda: create(provider, CONFIG_MAP, waiting))
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
    assert create(provider, CONFIG_MAP, waiting)[1]["data"] == {"mode": "ready"}
    later.join()


def deployment(namespace: str, **spec: Any) -> Values:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web"}], **spec},
            },
        },
    }


def test_a_deployment_and_its_service_are_waited_for(provider: Stub, namespace: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    detail = partial(lambda: create(provider, "kubernetes:core/v1:Service", service, timeout=0.2))
    assert detail.reasons[1].startswith("Service does not target any Pods")
    identity, state = create(provider, DEPLOYMENT, deployment(namespace))
    assert state["status"]["readyReplicas"] == 2
    assert read(provider, DEPLOYMENT, identity, state, deployment(namespace))[0] == identity
    kept = wire.read(detail.properties)
    assert read(provider, "kubernetes:core/v1:Service", identity, kept, service)[0] == identity
    nowhere = deployment(namespace, nodeSelector={"no": "where"})
    detail = partial(lambda: update(provider, DEPLOYMENT, state, nowhere, timeout=1))
    assert (
        f"\"{identity}\" failed to fully initialize or become live: 'web' timed out waiting to be Ready"
        in detail.reasons[0]
    )
    assert any("up to date" in reason or "ReplicaSet" in reason for reason in detail.reasons[1:])
    detail = partial(lambda: read(provider, DEPLOYMENT, identity, wire.read(detail.properties), nowhere))
    assert detail.reasons[0] == "Resource 'web' was created but failed to initialize"
    delete(provider, DEPLOYMENT, identity, state)


def test_a_receiver_of_flux_is_waited_for_until_it_has_its_address(provider: Stub, namespace: str) -> None:
    create(provider, SECRET, secret(namespace, stringData={"token": CANARY}))
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
    identity, state = create(provider, token, receiver, timeout=30)
    assert state["status"]["webhookPath"].startswith("/hook/")
    assert differing(provider, token, state, receiver) == {}
    _, state, inputs = read(provider, token, identity, state, receiver)
    assert inputs == receiver
    delete(provider, token, identity, state)


def test_without_server_side_apply_objects_are_labelled_and_written_as_a_whole(
    configured: Any, cluster: Cluster, namespace: str
) -> None:
    stub = configured(cluster.kubeconfig, enableServerSideApply="false", enableConfigMapMutable="true")
    inputs = checked(stub, CONFIG_MAP, config_map(namespace))
    assert inputs["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "pulumi"}
    assert create(stub, CONFIG_MAP, inputs, preview=True) == ("", inputs)
    _, state = create(stub, CONFIG_MAP, inputs)
    assert state["__fieldManager"] == "pulumi-kubernetes"
    assert update(stub, CONFIG_MAP, state, {**inputs, "data": {"mode": "off"}})["data"] == {"mode": "off"}


def test_the_default_namespace_is_the_providers_else_the_kubeconfigs(configured: Any, cluster: Cluster) -> None:
    def place(kubeconfig: str, **settings: str) -> str:
        news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
        return str(checked(configured(kubeconfig, **settings), CONFIG_MAP, news)["metadata"]["namespace"])

    config = yaml.safe_load(cluster.kubeconfig)
    config["contexts"][0]["context"]["namespace"] = "from-context"
    assert place(yaml.safe_dump(config)) == "from-context"
    assert place(yaml.safe_dump(config), namespace="from-provider") == "from-provider"
    assert place(str(cluster.kubeconfig_file)) == "default"


def test_a_cancellation_ends_waits_and_keeps_the_object(configured: Any, cluster: Cluster, namespace: str) -> None:
    stub = configured(cluster.kubeconfig)
    waiting = config_map(namespace)
    waiting["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=Ready"}
    threading.Timer(0.5, lambda: stub.Cancel(empty_pb2.Empty())).start()
    detail = partial(lambda: create(stub, CONFIG_MAP, waiting))
    assert 'Resource operation was cancelled for "settings"' in detail.reasons[0]


DEAD = yaml.safe_dump(
    {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": CANARY}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
)
REFUSED = 'unable to load schema information from the API server: Get "https://127.0.0.1:1/api/v1": connection refused'
AFTERWARDS = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


def test_an_unreachable_cluster_is_told_where_it_matters(configured: Any) -> None:
    stub, inputs = configured(DEAD), config_map("default")
    state = {**inputs, "__inputs": inputs}
    assert checked(stub, CONFIG_MAP, inputs) == inputs
    assert differing(stub, CONFIG_MAP, state, inputs) == {}
    assert create(stub, CONFIG_MAP, inputs, preview=True) == ("", inputs)
    assert update(stub, CONFIG_MAP, state, inputs, preview=True) == inputs
    unreachable = f"configured Kubernetes cluster is unreachable: {REFUSED}"
    assert refused(lambda: create(stub, CONFIG_MAP, inputs)) == unreachable
    assert refused(lambda: update(stub, CONFIG_MAP, state, inputs)) == unreachable
    said = refused(lambda: delete(stub, CONFIG_MAP, "default/settings", state))
    assert said == f"configured Kubernetes cluster is unreachable. {AFTERWARDS}"
    said = refused(lambda: read(stub, CONFIG_MAP, "default/settings", state, inputs))
    assert said == f"failed to read resource state due to unreachable cluster. {AFTERWARDS}"


def test_an_unreachable_cluster_can_be_forgotten_or_passed_over(configured: Any) -> None:
    inputs = config_map("default")
    state = {**inputs, "__inputs": inputs}
    forgetting = configured(DEAD, {"PULUMI_K8S_DELETE_UNREACHABLE": "true"})
    delete(forgetting, CONFIG_MAP, "default/settings", state)
    assert read(forgetting, CONFIG_MAP, "default/settings", state, inputs) == ("", {}, {})
    passing = configured(DEAD, skipUpdateUnreachable="true")
    assert read(passing, CONFIG_MAP, "default/settings", state, inputs) == ("default/settings", state, inputs)


def test_a_cluster_that_does_not_answer_is_waited_for_once(configured: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stub = configured(DEAD.replace("127.0.0.1:1", f"127.0.0.1:{port}"))
        started = time.monotonic()
        for _ in range(5):
            assert "unreachable: unable to load" in refused(lambda: create(stub, CONFIG_MAP, config_map("default")))
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("kubeconfig", "reason"),
    [
        ("", "does not read ~/.kube/config"),
        ("{", "it is neither YAML nor JSON"),
        ("/absent/kubeconfig", "the file /absent/kubeconfig cannot be read: No such file or directory"),
        (DEAD.replace("current-context: x", "current-context: y"), 'context "y" does not exist'),
        (DEAD.replace("server: https", "server: ftp"), "unreachable"),
    ],
    ids=["none", "broken", "no file", "no context", "no HTTP"],
)
def test_a_kubeconfig_that_cannot_be_used_makes_the_cluster_unreachable(
    configured: Any, kubeconfig: str, reason: str
) -> None:
    stub = configured(kubeconfig, {"KUBECONFIG": ""})
    said = refused(lambda: create(stub, CONFIG_MAP, config_map("default")))
    assert said.startswith("configured Kubernetes cluster is unreachable: ")
    assert reason in said
    assert CANARY not in said


def test_bad_credentials_are_told(configured: Any, cluster: Cluster) -> None:
    good = yaml.safe_load(cluster.kubeconfig)
    good["users"][0]["user"] = {"token": CANARY}
    said = refused(lambda: create(configured(yaml.safe_dump(good)), CONFIG_MAP, config_map("default")))
    assert said.endswith("the server has asked for the client to provide credentials")
    assert CANARY not in said


def config_diff(stub: Stub, olds: Values, news: Values) -> provider_pb2.DiffResponse:
    request = provider_pb2.DiffRequest(
        urn=urn("pulumi:providers:kubernetes"), olds=wire.write(olds), news=wire.write(news)
    )
    return stub.DiffConfig(request)


def test_another_active_cluster_replaces_the_provider(provider: Stub) -> None:
    old = {"kubeconfig": DEAD}
    other = {"kubeconfig": DEAD.replace("127.0.0.1:1", "127.0.0.1:2")}
    assert config_diff(provider, old, old).changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(config_diff(provider, old, other).replaces) == ["kubeconfig"]
    renewed = {"kubeconfig": wire.secret(DEAD.replace(CANARY, "another token"))}
    answer = config_diff(provider, old, renewed)
    assert (list(answer.diffs), list(answer.replaces)) == (["kubeconfig"], [])
    assert list(config_diff(provider, old, {"kubeconfig": wire.UNKNOWN}).replaces) == ["kubeconfig"]
    named = {"clusterIdentifier": "one"}
    assert list(config_diff(provider, old | named, other | named).replaces) == []
    assert list(config_diff(provider, old | named, old | {"clusterIdentifier": "two"}).replaces) == [
        "clusterIdentifier"
    ]


def test_rendering_to_files_is_refused_by_name(provider: Stub) -> None:
    news = wire.write({"renderYamlToDirectory": "out", "kubeconfig": DEAD})
    answer = provider.CheckConfig(provider_pb2.CheckRequest(urn=urn("pulumi:providers:kubernetes"), news=news))
    assert [(one.property, one.reason) for one in answer.failures] == [
        ("renderYamlToDirectory", f"{OWNER} does not implement the setting renderYamlToDirectory; remove it")
    ]


def test_strict_mode_wants_kubeconfig_and_context(provider: Stub) -> None:
    request = provider_pb2.CheckRequest(
        urn=urn("pulumi:providers:kubernetes", "default"), news=wire.write({"strictMode": "true"})
    )
    assert [one.reason for one in provider.CheckConfig(request).failures] == [
        "strict mode prohibits default provider",
        'strict mode requires Provider "kubeconfig" argument',
        'strict mode requires Provider "context" argument',
    ]
