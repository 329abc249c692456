"""What a check reports: severity, place, reason, remedy."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether `pulumi up` would fail, or work with a consequence to know of."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One line of a report. `code` is stable across releases, lower case with dashes."""

    severity: Severity
    where: str
    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.reason}. {self.remedy}. [{self.code}]"

    def as_dict(self) -> dict[str, str]:
        """Plain strings, for JSON."""
        return {key: str(value) for key, value in asdict(self).items()}


def error(where: str, code: str, reason: str, remedy: str) -> Finding:
    """A finding that stops `pulumi up`, or makes it enforce less than the topology says."""
    return Finding(Severity.ERROR, where, code, reason, remedy)


def warning(where: str, code: str, reason: str, remedy: str) -> Finding:
    """A finding that `pulumi up` works with."""
    return Finding(Severity.WARNING, where, code, reason, remedy)


def missing_permission(where: str, permission: str, level: str) -> Finding:
    """A fine-grained permission that the token's App, or the token itself, was not given."""
    return error(
        where,
        "missing-permission",
        f"the token lacks the permission {permission} ({level})",
        "Add it to the App and accept it in the installation, or make a token that has it",
    )
