"""`gitops-infra resume`: bad input. What it does is in tests/recovery."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]


def test_a_folder_that_is_none_is_said_so(cli: Cli, tmp_path: Path) -> None:
    result = cli("resume", "--stack", "dev", "--cwd", tmp_path / "absent")
    assert (result.exit_code, result.stderr) == (
        1,
        f"gitops-infra: {tmp_path}/absent is no folder. Give --cwd the folder of the Pulumi project\n",
    )


def test_without_pulumi_nothing_is_done(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = cli("resume", "--stack", "dev", "--cwd", tmp_path)
    assert (result.exit_code, result.stderr) == (
        1,
        "gitops-infra: there is no `pulumi` on PATH; install it, or put the sandbox's on PATH\n",
    )


def test_pulumis_own_words_stand_when_it_refuses(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "pulumi"
    script.write_text("#!/bin/sh\necho 'error: no such backend' >&2\nexit 255\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    result = cli("resume", "--stack", "dev", "--cwd", tmp_path)
    assert (result.exit_code, result.stderr) == (
        1,
        "gitops-infra: `pulumi whoami --json` failed:\nerror: no such backend\n",
    )
