"""Runs upstream's test program against one forge and gives its results while it runs."""

import os
import signal
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
LAST = 10
"""Lines of a program that could not start which are shown."""

PARALLEL = 8
"""Tests at the same time. More than processors: with the legacy client each write waits a second."""


@dataclass(frozen=True)
class Programs:
    """The built programs: upstream's tests and OpenTofu."""

    tests: Path
    tofu: Path


class NothingRanError(Exception):
    """The test program gave no result at all; the text is what it wrote last."""


def run(
    programs: Programs, world: World, client: Client, names: Sequence[str], parallel: int = PARALLEL
) -> Iterator[Result]:
    """The results of the named tests (functions, or parts of them), each as soon as it ends.

    Raises NothingRanError: a list without failures must not be what a program leaves that could not start.
    """
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
            start_new_session=True,
        ) as process:
            wanted, reader, ran = set(names), Reader(), False
            try:
                for result in reader.read(process.stdout or ()):
                    ran = True
                    if result.test in wanted or result.function in wanted:
                        yield result
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)  # with it, the command lines that it drives
                raise
            if not ran:
                raise NothingRanError(f"{programs.tests.name}: no test ran\n" + "\n".join(reader.stray[-LAST:]))
