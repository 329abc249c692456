"""Objects over the kubernetes plugin's real protocol: names, creation, updates, refusals, secrets."""

import base64
import importlib.metadata
import json
import threading

import pytest
from google.protobuf import empty_pb2
from kubernetes.dynamic import DynamicClient
from pulumi.runtime.proto import provider_pb2

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.plugins import wire

from .conftest import (
    CANARY,
    CONFIG_MAP,
    NAMESPACE,
    OWNER,
    SECRET,
    Configured,
    Plugin,
    config_map,
    objects,
    partial,
    refused,
    secret,
    urn,
)


def test_it_is_the_version_that_the_package_asks_for(provider: Plugin) -> None:
    assert provider.stub.GetPluginInfo(empty_pb2.Empty()).version == importlib.metadata.version("pulumi-kubernetes")
    schema = json.loads(provider.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
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
def test_what_it_does_not_have_is_refused_by_name(provider: Plugin, token: str) -> None:
    said = refused(lambda: provider.checked(token, {"apiVersion": "v1", "kind": "ConfigMap"}))
    assert said == f"{OWNER} does not implement {token} ({urn(token)})"
    said = refused(lambda: provider.stub.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode")))
    assert said == f"{OWNER} does not implement Invoke"


def test_an_object_without_a_name_gets_one_and_keeps_it(provider: Plugin, namespace: str) -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace}}
    first = provider.checked(CONFIG_MAP, news, randomSeed=b"seed")
    name = first["metadata"]["name"]
    assert name.startswith("thing-")
    assert len(name) == len("thing-") + 8
    assert first["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert provider.checked(CONFIG_MAP, news, randomSeed=b"seed") == first
    assert provider.checked(CONFIG_MAP, news, first) == first
    options = provider_pb2.CheckRequest.AutonamingOptions
    proposed = options(proposed_name="mine", mode=options.ENFORCE)
    assert provider.checked(CONFIG_MAP, news, autonaming=proposed)["metadata"]["name"] == "mine"
    disabled = options(mode=options.DISABLE)
    assert "`.metadata.name`" in refused(lambda: provider.checked(CONFIG_MAP, news, autonaming=disabled))


def test_an_object_goes_to_the_default_namespace_if_its_kind_has_one(provider: Plugin, cluster: Cluster) -> None:
    def place(token: str, api_version: str, kind: str) -> str | None:
        news = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}
        return provider.checked(token, news)["metadata"].get("namespace")

    assert place(CONFIG_MAP, "v1", "ConfigMap") == "default"
    assert place(NAMESPACE, "v1", "Namespace") is None
    assert place("kubernetes:example.org/v1:Unknown", "example.org/v1", "Unknown") == "default"


def test_a_creation_makes_the_object_and_a_dry_run_does_not(
    provider: Plugin, live: DynamicClient, namespace: str
) -> None:
    identity, seen = provider.create(CONFIG_MAP, config_map(namespace), preview=True)
    assert (identity, seen["data"]) == ("", {"mode": "on"})
    assert "settings" not in [one.metadata.name for one in objects(live).get(namespace=namespace).items]
    identity, state = provider.create(CONFIG_MAP, config_map(namespace))
    assert identity == f"{namespace}/settings"
    found = objects(live).get(name="settings", namespace=namespace).to_dict()
    assert state["metadata"]["uid"] == found["metadata"]["uid"]
    assert state["__inputs"] == config_map(namespace)
    assert state["__initialApiVersion"] == "v1"
    assert state["__fieldManager"].startswith("pulumi-kubernetes-")
    assert "app.kubernetes.io/managed-by" not in found["metadata"].get("labels", {})
    assert provider.differing(CONFIG_MAP, state, config_map(namespace)) == {}


def test_what_exists_already_is_not_taken_over(
    provider: Plugin, configured: Configured, cluster: Cluster, namespace: str
) -> None:
    provider.create(CONFIG_MAP, config_map(namespace))
    other = config_map(namespace, mode="other")
    said = refused(lambda: provider.create(CONFIG_MAP, other))
    assert said == (
        f'resource "{urn(CONFIG_MAP)}" was not successfully created by the Kubernetes API server: '
        f'configmaps "settings" already exists'
    )
    assert provider.create(CONFIG_MAP, other, preview=True) == ("", other)
    adopting = configured(cluster.kubeconfig, upsertExistingObjects="true", enablePatchForce="true")
    assert adopting.create(CONFIG_MAP, other)[1]["data"] == {"mode": "other"}


