"""Programs with pulumi_kubernetes on the real engine, with the kubernetes plugin, on a real API server."""

import base64
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_tls as tls
import pytest
import yaml
from kubernetes.dynamic import DynamicClient

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.objects import DELETION_POLICY
from gitops_infra.testing.stack import Stack, StackFactory, UpdateFailed

from .conftest import CANARY

pytestmark = pytest.mark.engine

MERGE = "application/merge-patch+json"


@pytest.fixture
def run(stack: StackFactory, cluster: Cluster) -> Any:
    """Makes a stack of a program that gets a provider's options."""

    def make(program: Any, kubeconfig: str = "", **settings: Any) -> Stack:
        given = {"kubeconfig": kubeconfig or cluster.kubeconfig, **settings}

        def main() -> None:
            secret = pulumi.Output.secret(given["kubeconfig"])
            provider = k8s.Provider("cluster", **{**given, "kubeconfig": secret})
            program(pulumi.ResourceOptions(provider=provider))

        made = stack(main, token="unused")
        made.given = given
        return made

    return make


def failing(operation: Any) -> str:
    with pytest.raises(UpdateFailed) as caught:
        operation()
    return str(caught.value)


def operations(changes: Any) -> dict[str, str]:
    return {change.name: change.operation for change in changes}


def everywhere(stack: Stack) -> str:
    return "".join(file.read_text(errors="replace") for file in stack.state.rglob("*") if file.is_file())


def dead(text: str) -> str:
    """The same kubeconfig, for an address where nothing listens."""
    config = yaml.safe_load(text)
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    return yaml.safe_dump(config)


def widget_definition(options: pulumi.ResourceOptions, group: str) -> k8s.apiextensions.v1.CustomResourceDefinition:
    anything = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"open_apiv3_schema": {"type": "object", "properties": {"spec": anything}}},
    }
    return k8s.apiextensions.v1.CustomResourceDefinition(
        "definition",
        metadata={"name": f"widgets.{group}"},
        spec={
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [version],
        },
        opts=options,
    )


def test_a_program_lives_from_its_creation_to_its_end(run: Any, live: DynamicClient) -> None:
    name, group = "life", "life.example.com"
    given = {"size": 1, "extra": True}

    def program(options: pulumi.ResourceOptions) -> None:
        space = k8s.core.v1.Namespace("space", metadata={"name": name}, opts=options)
        inside = {"namespace": space.metadata.name}
        account = k8s.core.v1.ServiceAccount("account", metadata=inside, opts=options)
        role = k8s.rbac.v1.Role(
            "role",
            metadata={"name": "role", **inside},
            rules=[{"api_groups": [""], "resources": ["pods"], "verbs": ["get"]}],
            opts=options,
        )
        k8s.rbac.v1.RoleBinding(
            "binding",
            metadata={"name": "binding", **inside},
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata.name},
            subjects=[{"kind": "ServiceAccount", "name": account.metadata.name, **inside}],
            opts=options,
        )
        token = k8s.core.v1.Secret(
            "token", metadata={"name": "token", **inside}, string_data={"token": CANARY}, opts=options
        )
        k8s.networking.v1.NetworkPolicy(
            "closed",
            metadata={"name": "closed", **inside},
            spec={"pod_selector": {}, "policy_types": ["Ingress"], "ingress": []},
            opts=options,
        )
        container = {"name": "web", "image": "web", "resources": {"limits": {"cpu": "0.5"}}}
        k8s.apps.v1.Deployment(
            "web",
            metadata={"name": "web", **inside, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={
                "replicas": given["size"],
                "selector": {"match_labels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
            },
            opts=options,
        )
        definition = widget_definition(options, group)
        if given["extra"]:
            widget = k8s.apiextensions.CustomResource(
                "widget",
                api_version=f"{group}/v1",
                kind="Widget",
                # In the foreground it would wait until the garbage collector knows the kind, for up to 30 seconds.
                metadata={"name": "widget", **inside, "annotations": {DELETION_POLICY: "background"}},
                spec={"size": 3, "deep": {"password": pulumi.Output.secret(CANARY)}},
                opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[definition])),
            )
            pulumi.export("widget", widget.metadata["name"])
        pulumi.export("account", account.metadata.name)
        pulumi.export("token", token.data)

    stack = run(program)
    output = stack.up().output
    secret = live.resources.get(api_version="v1", kind="Secret").get(name="token", namespace=name)
    encoded = base64.b64encode(CANARY.encode()).decode()
    assert secret.data.token == encoded
    widgets = live.resources.get(api_version=f"{group}/v1", kind="Widget")
    assert widgets.get(name="widget", namespace=name).spec.to_dict() == {"size": 3, "deep": {"password": CANARY}}
    assert stack.outputs()["account"].startswith("account-")
    assert stack.outputs()["token"] == {"token": encoded}
    assert stack.preview(refresh=True).changes == ()

    live.resources.get(api_version="v1", kind="ServiceAccount").delete(name=stack.outputs()["account"], namespace=name)
    patch = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    roles = live.resources.get(api_version="rbac.authorization.k8s.io/v1", kind="Role")
    roles.patch(patch, name="role", namespace=name, content_type=MERGE, field_manager="kubectl")
    assert operations(stack.refresh().changes) == {"account": "delete", "role": "update"}
    given |= {"size": 2, "extra": False}
    update = stack.up()
    assert operations(update.changes) | {"binding": ""} == {
        "account": "create",
        "binding": "",
        "role": "update",
        "web": "update",
        "widget": "delete",
    }
    assert roles.get(name="role", namespace=name).rules[0].verbs == ["get"]

    shown = output + update.output + stack.destroy().output
    written = everywhere(stack)
    key = yaml.safe_load(stack.given["kubeconfig"])["users"][0]["user"]["client-key-data"]
    assert [secret for secret in (CANARY, encoded, key) if secret in shown + written] == []
    assert name not in [one.metadata.name for one in live.resources.get(api_version="v1", kind="Namespace").get().items]


