"""Prints the `bin` folder of this checkout's private virtual environment, made first when it is missing or stale.

Standard library only: it runs on a fresh machine, before anything is installed. The environment lies outside the
tree, under `$XDG_CACHE_HOME/gitops-infra`, keyed by the checkout, the Python and `requirements.lock`. A stamp is
written last, so what a killed run leaves behind is never used; a lock lets two `make` wait for each other.
Progress goes to stderr; stdout holds the one path.
"""

# ruff: noqa: INP001 - a script, not a package

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"
STAMP = "gitops-infra.stamp"
OLDEST = (3, 11)
TAIL = 25


def digest(*parts: bytes) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the parts."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def cache() -> Path:
    """Cache folder; a relative `XDG_CACHE_HOME` is ignored, as the XDG specification asks."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "gitops-infra"


def prefix() -> str:
    """Name that every environment of this checkout starts with; the package is installed editable."""
    return f"venv-{digest(str(ROOT).encode())[:8]}-"


def place() -> Path:
    """Folder of the environment that fits the checkout, this Python and the lock file."""
    python = f"{platform.python_implementation()} {sys.version} {platform.machine()} {sys.base_prefix}"
    return cache() / (prefix() + digest(python.encode(), LOCK.read_bytes()))


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the progress display


def fail(text: str) -> NoReturn:
    """Ends with the text and exit code 1."""
    say(f"make: {text}")
    sys.exit(1)


def run(what: str, command: list[str], remedy: str) -> None:
    """Runs a command quietly, with a line every 10 seconds; on failure its last lines and the remedy."""
    say(f"{what} ...")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process:
            while True:
                try:
                    code = process.wait(timeout=10)
                    break
                except subprocess.TimeoutExpired:
                    say(f"{what} ... {time.monotonic() - began:.0f} s")
        if code != 0:
            output.seek(0)
            say("".join(output.readlines()[-TAIL:]).rstrip())
            fail(f"{what} failed (exit code {code}). {remedy}")
    say(f"{what}: {time.monotonic() - began:.0f} s")


def create(target: Path) -> None:
    """Makes the environment anew, all but the stamp."""
    if target.exists():
        say(f"removing an unfinished environment: {target}")
        shutil.rmtree(target)
    count = sum(1 for line in LOCK.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    say(f"first run with these requirements: installing {count} packages into {target}")
    run(
        "creating a virtual environment",
        [sys.executable, "-m", "venv", str(target)],
        "Python's venv module is needed (Debian, Ubuntu: the package python3-venv).",
    )
    pip = [str(target / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    run(
        "installing the locked packages",
        [*pip, "--progress-bar", "off", "--require-hashes", "-r", str(LOCK)],
        "A package index must be reachable; pip's own settings (PIP_INDEX_URL, pip.conf) are honoured.",
    )


def install(target: Path) -> None:
    """Installs this checkout into the environment, editable: changes of the code need no new installation."""
    pip = [str(target / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    run(
        "installing gitops-infra from this checkout",
        [*pip, "--progress-bar", "off", "--no-build-isolation", "--no-deps", "-e", str(ROOT)],
        "See the lines above.",
    )


def ensure() -> Path:
    """The environment's folder, ready to use."""
    if sys.version_info < OLDEST:
        fail(f"Python 3.11 or newer is needed, this is {platform.python_version()}. Run `make PYTHON=python3.11 ...`.")
    target = place()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        guard = (target.parent / f"{target.name}.lock").open("w")
    except OSError as error:
        fail(f"cannot write below {target.parent}: {error.strerror}. Set XDG_CACHE_HOME to a folder of yours.")
    project = digest(PROJECT.read_bytes())
    with guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `make` that prepares the same environment ...")
            fcntl.flock(guard, fcntl.LOCK_EX)
        stamp = target / STAMP
        found = stamp.read_text(encoding="utf-8") if stamp.is_file() else None
        if found is None:
            create(target)
        if found != project:
            install(target)
            stamp.write_text(project, encoding="utf-8")
    return target


def clean() -> None:
    """Removes every environment of this checkout."""
    for folder in cache().glob(prefix() + "*"):
        say(f"removing {folder}")
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink()


if __name__ == "__main__":
    if sys.argv[1:] == ["--clean"]:
        clean()
    else:
        print(ensure() / "bin")  # noqa: T201 - the answer
