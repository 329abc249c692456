"""One stack under observation: what it provisions, where everything lies, and how commands run in it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from gitops_infra.sandbox.forge.server import DROP_CONNECTION, Sandbox

PROJECT = "gitops-infra"
STACK = "shop"
STACK_FILE = f"Pulumi.{STACK}.yaml"
SECONDS = 240.0
"""How long one command may take."""

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Said:
    """What one command said."""

    arguments: tuple[str, ...]
    code: int
    output: str = field(repr=False)


@dataclass
class Scene:
    """One stack, what it provisions, and where everything lies."""

    folder: Path
    forge: Sandbox
    engine: Engine
    cluster: Cluster
    kubeconfigs: Mapping[str, str] = field(repr=False)
    """By cluster of the topology; both are the one cluster that runs."""
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """By name: those that were put in from outside."""
    admin: str = field(default="", repr=False)
    """Token of the organisation's owner."""
    person: TokenCredential = field(default_factory=lambda: TokenCredential(""), repr=False)
    """The owner, as a client of git."""

    @property
    def project(self) -> Path:
        """Folder of the project: no secret is in it but encrypted."""
        return self.folder / "project"

    @property
    def state(self) -> Path:
        """Folder of the backend."""
        return self.folder / "state"

    @property
    def stack_file(self) -> Path:
        """The stack's settings."""
        return self.project / STACK_FILE

    @property
    def temporary(self) -> Path:
        """Where everything that runs makes its temporary files."""
        return self.folder / "tmp"

    def configure(self, topology: Mapping[str, Any]) -> None:
        """Writes the topology; secrets in the file stay."""
        document = YAML(typ="safe").load(self.stack_file)
        document.setdefault("config", {})[f"{PROJECT}:topology"] = dict(topology)
        with self.stack_file.open("w", encoding="utf-8") as file:
            YAML().dump(document, file)

    def secret(self, key: str, value: str, *options: str) -> None:
        """Stores a secret value of the configuration, over standard input."""
        full = key if ":" in key else f"{PROJECT}:{key}"
        command = ["config", "set", "--secret", *options, full, "--stack", STACK]
        done = self.engine.run(command, self.project, self.environment, text=value)
        if done.returncode != 0:
            raise RuntimeError(f"pulumi config set {full}: {done.stderr.strip()}")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`pulumi ARGUMENTS` in a session of its own, so that the whole tree can be killed."""
        return self._start(str(self.engine.home.binaries / "pulumi"), *arguments, "--stack", STACK, "--non-interactive")

    def ours(self, *arguments: str, before: str = "") -> Said:
        """`gitops-infra ARGUMENTS`, as its user types it. `before` is Python that runs first."""
        call = f"{before}\nfrom gitops_infra.cli import main; main()"
        return _ended(self._start(sys.executable, "-c", call, *arguments), ("gitops-infra", *arguments))

    def pulumi(self, *arguments: str) -> Said:
        """What `pulumi ARGUMENTS` says in the end."""
        return _ended(self.start(*arguments), ("pulumi", *arguments))

    def killed(self, at: Callable[[Request], bool], *arguments: str) -> Said:
        """Runs `pulumi ARGUMENTS` and kills the whole tree when the forge has done the first write that `at` takes."""
        process = self.start(*arguments)
        hit: list[Request] = []

        def kill(request: Request, _: Response | None = None) -> Response | None:
            if request.method not in WRITES or hit or not at(request):
                return None
            hit.append(request)
            kill_session(process.pid)
            return DROP_CONNECTION

        remove = self.forge.after(kill)
        try:
            said = _ended(process, ("pulumi", *arguments))
        finally:
            remove()
        if not hit:
            raise RuntimeError(f"`pulumi {' '.join(arguments)}` was not killed: no write fitted\n{said.output}")
        return said

    def clone(self, name: str) -> Clone:
        """A clone of the application, as its owner."""
        return Clone.of(self.forge.http_url("acme/shop"), self.folder / name, self.person)

    def exported(self, *, opened: bool) -> dict[str, Any]:
        """The stack's export; `opened` shows its secrets, to learn them."""
        document: dict[str, Any] = json.loads(self.read("stack", "export", *(["--show-secrets"] if opened else [])))
        return document

    def read(self, *arguments: str) -> str:
        """Standard output of `pulumi ARGUMENTS`, which only reads. Raises RuntimeError."""
        done = self.engine.run([*arguments, "--stack", STACK], self.project, self.environment, timeout=SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"`pulumi {' '.join(arguments)}` ended with {done.returncode}\n{done.stderr}")
        return done.stdout

    def _start(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )


def _ended(process: "subprocess.Popen[str]", arguments: tuple[str, ...]) -> Said:
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        raise RuntimeError(f"`{' '.join(arguments)}` did not end in {SECONDS:.0f} s") from None
    return Said(arguments, process.returncode, output)


def kill_session(leader: int) -> None:
    """SIGKILL for the process that leads a session, and for everything in the session."""
    # The engine first: its plugins have process groups of their own, and it would see them end.
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(ProcessLookupError, PermissionError):
                if os.getsid(int(entry.name)) == leader:
                    os.kill(int(entry.name), signal.SIGKILL)
