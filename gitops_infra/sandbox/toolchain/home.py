"""A private PULUMI_HOME: the CLI, the language host and the plugins of the sandbox, and nothing of the user's.

    bin/pulumi                                                    the CLI
    bin/pulumi-language-python                                    our language host, unless the CLI brings its own
    plugins/resource-github-v6.15.0/pulumi-resource-github        the bridge of the upstream provider
    plugins/resource-kubernetes-v4.34.2/pulumi-resource-kubernetes    our plugin
    plugins/resource-tls-v5.6.2/pulumi-resource-tls               our plugin

Plugins of ours carry official names, so they must never reach the user's own PULUMI_HOME.
"""

import hashlib
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.toolchain.build import ensure, override
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.progress import Progress
from gitops_infra.sandbox.toolchain.recipes import GITHUB_PROVIDER, PULUMI

MINIMUM_PULUMI = (3, 250)
LANGUAGE_HOST = "pulumi-language-python"
OUR_PROVIDERS = ("kubernetes", "tls")
"""Providers that are plugins of ours, each in the version of its SDK package."""
_SCRATCH = ".making-"
_HOUR = 3600
_LAYOUT = "2"
"""Raised when the content of a home changes for other reasons than its inputs."""

_LAUNCHER = '#!/bin/sh\nexec {python} -P -m gitops_infra.sandbox.plugins.start {plugin} "$@"\n'


@dataclass(frozen=True)
class Cli:
    """A Pulumi CLI: where it is, its version (`3.255.0`), and whether its own Python language host lies beside it."""

    path: Path
    version: str
    source: str
    has_language_host: bool


@dataclass(frozen=True)
class Home:
    """A ready PULUMI_HOME. `root / "bin"` goes first on PATH."""

    root: Path
    cli: Cli

    @property
    def binaries(self) -> Path:
        """The folder of the CLI."""
        return self.root / "bin"


def find_cli() -> Cli | None:
    """The CLI that the user named or has on PATH, if it is new enough; else None."""
    named = override(PULUMI)
    found = named or shutil.which("pulumi")
    if found is None:
        return None
    path = Path(found).resolve()
    version = cli_version(path)
    numbers = re.match(r"(\d+)\.(\d+)", version or "")
    if version is None or numbers is None:
        if named:
            raise ToolError("pulumi", f"{path} does not tell its version", f"Correct or unset {PULUMI.variable}")
        return None
    if (int(numbers[1]), int(numbers[2])) < MINIMUM_PULUMI:
        if named:
            least = ".".join(map(str, MINIMUM_PULUMI))
            raise ToolError("pulumi", f"{path} is {version}, needed is {least}", f"Correct or unset {PULUMI.variable}")
        return None
    source = PULUMI.variable if named else "PATH"
    return Cli(path, version, source, has_language_host=(path.parent / LANGUAGE_HOST).is_file())


def cli_version(path: Path) -> str | None:
    """What `pulumi version` says, without the leading `v`; None if it does not run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    environment["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    try:
        done = subprocess.run(
            [str(path), "version"], capture_output=True, text=True, check=True, timeout=60, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().removeprefix("v") or None


def wheel_version(package: str) -> str:
    """The version of an installed SDK package, which is the plugin version that it asks the engine for."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(
            package, "is not installed beside gitops-infra", f"Run: python -m pip install {package}"
        ) from None


def prepare_home(progress: Progress | None = None, cache: Cache | None = None) -> Home:
    """The home for the programs at hand; builds what is missing. Idempotent, and safe between processes.

    A home is made once per set of programs, versions and Python interpreter, beside its place, and renamed into it.
    """
    cache = cache or Cache()
    cli = find_cli()
    needed = [GITHUB_PROVIDER.name] if cli else [PULUMI.name, GITHUB_PROVIDER.name]
    paths = ensure(*needed, progress=progress, cache=cache)
    if cli is None:
        cli = Cli(paths[PULUMI.name], PULUMI.version, "built", has_language_host=False)
    provider = paths[GITHUB_PROVIDER.name]
    versions = {name: wheel_version(f"pulumi-{name}") for name in ("github", *OUR_PROVIDERS)}
    target = cache.homes / _key(cli, provider, versions)
    if not target.is_dir():
        cache.homes.mkdir(parents=True, exist_ok=True)
        _sweep(cache.homes)
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=cache.homes))
        try:
            _fill(scratch, cli, provider, versions)
            _rename(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return Home(target, cli)


def _sweep(homes: Path) -> None:
    """Removes what killed processes left. Making a home takes a second; an hour-old one is nobody's."""
    for folder in homes.glob(f"{_SCRATCH}*"):
        with suppress(FileNotFoundError):  # another process has just given it its place
            if time.time() - folder.stat().st_mtime > _HOUR:
                shutil.rmtree(folder, ignore_errors=True)


def _key(cli: Cli, provider: Path, versions: dict[str, str]) -> str:
    files = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in (cli.path, provider)]
    parts = [_LAYOUT, *files, str(cli.has_language_host), sys.executable, *sorted(map(str, versions.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _fill(root: Path, cli: Cli, provider: Path, versions: dict[str, str]) -> None:
    binaries, plugins = root / "bin", root / "plugins"
    binaries.mkdir()
    if cli.has_language_host:
        (binaries / "pulumi").symlink_to(cli.path)
    else:
        # The engine looks for language hosts beside its own executable, symbolic links resolved.
        _link(cli.path, binaries / "pulumi")
        _launch(binaries / LANGUAGE_HOST, "python")
    github = plugins / f"resource-github-v{versions['github']}"
    github.mkdir(parents=True)
    (github / GITHUB_PROVIDER.binary).symlink_to(provider)
    for name in OUR_PROVIDERS:
        folder = plugins / f"resource-{name}-v{versions[name]}"
        folder.mkdir()
        _launch(folder / f"pulumi-resource-{name}", name)


def _launch(path: Path, plugin: str) -> None:
    """A script that runs a plugin of ours with this interpreter; -P keeps the user's project out of its imports."""
    path.write_text(_LAUNCHER.format(python=shlex.quote(sys.executable), plugin=plugin), encoding="utf-8")
    path.chmod(0o755)


def _link(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system allows none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _rename(scratch: Path, target: Path) -> None:
    try:
        scratch.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster, with the same content
            raise
