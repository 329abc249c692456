"""`gitops-infra status --stack`: the kubeconfig is a secret of a real stack, and nothing of it is shown or written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from gitops_infra.audit import status
from gitops_infra.audit.kubeconfigs import Kubeconfig
from gitops_infra.sandbox.engine import Engine

pytestmark = pytest.mark.engine

TOPOLOGY = """\
owner: acme
github_plan: enterprise
application: {name: shop, existing: true, visibility: private}
clusters: [{name: eu, kubeconfig: euKubeconfig, context: two}]
environments: [{name: staging, cluster: eu}]
"""


def test_the_kubeconfig_comes_from_the_stacks_configuration(
    cli: Callable[..., Result], engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Kubeconfig] = []

    class Reader:
        def __init__(self, kubeconfig: Kubeconfig) -> None:
            asked.append(kubeconfig)

        def get(self, *_: Any) -> None:
            """There is nothing."""

    monkeypatch.setattr(status, "ClusterReader", Reader)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: made\nruntime: python\n")
    (folder / "topology.yaml").write_text(TOPOLOGY)
    environment = engine.environment(tmp_path / "state", "a passphrase")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_canary")
    kubeconfig = {
        "current-context": "one",
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("one", "two")],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example"}} for name in ("one", "two")],
        "users": [{"name": "me", "user": {"token": "canary"}}],
    }
    for arguments in (["stack", "init", "dev"], ["config", "set", "--secret", "euKubeconfig", json.dumps(kubeconfig)]):
        done = engine.run(arguments, folder, environment)
        assert done.returncode == 0, done.stderr
    command = ("status", folder / "topology.yaml", "--cwd", folder, "--base-url", "http://127.0.0.1:9", "--json")
    result = cli(*command, "--stack", "dev")
    assert [each.server for each in asked] == ["https://two.example"]
    assert "canary" not in result.output
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert '"canary"' not in written
    codes = [each["code"] for each in json.loads(result.stdout)["environments"][0]["problems"]]
    assert codes == ["forge-unreachable", "namespace-absent"]
