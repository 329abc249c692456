"""A forge, a Pulumi project and one stack, on which `pulumi up` is timed and its calls are counted."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.subject import APPLICATION, APPROVER, DEVELOPER, OWNER, TEAM
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from gitops_infra.sandbox.forge.server import Sandbox

ROOT = Path(__file__).parents[1]
PERMISSIONS = dict.fromkeys(
    (
        "actions",
        "actions_variables",
        "administration",
        "contents",
        "environments",
        "issues",
        "secrets",
        "variables",
        "workflows",
    ),
    "write",
) | {"members": "read"}

PROGRAM = """\
import sys

sys.path.insert(0, {root!r})

from bench.{contestant} import program
from bench.subject import Subject

program(Subject({environments}, {approver_id}), {settings!r})
"""


class UpFailed(Exception):  # noqa: N818 - the text is Pulumi's
    """`pulumi` failed; the text is its output."""


@dataclass(frozen=True)
class Up:
    """One `pulumi up`: seconds, and requests to the forge's REST interface."""

    seconds: float
    calls: int


@dataclass
class World:
    """One stack of one program, and the forge that it provisions."""

    forge: Sandbox
    engine: Engine
    folder: Path
    environment: dict[str, str]

    def up(self, *options: str) -> Up:
        """Runs it. Raises UpFailed."""
        before = len(self.forge.requests)
        begin = time.perf_counter()
        self.pulumi("up", "--yes", "--skip-preview", *options)
        return Up(time.perf_counter() - begin, len(self.forge.requests) - before)

    def no_op(self) -> Up:
        """Once more, with nothing to change. Raises UpFailed if something changes."""
        return self.up("--expect-no-changes")

    def pulumi(self, *arguments: str) -> None:
        """Raises UpFailed."""
        done = self.engine.run([*arguments, "--stack", "bench", "--non-interactive"], self.folder, self.environment)
        if done.returncode:
            raise UpFailed(f"pulumi {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


@contextmanager
def world(  # noqa: PLR0913 - by keyword; each is one condition of a measurement
    engine: Engine,
    contestant: str,
    environments: int,
    *,
    settings: Mapping[str, Any] | None = None,
    by_team: bool = False,
    latency: float = 0.0,
) -> Iterator[World]:
    """A fresh world in which nothing is made yet.

    `contestant` is `ours` or `bare`, `settings` those of the GitHub provider (None: as shipped; bare needs some).
    With `by_team` production's reviewer is a team without an id. The forge answers after `latency` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-bench-") as scratch, Sandbox() as forge:
        approver, token = _populate(forge)
        if latency:
            forge.before(lambda request: _late(request, latency))
        folder = Path(scratch)
        program = PROGRAM.format(
            root=str(ROOT),
            contestant=contestant,
            environments=environments,
            approver_id=None if by_team else approver,
            settings=None if settings is None else dict(settings),
        )
        (folder / "__main__.py").write_text(program, encoding="utf-8")
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": "bench", "runtime": "python"}), encoding="utf-8")
        address = {"GITHUB_TOKEN": token, "GITHUB_BASE_URL": f"{forge.url}/"}
        environment = engine.environment(folder / "state", "a passphrase", **address)
        # As after an installation: see `cells.programs.interpreter`.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        made = World(forge, engine, folder, environment | {"PYTHONPYCACHEPREFIX": str(_compiled())})
        made.pulumi("stack", "init")
        yield made


def _populate(forge: Sandbox) -> tuple[int, str]:
    """The approver's id and a token that may provision."""
    forge.add_user(DEVELOPER)
    approver = forge.add_user(APPROVER)
    forge.add_organization(OWNER, price_plan="enterprise")
    forge.add_team(OWNER, TEAM, [APPROVER])
    forge.add_repository(f"{OWNER}/{APPLICATION}", auto_init=True)
    forge.grant(f"{OWNER}/{APPLICATION}", f"{OWNER}/{TEAM}", "maintain")
    return approver.id, forge.app_token(forge.app(OWNER, "provisioner", PERMISSIONS))


def _late(_: Request, seconds: float) -> Response | None:
    time.sleep(seconds)
    return None


_CACHE: list[tempfile.TemporaryDirectory[str]] = []


def _compiled() -> Path:
    """A folder for compiled modules that all worlds of this process share."""
    if not _CACHE:
        _CACHE.append(tempfile.TemporaryDirectory(prefix="gitops-infra-bench-"))
    return Path(_CACHE[0].name)
