"""Runs commands with every recording switched on, and looks at everything afterwards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from guarantee.canaries import held, learn
from guarantee.canaries.classes import Place
from guarantee.canaries.scan import Canary, Scanner
from guarantee.canaries.scene import STACK, Said, Scene
from guarantee.canaries.surfaces import Findings, Piece, Surface, files
from guarantee.canaries.watch import Watch
from guarantee.canaries.wire import opened, split_log, wire

_WITH_EVENTS = frozenset({"preview", "up", "refresh", "destroy"})


@dataclass
class Recorder:
    """What runs in a scene, recorded."""

    scene: Scene
    findings: Findings = field(default_factory=Findings)
    extra: list[Canary] = field(default_factory=list)
    """Canaries that only the caller knows of."""
    _pieces: list[Piece] = field(default_factory=list)
    _count: int = 0
    _canaries: dict[str, Canary] = field(default_factory=dict)
    _scanner: Scanner | None = None

    def __post_init__(self) -> None:
        """From now on every token that an App gets is known."""
        self.scene.forge.after(self._learn_token)

    def pulumi(self, *arguments: str, kill: str = "", code: int | None = 0, **environment: str) -> Said:
        """Runs `pulumi ARGUMENTS` at the highest verbosity; with `kill`, until a write to a path that has this in it.

        `environment` are further variables. Raises RuntimeError for another exit code, unless `code` is None.
        """
        folder = self._folder()
        told = [*arguments, "--logtostderr", "-v=9"]
        if arguments[0] in _WITH_EVENTS:
            told += ["--event-log", str(folder / "events.json")]
        recording = {"PULUMI_DEBUG_COMMANDS": "true", "PULUMI_DEBUG_GRPC": str(folder / "wire.json")}
        recording |= environment
        self.scene.environment |= recording
        try:
            with Watch(self.scene.temporary) as watch:
                if kill:
                    said = self.scene.killed(lambda request: kill in request.path, *told)
                else:
                    said = self.scene.pulumi(*told)
        finally:
            for name in recording:
                del self.scene.environment[name]
        log, shown = split_log(said.output.encode(errors="surrogateescape"))
        self._take(
            watch,
            Piece(Surface.LOG, " ".join(arguments), log),
            Piece(Surface.TERMINAL if said.code == 0 else Surface.FAILURES, " ".join(arguments), shown),
        )
        if (folder / "wire.json").exists():
            self._pieces += wire(folder / "wire.json")
        if (folder / "events.json").exists():
            self._pieces.append(Piece(Surface.EVENTS, " ".join(arguments), (folder / "events.json").read_bytes()))
        if not kill and code is not None and said.code != code:
            raise RuntimeError(f"`pulumi {' '.join(arguments)}` ended with {said.code}\n{shown.decode()}")
        return said

    def ours(self, *arguments: str, codes: tuple[int, ...] = (0,), before: str = "") -> Said:
        """Runs `gitops-infra ARGUMENTS`, after `before`, which is Python. Raises RuntimeError for another exit code."""
        with Watch(self.scene.temporary) as watch:
            said = self.scene.ours(*arguments, before=before)
        self._take(watch, Piece(Surface.COMMANDS, f"gitops-infra {arguments[0]}", said.output.encode()))
        if said.code not in codes:
            raise RuntimeError(f"`gitops-infra {' '.join(arguments)}` ended with {said.code}\n{said.output}")
        return said

    def add(self, *pieces: Piece) -> None:
        """More to look at."""
        self._pieces += pieces

    @property
    def canaries(self) -> tuple[Canary, ...]:
        """All secrets that are known so far."""
        return tuple(self._canaries.values())

    def look(self, moment: str) -> None:
        """Scans what was recorded since the last look, and everything that is there now."""
        shown = self.scene.exported(opened=True)
        known = [*learn.of_settings(self.scene.secrets), *learn.of_state(shown), *self.extra]
        # Of a resource that is gone the secret is still one.
        self._canaries |= {each.name: each for each in known}
        if self._scanner is None or self._scanner.canaries != self.canaries:
            self._scanner = Scanner(self.canaries, [*learn.frames(), *learn.public_halves(self.canaries)])
        scanner = self._scanner
        pieces, self._pieces = self._pieces, []
        self.findings.look(scanner, pieces, moment)
        self.findings.look(scanner, self._standing(shown), moment)

    def _take(self, watch: Watch, *pieces: Piece) -> None:
        self._pieces += [*watch.pieces(), *pieces]

    def _standing(self, shown: dict[str, Any]) -> Iterator[Piece]:
        scene = self.scene
        yield from files(Surface.STATE, scene.state)
        yield from files(Surface.PROJECT, scene.project)
        yield Piece(Surface.EXPORT, "pulumi stack export", scene.read("stack", "export").encode())
        yield Piece(Surface.OUTPUTS, "pulumi stack output", scene.read("stack", "output", "--json").encode())
        yield Piece(Surface.EXPORT, learn.STATE, "\0".join(opened(shown)).encode(), Place.STATE)
        settings = json.loads(scene.read("config", "--json", "--show-secrets"))
        values = [each["value"] for each in settings.values() if each["secret"]]
        # As Pulumi keeps it: of a value with parts, the parts.
        parts = [part for value in values if value.startswith("{") for part in map(str, json.loads(value).values())]
        yield Piece(Surface.PROJECT, learn.SETTINGS, "\0".join([*values, *parts]).encode(), Place.SETTINGS)
        yield Piece(Surface.ARGUMENTS, learn.CALLER, "\0".join(scene.environment.values()).encode(), Place.CALLER)
        yield from held.git(scene.forge)
        yield from held.forge(scene.forge, scene.admin)
        yield from held.cluster(scene.cluster)

    def _learn_token(self, request: Request, response: Response) -> None:
        if request.path.endswith("/access_tokens") and isinstance(response.body, dict) and "token" in response.body:
            number = sum(name.startswith("token of a run") for name in self.scene.secrets) + 1
            self.scene.secrets[f"token of a run {number}"] = response.body["token"]

    def _folder(self) -> Path:
        self._count += 1
        folder = self.scene.folder / "records" / f"{self._count}-{STACK}"
        folder.mkdir(parents=True)
        return folder
