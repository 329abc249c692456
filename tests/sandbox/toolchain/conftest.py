"""What the tests of the toolchain share: the real engine, and a small Go for builds that take no minutes."""

import os
import stat
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops_infra.sandbox.toolchain.recipes import Recipe


@pytest.fixture(autouse=True)
def _no_named_tools(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binaries named by whoever runs the tests are for the engine's tests only."""
    if not request.node.get_closest_marker("engine"):
        for name in [name for name in os.environ if name.startswith("GITOPS_INFRA_")]:
            monkeypatch.delenv(name)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A program without dependencies."""
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module sandbox/tool\n\ngo 1.26.0\n")
    (module / "main.go").write_text(
        'package main\n\nvar version = "none"\n\nfunc main() { print("tool ", version, "\\n") }\n'
    )
    return Recipe("tool", "1.2.3", "tool", module, ".", ("-s", "-w", "-X", "main.version=1.2.3"), 0.1, 1)


@pytest.fixture
def stand_in_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a `go` first on PATH whose `build` runs the given Python lines; `out` is the binary's path.

    It stands for Go's duration and failures; that the real Go builds is tested with the real Go.
    """

    def install(body: str, version: str = "go1.26.8") -> Path:
        folder = tmp_path / "path"
        folder.mkdir(exist_ok=True)
        script = folder / "go"
        script.write_text(
            f"#!{sys.executable}\n"
            + textwrap.dedent(f"""\
            import json, os, pathlib, sys, time
            if sys.argv[1] == "env":
                print(json.dumps(dict(GOVERSION="{version}", GOPROXY="direct", GOHOSTOS="linux", GOHOSTARCH="amd64")))
                sys.exit()
            log = pathlib.Path({str(tmp_path / "go.log")!r})
            with log.open("a") as stream:
                stream.write(f"{{os.getpid()}}\\n")
            out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
            """)
            + textwrap.dedent(body)
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return tmp_path / "go.log"

    return install
