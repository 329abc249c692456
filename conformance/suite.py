"""Runs upstream's test program against one forge and gives its results while it runs."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.modes import Client
from conformance.output import Reader, Result
from conformance.scope import pattern
from conformance.world import World, environment

TIMEOUT_MINUTES = 60
PARALLEL = 8
"""Tests at the same time. More than processors: with the legacy client each write waits a second."""


@dataclass(frozen=True)
class Programs:
    """The built programs: upstream's tests and OpenTofu."""

    tests: Path
    tofu: Path


def run(
    programs: Programs, world: World, client: Client, names: Sequence[str], parallel: int = PARALLEL
) -> Iterator[Result]:
    """The results of the named tests (functions, or parts of them), each as soon as it ends."""
    command = [str(programs.tests), "-test.v=test2json", f"-test.run={pattern(list(names))}"]
    command += [f"-test.parallel={parallel}", f"-test.timeout={TIMEOUT_MINUTES}m"]
    with tempfile.TemporaryDirectory(prefix="gitops-infra-conformance-") as scratch:
        folder = Path(scratch)
        for name in ("test-fixtures", "tmp"):  # upstream's tests write keys into the first
            (folder / name).mkdir()
        (folder / "tofurc").touch()
        with subprocess.Popen(
            command,
            cwd=folder,
            env=environment(os.environ, world.variables, client, folder, programs.tofu),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                wanted = set(names)
                for result in Reader().read(process.stdout or ()):
                    if result.test in wanted or result.test.partition("/")[0] in wanted:
                        yield result
            except BaseException:
                process.terminate()
                raise