def test_an_update_removes_what_the_program_drops(provider: Plugin, live: DynamicClient, namespace: str) -> None:
    """The fields of the creation belong to another manager; the first update takes them over."""
    token = "kubernetes:core/v1:ServiceAccount"
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    before = {**account, "metadata": {"name": "a", "namespace": namespace, "labels": {"one": "1", "two": "2"}}}
    after = {**account, "metadata": {"name": "a", "namespace": namespace, "labels": {"one": "1"}}}
    _, state = provider.create(token, before)
    assert provider.differing(token, state, after) == {"metadata.labels.two": "DELETE"}
    seen = provider.update(token, state, after, preview=True)
    assert seen["__fieldManager"] == state["__fieldManager"]
    provider.update(token, state, after)
    assert objects(live, "ServiceAccount").get(name="a", namespace=namespace).metadata.labels.to_dict() == {"one": "1"}


def test_a_conflict_names_the_other_manager_and_the_way_out(
    provider: Plugin, live: DynamicClient, namespace: str
) -> None:
    token = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    before = {**policy, "metadata": {"name": "np", "namespace": namespace}, "spec": {"podSelector": {}}}
    _, state = provider.create(token, before)
    theirs = {**before, "spec": {"podSelector": {"matchLabels": {"app": "theirs"}}}}
    objects(live, "NetworkPolicy", policy["apiVersion"]).server_side_apply(
        body=theirs, name="np", namespace=namespace, field_manager="somebody", force_conflicts=True
    )
    ours = {**before, "spec": {"podSelector": {"matchLabels": {"app": "ours"}}}}
    detail = partial(lambda: provider.update(token, state, ours))
    assert detail.reasons[0].startswith(f'the Kubernetes API server reported that "{namespace}/np" failed')
    assert "Server-Side Apply field conflict detected" in detail.reasons[0]
    assert 'conflict with "somebody": .spec.podSelector\n' in detail.reasons[0]
    assert 'pulumi.com/patchForce: "true"' in detail.reasons[0]
    assert wire.read(detail.properties)["spec"]["podSelector"] == theirs["spec"]["podSelector"]
    ours["metadata"] = {**ours["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
    assert (
        provider.update(token, wire.read(detail.properties), ours)["spec"]["podSelector"] == ours["spec"]["podSelector"]
    )


def test_an_ignored_field_stays_with_whom_has_it(provider: Plugin, live: DynamicClient, namespace: str) -> None:
    """Such as `spec.suspend`, which people set by hand."""
    token = "kubernetes:source.toolkit.fluxcd.io/v1:GitRepository"
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "shop", "namespace": namespace},
        "spec": {"interval": "1h", "url": "https://127.0.0.1:1/shop", "suspend": False},
    }
    _, state = provider.create(token, source)
    theirs = {**source, "spec": {"suspend": True}}
    objects(live, "GitRepository", source["apiVersion"]).server_side_apply(
        body=theirs, name="shop", namespace=namespace, field_manager="somebody", force_conflicts=True
    )
    after = {**source, "spec": {**source["spec"], "interval": "2h"}}
    for preview in (True, False):
        seen = provider.update(token, state, after, ignoreChanges=["spec.suspend"], preview=preview)
        assert (seen["spec"]["interval"], seen["spec"]["suspend"]) == ("2h", True)
    own = {**source, "spec": {**source["spec"], "interval": "3h"}}
    ignoring = ["spec.interval", 'metadata.annotations["example.com/x"]']
    assert provider.update(token, seen, own, ignoreChanges=[*ignoring, "spec.suspend"])["spec"]["interval"] == "2h"


def test_an_invalid_object_is_refused_in_the_servers_words_also_in_a_preview(provider: Plugin, namespace: str) -> None:
    wrong = config_map(namespace, "Not_A_Name")
    for preview in (True, False):
        said = refused(lambda preview=preview: provider.create(CONFIG_MAP, wrong, preview=preview))
        assert 'ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name"' in said


def test_a_missing_kind_is_explained_and_a_preview_without_it_shows_the_inputs(
    provider: Plugin, namespace: str
) -> None:
    token = "kubernetes:example.org/v1:Gadget"
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": namespace}}
    assert provider.create(token, gadget, preview=True) == ("", gadget)
    said = refused(lambda: provider.create(token, gadget))
    assert "Verify that any required CRDs have been created" in said
    assert said.endswith('no matches for kind "Gadget" in version "example.org/v1"')


def test_a_preview_in_a_namespace_that_is_still_to_come_shows_the_inputs(provider: Plugin, live: DynamicClient) -> None:
    inputs = config_map("still-to-come")
    assert provider.create(CONFIG_MAP, inputs, preview=True) == ("", inputs)

    def make() -> None:
        objects(live, "Namespace").create({"metadata": {"name": "still-to-come"}})

    later = threading.Timer(0.5, make)
    later.start()
    assert provider.create(CONFIG_MAP, inputs)[0] == "still-to-come/settings"
    later.join()


