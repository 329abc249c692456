"""How this forge starts git: nothing of the caller's environment or configuration reaches it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

SETTINGS: Mapping[str, str] = {
    # The folder may belong to somebody else, such as a mounted volume; that is the operator's choice, not an attack.
    "safe.directory": "*",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
"""Git settings of every process, given through the environment: files cannot override them."""


class GitError(RuntimeError):
    """A git command failed. `stderr` is what it said."""

    def __init__(self, command: str, code: int, stderr: str) -> None:
        super().__init__(f"git {command} ended with {code}: {stderr.strip() or 'no message'}")
        self.code = code
        self.stderr = stderr


def environment(extra: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a git process: PATH, no user or system configuration, `SETTINGS` plus `settings`."""
    result = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    pairs = {**SETTINGS, **(settings or {})}
    result["GIT_CONFIG_COUNT"] = str(len(pairs))
    for number, (key, value) in enumerate(pairs.items()):
        result[f"GIT_CONFIG_KEY_{number}"] = key
        result[f"GIT_CONFIG_VALUE_{number}"] = value
    return result | dict(extra or {})


def run(
    *arguments: str,
    directory: Path | None = None,
    input: bytes | None = None,  # noqa: A002  (as subprocess.run names it)
    env: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (0,),
) -> "subprocess.CompletedProcess[bytes]":
    """The finished `git` process; raises GitError when its exit code is not in `accept`.

    `directory` is the bare repository, given as `--git-dir`: nothing is searched for in parent folders.
    """
    command = ["git", *((f"--git-dir={directory}",) if directory else ()), *arguments]
    finished = subprocess.run(
        command,
        input=b"" if input is None else input,
        capture_output=True,
        env=environment(env),
        check=False,
    )
    if finished.returncode not in accept:
        raise GitError(arguments[0], finished.returncode, finished.stderr.decode("utf-8", "replace"))
    return finished
