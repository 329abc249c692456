"""The configuration of a kubernetes provider: where the cluster is, and whether it answers."""

import socket
import time

import pytest
import yaml
from pulumi.runtime.proto import provider_pb2

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.plugins import wire

from .conftest import CANARY, CONFIG_MAP, DEAD, OWNER, Configured, Plugin, config_map, refused, urn

REFUSED = 'unable to load schema information from the API server: Get "https://127.0.0.1:1/api/v1": connection refused'
AFTERWARDS = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


def test_the_default_namespace_is_the_providers_else_the_kubeconfigs(configured: Configured, cluster: Cluster) -> None:
    def place(kubeconfig: str, **settings: str) -> str:
        news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
        return str(configured(kubeconfig, **settings).checked(CONFIG_MAP, news)["metadata"]["namespace"])

    config = yaml.safe_load(cluster.kubeconfig)
    config["contexts"][0]["context"]["namespace"] = "from-context"
    assert place(yaml.safe_dump(config)) == "from-context"
    assert place(yaml.safe_dump(config), namespace="from-provider") == "from-provider"
    assert place(str(cluster.kubeconfig_file)) == "default"


def test_an_unreachable_cluster_is_told_where_it_matters(configured: Configured) -> None:
    stub, inputs = configured(DEAD), config_map("default")
    state = {**inputs, "__inputs": inputs}
    assert stub.checked(CONFIG_MAP, inputs) == inputs
    assert stub.differing(CONFIG_MAP, state, inputs) == {}
    assert stub.create(CONFIG_MAP, inputs, preview=True) == ("", inputs)
    assert stub.update(CONFIG_MAP, state, inputs, preview=True) == inputs
    unreachable = f"configured Kubernetes cluster is unreachable: {REFUSED}"
    assert refused(lambda: stub.create(CONFIG_MAP, inputs)) == unreachable
    assert refused(lambda: stub.update(CONFIG_MAP, state, inputs)) == unreachable
    said = refused(lambda: stub.delete(CONFIG_MAP, "default/settings", state))
    assert said == f"configured Kubernetes cluster is unreachable. {AFTERWARDS}"
    said = refused(lambda: stub.read(CONFIG_MAP, "default/settings", state, inputs))
    assert said == f"failed to read resource state due to unreachable cluster. {AFTERWARDS}"


def test_an_unreachable_cluster_can_be_forgotten_or_passed_over(configured: Configured) -> None:
    inputs = config_map("default")
    state = {**inputs, "__inputs": inputs}
    forgetting = configured(DEAD, {"PULUMI_K8S_DELETE_UNREACHABLE": "true"})
    forgetting.delete(CONFIG_MAP, "default/settings", state)
    assert forgetting.read(CONFIG_MAP, "default/settings", state, inputs) == ("", {}, {})
    passing = configured(DEAD, skipUpdateUnreachable="true")
    assert passing.read(CONFIG_MAP, "default/settings", state, inputs) == ("default/settings", state, inputs)


def test_a_cluster_that_does_not_answer_is_waited_for_once(configured: Configured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stub = configured(DEAD.replace("127.0.0.1:1", f"127.0.0.1:{port}"))
        started = time.monotonic()
        for _ in range(5):
            assert "unreachable: unable to load" in refused(lambda: stub.create(CONFIG_MAP, config_map("default")))
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
    configured: Configured, kubeconfig: str, reason: str
) -> None:
    stub = configured(kubeconfig, {"KUBECONFIG": ""})
    said = refused(lambda: stub.create(CONFIG_MAP, config_map("default")))
    assert said.startswith("configured Kubernetes cluster is unreachable: ")
    assert reason in said
    assert CANARY not in said


def test_bad_credentials_are_told(configured: Configured, cluster: Cluster) -> None:
    good = yaml.safe_load(cluster.kubeconfig)
    good["users"][0]["user"] = {"token": CANARY}
    said = refused(lambda: configured(yaml.safe_dump(good)).create(CONFIG_MAP, config_map("default")))
    assert said.endswith("the server has asked for the client to provide credentials")
    assert CANARY not in said


def test_another_active_cluster_replaces_the_provider(provider: Plugin) -> None:
    old = {"kubeconfig": DEAD}
    other = {"kubeconfig": DEAD.replace("127.0.0.1:1", "127.0.0.1:2")}
    assert provider.config_diff(old, old).changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(provider.config_diff(old, other).replaces) == ["kubeconfig"]
    renewed = {"kubeconfig": wire.secret(DEAD.replace(CANARY, "another token"))}
    answer = provider.config_diff(old, renewed)
    assert (list(answer.diffs), list(answer.replaces)) == (["kubeconfig"], [])
    assert list(provider.config_diff(old, {"kubeconfig": wire.UNKNOWN}).replaces) == ["kubeconfig"]
    named = {"clusterIdentifier": "one"}
    assert list(provider.config_diff(old | named, other | named).replaces) == []
    assert list(provider.config_diff(old | named, old | {"clusterIdentifier": "two"}).replaces) == ["clusterIdentifier"]


def test_rendering_to_files_is_refused_by_name(provider: Plugin) -> None:
    news = wire.write({"renderYamlToDirectory": "out", "kubeconfig": DEAD})
    answer = provider.stub.CheckConfig(provider_pb2.CheckRequest(urn=urn("pulumi:providers:kubernetes"), news=news))
    assert [(one.property, one.reason) for one in answer.failures] == [
        ("renderYamlToDirectory", f"{OWNER} does not implement the setting renderYamlToDirectory; remove it")
    ]


def test_strict_mode_wants_kubeconfig_and_context(provider: Plugin) -> None:
    request = provider_pb2.CheckRequest(
        urn=urn("pulumi:providers:kubernetes", "default"), news=wire.write({"strictMode": "true"})
    )
    assert [one.reason for one in provider.stub.CheckConfig(request).failures] == [
        "strict mode prohibits default provider",
        'strict mode requires Provider "kubeconfig" argument',
        'strict mode requires Provider "context" argument',
    ]