def test_forbidden_is_told_in_the_servers_words(configured: Configured, cluster: Cluster, namespace: str) -> None:
    nobody = configured(cluster.user("nobody"))
    said = refused(lambda: nobody.create(CONFIG_MAP, config_map(namespace)))
    assert 'configmaps is forbidden: User "nobody" cannot create resource "configmaps"' in said
    assert nobody.create(CONFIG_MAP, config_map(namespace), preview=True) == ("", config_map(namespace))


def test_the_content_of_secrets_is_secret_and_so_is_what_the_program_marks(provider: Plugin, namespace: str) -> None:
    inputs = provider.checked(SECRET, secret(namespace, stringData={"token": CANARY}))
    assert wire.is_secret(inputs["stringData"])
    _, state = provider.create(SECRET, inputs)
    assert wire.is_secret(state["data"])
    assert wire.is_secret(state["__inputs"]["stringData"])
    assert wire.revealed(state["data"]) == {"token": base64.b64encode(CANARY.encode()).decode()}
    assert provider.differing(SECRET, state, inputs) == {}
    marked = config_map(namespace)
    marked["metadata"]["annotations"] = {"open": "yes", "closed": wire.secret(CANARY)}
    _, state = provider.create(CONFIG_MAP, provider.checked(CONFIG_MAP, marked))
    noted = state["metadata"]["annotations"]
    assert (noted["open"], noted["closed"]) == ("yes", wire.secret(CANARY))
    assert CANARY not in json.dumps({**state, "metadata": None, "__inputs": None})
    _, _, again = provider.read(CONFIG_MAP, f"{namespace}/settings", state, marked)
    assert again["metadata"]["annotations"]["closed"] == wire.secret(CANARY)


def test_no_refusal_quotes_a_secret(provider: Plugin, namespace: str) -> None:
    marked = config_map(namespace)
    marked["metadata"]["labels"] = {"l": wire.secret(f"{CANARY} is no label")}
    said = refused(lambda: provider.create(CONFIG_MAP, marked))
    assert "Invalid value" in said
    assert CANARY not in said
    assert "[secret]" in said
    typed = secret(namespace, data={"token": f"{CANARY}!"})
    said = refused(lambda: provider.create(SECRET, typed))
    assert "illegal base64" in said
    assert CANARY not in said


def test_without_server_side_apply_objects_are_labelled_and_written_as_a_whole(
    configured: Configured, cluster: Cluster, namespace: str
) -> None:
    stub = configured(cluster.kubeconfig, enableServerSideApply="false", enableConfigMapMutable="true")
    inputs = stub.checked(CONFIG_MAP, config_map(namespace))
    assert inputs["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "pulumi"}
    assert stub.create(CONFIG_MAP, inputs, preview=True) == ("", inputs)
    _, state = stub.create(CONFIG_MAP, inputs)
    assert state["__fieldManager"] == "pulumi-kubernetes"
    assert stub.update(CONFIG_MAP, state, {**inputs, "data": {"mode": "off"}})["data"] == {"mode": "off"}


def test_a_definition_is_changed_in_place_and_its_objects_follow_its_scope(provider: Plugin) -> None:
    group = "plugins.example.com"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gizmos.{group}"},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"kind": "Gizmo", "plural": "gizmos"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"spec": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}},
                        }
                    },
                }
            ],
        },
    }
    token = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    definition = provider.checked(token, definition)
    gizmo = {
        "apiVersion": f"{group}/v1",
        "kind": "Gizmo",
        # In the foreground it would wait until the garbage collector knows the kind, for up to 30 seconds.
        "metadata": {"name": "g", "annotations": {"pulumi.com/deletionPropagationPolicy": "background"}},
        "spec": {"size": 3.0, "part": 0.5},
    }
    gizmo_token = f"kubernetes:{group}/v1:Gizmo"
    assert provider.checked(gizmo_token, gizmo) == gizmo  # known from the definition, before it is there
    identity, state = provider.create(token, definition)
    assert identity == f"gizmos.{group}"
    assert provider.differing(token, state, definition) == {}
    wrong = {**gizmo, "metadata": {**gizmo["metadata"], "namespace": "default"}}
    made, gizmo_state = provider.create(gizmo_token, wrong)
    assert (made, gizmo_state["spec"]) == ("g", {"size": 3, "part": 0.5})
    assert provider.differing(gizmo_token, gizmo_state, gizmo) == {}
    after = {
        **definition,
        "spec": {**definition["spec"], "names": {**definition["spec"]["names"], "shortNames": ["gz"]}},
    }
    assert provider.differing(token, state, after) == {"spec.names.shortNames": "ADD"}
    state = provider.update(token, state, after)
    assert provider.differing(token, state, after) == {}
    provider.delete(gizmo_token, made, gizmo_state)
    provider.delete(token, identity, state)
    assert provider.read(gizmo_token, made, gizmo_state, gizmo) == ("", {}, {})
