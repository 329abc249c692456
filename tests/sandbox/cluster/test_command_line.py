"""`gitops-infra sandbox up --clusters`: a life of one cluster beside the forge, through the command line only."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gitops_infra.cli.app import app


def test_a_cluster_comes_and_goes_with_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def sandbox(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["sandbox", *arguments])
        assert result.exit_code == code, result.output
        return result

    folder = tmp_path / "gitops-infra" / "sandbox" / "clusters"
    try:
        started = json.loads(sandbox("up", "--clusters", "1", "--json").stdout)
        (cluster,) = started["clusters"]
        assert set(cluster) == {"name", "server", "kubeconfig", "receiver_url"}
        assert cluster["kubeconfig"] == str(folder / "staging" / "kubeconfig")
        assert json.loads(sandbox("status", "--json").stdout) == started
        assert json.loads(sandbox("up", "--json").stdout) == started
        assert f"cluster staging at {cluster['server']}: export KUBECONFIG=" in sandbox("status").stdout
        (folder / "staging" / "old").touch()
        again = json.loads(sandbox("reset", "--json").stdout)
        assert again["clusters"] == started["clusters"], "new, on the same ports"
        assert not (folder / "staging" / "old").exists()
    finally:
        sandbox("down")
    assert "clusters" not in json.loads(sandbox("status", "--json", code=1).stdout)
