"""Which kubeconfig is taken for a cluster, and what is said of one that cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.topology.cluster import TargetCluster


def text(name: str = "dev", **user: Any) -> str:
    return json.dumps(
        {
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example"}}],
            "users": [{"name": name, "user": user or {"token": "canary"}}],
        }
    )


def refused(kubeconfigs: Kubeconfigs, **cluster: Any) -> ClusterFailed:
    with pytest.raises(ClusterFailed) as failed:
        kubeconfigs.of(TargetCluster(name="eu", **cluster))
    assert "canary" not in str(failed.value)
    return failed.value


def test_a_given_file_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text(text("mine"))
    found = Kubeconfigs({"eu": file}, lambda _: text("stack")).of(TargetCluster(name="eu", kubeconfig="euKubeconfig"))
    assert (found.server, found.context, found.source) == ("https://mine.example", "mine", str(file))


def test_a_given_file_may_call_its_context_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text(text("mine"))
    assert Kubeconfigs({"eu": file}).of(TargetCluster(name="eu", context="prod")).context == "mine"


def test_then_the_stacks_configuration() -> None:
    values = {"euKubeconfig": text("stack")}
    found = Kubeconfigs(read_key=values.get, environment={}).of(TargetCluster(name="eu", kubeconfig="euKubeconfig"))
    assert (found.server, found.source) == ("https://stack.example", "euKubeconfig")


def test_then_kubectls_own_with_the_clusters_context(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(text("one"))
    second.write_text(text("two"))
    environment = {"KUBECONFIG": f"{first}:{tmp_path / 'absent'}:{second}"}
    assert Kubeconfigs(environment=environment).of(TargetCluster(name="eu")).server == "https://one.example"
    other = Kubeconfigs(environment=environment).of(TargetCluster(name="eu", context="two"))
    assert other.server == "https://two.example"


def test_files_that_it_names_are_found_from_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / ".kube"
    folder.mkdir()
    folder.joinpath("config").write_text(text("dev", tokenFile="token"))
    found = Kubeconfigs(environment={"HOME": str(tmp_path)}).of(TargetCluster(name="eu"))
    assert found.document["users"][0]["user"] == {"tokenFile": str(folder / "token")}


def test_a_secret_of_the_stack_is_never_replaced_by_kubectls_own(tmp_path: Path) -> None:
    """Its current context may be any cluster."""
    tmp_path.joinpath("config").write_text(text())
    environment = {"KUBECONFIG": str(tmp_path / "config")}
    failed = refused(Kubeconfigs(environment=environment), kubeconfig="euKubeconfig")
    assert (failed.code, failed.remedy) == ("no-kubeconfig", "Give --stack, or --kubeconfig eu=FILE")
    absent = refused(Kubeconfigs(read_key=lambda _: None, environment=environment), kubeconfig="euKubeconfig")
    assert absent.reason == "the stack's configuration gives no value for `euKubeconfig`"


def test_without_any_it_says_where_one_may_come_from() -> None:
    assert refused(Kubeconfigs(environment={})).code == "no-kubeconfig"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("token: 'canary\n", "is no kubeconfig: it is no YAML, or no mapping"),
        ("~/.kube/config", "is no kubeconfig: it is no YAML, or no mapping"),
        ("{}", "the kubeconfig has no `current-context`, and no `context` is given"),
        (text().replace("https", "ftp"), "of the kubeconfig leads to no cluster with a `server`"),
    ],
)
def test_a_malformed_one_is_told_without_its_content(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "mine"
    file.write_text(content)
    failed = refused(Kubeconfigs({"eu": file}))
    assert failed.code == "bad-kubeconfig"
    assert failed.reason.endswith(reason)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    failed = refused(Kubeconfigs({"eu": tmp_path / "absent"}))
    assert failed.reason == f"{tmp_path / 'absent'} cannot be read: No such file or directory"


def test_its_values_are_not_shown() -> None:
    found = Kubeconfigs(read_key=lambda _: text(), environment={}).of(TargetCluster(name="eu", kubeconfig="k"))
    assert "canary" not in repr(found)
