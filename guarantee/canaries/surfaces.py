"""Where secrets are looked for: everything that a life of a stack leaves, and what it shows while it runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from guarantee.canaries.classes import Place
from guarantee.canaries.scan import Scanner


class Surface(StrEnum):
    """One kind of place that others can read."""

    WIRE = "wire between program and engine"
    STATE = "state, backups and history"
    EXPORT = "exported stack"
    OUTPUTS = "stack outputs"
    PROJECT = "project and stack settings"
    TERMINAL = "output of preview, up, refresh and destroy"
    LOG = "log at the highest verbosity"
    EVENTS = "event log"
    FAILURES = "errors and tracebacks"
    GENERATED = "generated files"
    GIT = "git objects and reflogs"
    ARGUMENTS = "arguments of processes"
    TEMPORARY = "temporary files, also those that are gone"
    CLUSTER = "objects of the cluster and logs of its agents"
    FORGE = "records, answers and logs of the forge"
    COMMANDS = "output and caches of our own commands"


@dataclass(frozen=True)
class Piece:
    """A piece of a surface."""

    surface: Surface
    name: str
    """What it is, for a person who has to find it."""
    data: bytes = field(repr=False)
    place: Place | None = None
    """A place where secrets of some classes may be; None: no secret may be here."""


@dataclass(frozen=True)
class Hit:
    """A secret where it must not be."""

    surface: Surface
    where: str
    kind: str
    """Class of the secret."""
    secret: str
    """Which one, never its value."""
    form: str

    def __str__(self) -> str:
        """As shown in a report."""
        return f"{self.surface}: {self.where}: {self.secret} ({self.kind}), {self.form}"


@dataclass
class Findings:
    """What scanning came to, over any number of collections."""

    hits: dict[Hit, None] = field(default_factory=dict)
    seen: set[tuple[str, Place]] = field(default_factory=set)
    """Class of a secret and place where one of it was found, and belongs."""
    scanned: dict[Surface, int] = field(default_factory=dict)
    """Bytes by surface."""
    _known: set[tuple[str, int]] = field(default_factory=set)

    def look(self, scanner: Scanner, pieces: Iterable[Piece], moment: str) -> None:
        """Scans the pieces; those that were scanned before, and are as they were, are not scanned again.

        Nothing is missed so: a secret that was made later is not in them.
        """
        for piece in pieces:
            key = (f"{piece.surface} {piece.name}", hash(piece.data))
            if key in self._known:
                continue
            self._known.add(key)
            self.scanned[piece.surface] = self.scanned.get(piece.surface, 0) + len(piece.data)
            for found in scanner.scan(piece.data):
                canary = found.canary
                if piece.place is not None and piece.name in canary.homes.get(piece.place, ()):
                    self.seen.add((canary.kind, piece.place))
                else:
                    where = f"{piece.name} ({moment})"
                    self.hits[Hit(piece.surface, where, canary.kind, canary.name, found.form)] = None


def files(surface: Surface, folder: Path) -> Iterator[Piece]:
    """Every file below the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield Piece(surface, str(path.relative_to(folder.parent)), path.read_bytes())