def test_refusals_reach_the_user(run: Any, live: DynamicClient, namespace: str) -> None:
    maps = live.resources.get(api_version="v1", kind="ConfigMap")
    maps.create({"metadata": {"name": "theirs", "namespace": namespace}})
    given: dict[str, Any] = {"invalid": {"labels": {"a": "no label"}}}

    def program(options: pulumi.ResourceOptions) -> None:
        for name, metadata in given.items():
            k8s.core.v1.ConfigMap(
                name, metadata={"name": name, "namespace": namespace, **metadata}, data={"a": "1"}, opts=options
            )

    stack = run(program)
    assert 'metadata.labels: Invalid value: "no label"' in failing(stack.preview)
    given.clear()
    given["theirs"] = {}
    assert 'configmaps "theirs" already exists' in failing(stack.up)
    maps.delete(name="theirs", namespace=namespace)
    stack.up()
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "theirs"}}}
    maps.server_side_apply(body=theirs, name="theirs", namespace=namespace, field_manager="somebody")
    given["theirs"] = {"labels": {"a": "ours"}}
    said = failing(stack.up)
    assert 'conflict with "somebody": .metadata.labels.a' in said
    assert 'pulumi.com/patchForce: "true"' in said
    given["theirs"] = {"labels": {"a": "ours"}, "annotations": {"pulumi.com/patchForce": "true"}}
    stack.up()
    assert maps.get(name="theirs", namespace=namespace).metadata.labels.a == "ours"


def test_an_existing_object_is_imported(run: Any, live: DynamicClient, namespace: str) -> None:
    maps = live.resources.get(api_version="v1", kind="ConfigMap")
    maps.create({"metadata": {"name": "ours", "namespace": namespace}, "data": {"a": "1"}})

    def program(options: pulumi.ResourceOptions) -> None:
        taken = pulumi.ResourceOptions(import_=f"{namespace}/ours")
        k8s.core.v1.ConfigMap(
            "ours",
            metadata={"name": "ours", "namespace": namespace},
            data={"a": "1"},
            opts=pulumi.ResourceOptions.merge(options, taken),
        )

    stack = run(program)
    assert operations(stack.up().changes)["ours"] == "import"
    assert stack.preview(refresh=True).changes == ()


def test_a_cluster_that_the_same_program_makes_is_previewed(
    stack: StackFactory, cluster: Cluster, namespace: str
) -> None:
    def program() -> None:
        key = tls.PrivateKey("made-later", algorithm="ED25519")
        kubeconfig = key.public_key_openssh.apply(lambda _: cluster.kubeconfig)
        provider = k8s.Provider("cluster", kubeconfig=kubeconfig)
        settings = k8s.core.v1.ConfigMap(
            "settings",
            metadata={"namespace": namespace},
            data={"a": "1"},
            opts=pulumi.ResourceOptions(provider=provider),
        )
        pulumi.export("data", settings.data)

    made = stack(program, token="unused")
    assert operations(made.preview().changes)["settings"] == "create"
    made.up()
    assert made.outputs()["data"] == {"a": "1"}
    assert made.preview().changes == ()


def test_a_cluster_that_went_away_can_be_forgotten(run: Any, cluster: Cluster, namespace: str) -> None:
    def program(options: pulumi.ResourceOptions) -> None:
        k8s.core.v1.ConfigMap("settings", metadata={"namespace": namespace}, data={"a": "1"}, opts=options)

    gone = run(program, dead(cluster.kubeconfig))
    said = failing(gone.up)
    assert "update failed" in said  # so the preview before it was shown
    assert "configured Kubernetes cluster is unreachable: unable to load schema information" in said

    stack = run(program, cluster_identifier="the same")
    stack.up()
    stack.given["kubeconfig"] = dead(cluster.kubeconfig)
    assert operations(stack.up().changes) == {"cluster": "update"}
    assert "PULUMI_K8S_DELETE_UNREACHABLE" in failing(stack.destroy)
    stack._stack.workspace.env_vars["PULUMI_K8S_DELETE_UNREACHABLE"] = "true"
    stack.destroy()
    assert stack._stack.export_stack().deployment.get("resources", []) == []
