"""What is asked of an API server and how its failures read. Certificates are tried in test_status_live.py."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.audit import cluster_client, cluster_credentials
from gitops_infra.audit.cluster_client import ClusterReader
from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.kubeconfigs import kubeconfig
from gitops_infra.sandbox import ports


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for the outside is no way to this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert not [record for record in caplog.records if "canary" in record.getMessage() or record.levelno > logging.INFO]


def reader(api: Any, **user: Any) -> ClusterReader:
    return ClusterReader(kubeconfig(api.kubeconfig(**user), None, "here"))


def failure(found: ClusterReader) -> ClusterFailed:
    with pytest.raises(ClusterFailed) as failed:
        found.get("v1", "Namespace", None, "shop")
    assert "canary" not in str(failed.value)
    return failed.value


def test_it_reads_one_object_and_all(api: Any) -> None:
    api.objects["/api/v1/namespaces/shop"] = {"kind": "Namespace"}
    api.objects["/apis/source.toolkit.fluxcd.io/v1/namespaces/shop/gitrepositories"] = {"items": [{"a": 1}]}
    found = reader(api)
    assert found.get("v1", "Namespace", None, "shop") == {"kind": "Namespace"}
    assert found.get("v1", "Namespace", None, "other") is None
    assert found.listed("source.toolkit.fluxcd.io/v1", "GitRepository", "shop") == ({"a": 1},)
    assert {authorization for _, _, authorization in api.asked} == {"Bearer canary-token"}
    assert {method for method, _, _ in api.asked} == {"GET"}


def test_what_it_may_is_asked_without_changing_anything(api: Any) -> None:
    api.allowed = lambda asked: asked == {"verb": "create", "resource": "secrets", "namespace": "shop"}
    assert reader(api).allowed("create", "", "secrets", "shop")
    assert not reader(api).allowed("delete", "", "secrets", "shop")
    assert {path for method, path, _ in api.asked if method != "GET"} == {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    }


def test_an_api_that_is_not_there_says_how_to_install_flux(api: Any) -> None:
    api.answers["/apis/source.toolkit.fluxcd.io/v1"] = (404, {})
    found = reader(api)
    assert not found.serves("source.toolkit.fluxcd.io/v1")
    with pytest.raises(ClusterFailed) as failed:
        found.get("source.toolkit.fluxcd.io/v1", "GitRepository", "shop", "shop")
    assert failed.value.code == "api-absent"
    assert failed.value.remedy == "Install Flux there: docs/clusters.md says how"


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (401, {"message": "Unauthorized"}, "refused-credentials", "they have expired or were revoked"),
        (403, {"message": 'namespaces "shop" is forbidden: User "me"'}, "forbidden", 'namespaces "shop" is forbidden'),
        (500, {"message": "etcd"}, "no-answer", "answered 500 to /api/v1: etcd"),
        (302, {}, "no-answer", "answered 302"),
        (200, "no object", "no-answer", "answered 200"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(api: Any, status: int, body: Any, code: str, said: str) -> None:
    api.answers["/api/v1"] = (status, body)
    failed = failure(reader(api))
    assert failed.code == code
    assert said in failed.reason


def test_a_server_that_is_down_is_asked_once(api: Any) -> None:
    with ports.bound() as silent:
        api.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = reader(api)
        failed = failure(found)
        assert failed.code == "unreachable"
        assert failed.reason == f"{found.host} cannot be asked: the connection was refused"
        assert failure(found) is failed


def test_a_host_that_does_not_resolve(api: Any) -> None:
    api.url = "https://ssl-refused.invalid"
    found = ClusterReader(kubeconfig(api.kubeconfig(), None, "here"))
    assert failure(found).code == "unreachable"


def test_a_server_that_hangs_costs_a_bounded_time(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_client, "READ", 0.3)
    monkeypatch.setattr(cluster_client, "TOTAL", 0.5)
    api.delay = 1.0
    started = time.monotonic()
    found = reader(api)
    for _ in range(5):
        assert failure(found).code == "unreachable"
    assert time.monotonic() - started < 0.9


def test_a_plugin_that_hangs_too(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_client, "TOTAL", 0.5)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["2"]}
    assert failure(reader(api, exec=plugin)).reason.endswith("gave no answer within 0 seconds")


def test_a_plugin_gives_the_token(api: Any) -> None:
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "canary-p"},
    }
    script = f"print({json.dumps(json.dumps(answer))})"
    plugin = {"apiVersion": answer["apiVersion"], "command": sys.executable, "args": ["-c", script]}
    assert reader(api, exec=plugin).get("v1", "Namespace", None, "x") is None
    assert api.asked[0][2] == "Bearer canary-p"


def test_a_plugin_that_fails_is_told_without_its_words(api: Any) -> None:
    script = "import sys; sys.exit('canary')"
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script]}
    failed = failure(reader(api, exec=plugin))
    assert failed.code == "bad-credentials"
    assert "its plugin failed (exec: process returned 1)" in failed.reason


def test_a_token_file_that_is_not_there_is_named(api: Any) -> None:
    failed = failure(reader(api, tokenFile="/nowhere/token"))
    assert failed.code == "bad-credentials"
    assert "there is no /nowhere/token" in failed.reason


def test_keys_that_are_none_leave_no_file(api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_credentials, "MEMORY", tmp_path)
    api.url = "https://127.0.0.1:9"
    user = {"client-certificate-data": "Y2FuYXJ5", "client-key-data": "Y2FuYXJ5"}
    failed = failure(reader(api, **user))
    assert failed.code == "bad-credentials"
    assert failed.reason.startswith("a certificate or key of context 'dev' in here is none")
    assert list(tmp_path.iterdir()) == []
