"""What becomes of a pending create."""

from dataclasses import dataclass
from enum import StrEnum

from gitops_infra.recovery.state import PendingCreate


class Fate(StrEnum):
    """What resume does with one pending create."""

    IMPORT = "import"
    ABSENT = "absent"
    REPEAT = "repeat"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Decision:
    """One pending create with its fate. `import_id` is set exactly for IMPORT."""

    create: PendingCreate
    fate: Fate
    why: str
    import_id: str | None = None

    def __str__(self) -> str:
        return f"{self.create.name}: {self.why}"
