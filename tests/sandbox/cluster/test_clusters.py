"""Clusters: alive, apart from each other, and for whom they should be."""

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.cluster.failure import ClusterError

Wait = Callable[..., Any]


@contextlib.contextmanager
def kubernetes(text: str) -> Any:
    """The official client, configured by a kubeconfig's text."""
    connection = config.new_client_from_config_dict(yaml.safe_load(text))
    try:
        yield connection
    finally:
        connection.close()


def status_of(text: str) -> int:
    """What a user's reading of namespaces is answered."""
    with kubernetes(text) as connection:
        try:
            client.CoreV1Api(connection).list_namespace()
        except client.ApiException as error:
            return int(error.status)
        return 200


def deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": "shop"}
    containers = [{"name": "shop", "image": "registry.invalid/shop:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


def test_a_deployment_becomes_available(staging: Cluster, namespace: str, eventually: Wait) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/shop"
    staging.api.apply(path, deployment(2))
    eventually(lambda: (staging.api.get(path) or {}).get("status", {}).get("availableReplicas") == 2)


def test_clusters_share_a_database_and_nothing_else(clusters: Clusters) -> None:
    clusters["staging"].api.apply(
        "/api/v1/namespaces/only-staging",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-staging"}},
    )
    assert clusters["production"].api.get("/api/v1/namespaces/only-staging") is None
    assert len({cluster.ca for cluster in clusters}) == 3
    with pytest.raises(KeyError, match="no cluster 'test' runs; there are: staging, production, review"):
        clusters["test"]


def test_the_official_client_works_with_the_administrators_kubeconfig(staging: Cluster) -> None:
    assert status_of(staging.kubeconfig) == 200
    assert staging.kubeconfig_file.read_text() == staging.kubeconfig
    assert staging.kubeconfig_file.stat().st_mode & 0o777 == 0o600
    with kubernetes(staging.kubeconfig) as connection:
        assert client.VersionApi(connection).get_code().git_version == "v1.36.2"


def test_a_user_has_the_rights_of_its_group_and_an_expired_one_none(staging: Cluster) -> None:
    assert status_of(staging.user("nobody")) == 403
    assert status_of(staging.user("root", ["system:masters"])) == 200
    assert status_of(staging.user("root", ["system:masters"], expired=True)) == 401


def test_a_user_of_one_cluster_is_nobody_in_another(clusters: Clusters) -> None:
    own = yaml.safe_load(clusters["production"].kubeconfig)
    text = yaml.safe_load(clusters["staging"].user("root", ["system:masters"]))
    text["clusters"] = own["clusters"]
    text["clusters"][0]["name"] = "staging"
    assert status_of(yaml.safe_dump(text)) == 401


def test_a_service_account_shows_its_token(staging: Cluster, namespace: str, eventually: Wait) -> None:
    eventually(lambda: staging.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"))
    text = staging.service_account_kubeconfig(namespace, "default")
    assert status_of(text) == 403
    assert f"system:serviceaccount:{namespace}:default" in text


def test_a_cluster_is_unreachable_for_a_while_and_goes_on_afterwards(
    clusters: Clusters, eventually: Wait, record_property: Callable[[str, object], None]
) -> None:
    review = clusters["review"]
    review.api.apply("/api/v1/namespaces/kept", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}})
    review.stop_api()
    assert not review.api.ready()
    assert clusters["staging"].api.ready()
    started = time.monotonic()
    review.start_api()
    review.start_api()  # nothing to do
    record_property("seconds_until_back", time.monotonic() - started)
    assert review.api.get("/api/v1/namespaces/kept")
    path = "/apis/apps/v1/namespaces/kept/deployments/shop"
    review.api.apply(path, deployment(1))
    eventually(lambda: (review.api.get(path) or {}).get("status", {}).get("availableReplicas") == 1)


@pytest.mark.parametrize("names", [(), ("staging", "staging"), ("etcd",), ("../up",), ("Staging",)])
def test_names_that_are_no_clusters_are_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="names must differ and be of lower-case letters"):
        Clusters(names, tmp_path)


def test_two_do_not_run_over_one_folder(clusters: Clusters) -> None:
    with pytest.raises(ClusterError, match="they run already, in another process"):
        Clusters(["staging"], clusters.directory).start()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_everything_listens_on_loopback_only(clusters: Clusters) -> None:
    sockets = set()
    for pid in clusters.processes.pids.values():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                sockets.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    listening = {words[1].partition(":")[0] for words in lines if words[3] == "0A" and words[9] in sockets}
    assert listening == {"0100007F"}, "127.0.0.1, as the kernel writes it"
