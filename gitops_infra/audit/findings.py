"""What a check reports: severity, place, reason, remedy."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from gitops_infra.topology.problems import Problem


class Severity(StrEnum):
    """Whether `pulumi up` would fail, work with a consequence to know of, or just leave something as it is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One line of a report. `code` is stable across releases, lower case with dashes."""

    severity: Severity
    where: str
    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        remedy = f" {self.remedy}." if self.remedy else ""
        return f"{self.severity}: {self.where}: {self.reason}.{remedy} [{self.code}]"

    def as_dict(self) -> dict[str, str]:
        """Plain strings, for JSON."""
        return {key: str(value) for key, value in asdict(self).items()}


def error(where: str, code: str, reason: str, remedy: str) -> Finding:
    """A finding that stops `pulumi up`, or makes it enforce less than the topology says."""
    return Finding(Severity.ERROR, where, code, reason, remedy)


def warning(where: str, code: str, reason: str, remedy: str) -> Finding:
    """A finding that `pulumi up` works with."""
    return Finding(Severity.WARNING, where, code, reason, remedy)


def info(where: str, code: str, reason: str) -> Finding:
    """A finding that nobody need do anything about."""
    return Finding(Severity.INFO, where, code, reason, "")


def of_problem(problem: Problem) -> Finding:
    """A problem of a topology or a plan as an error, with the same words and code."""
    return error(problem.where, problem.code, problem.reason, problem.remedy)


def owned_elsewhere(where: str, what: str, stack: str) -> Finding:
    """Something that the plan would make, and that another stack has."""
    return error(
        where,
        "owned-elsewhere",
        f"{what} is owned by stack {stack}",
        "Leave it out of one of the two, or hand it over with `pulumi state move`",
    )


def missing_permission(where: str, permission: str, level: str) -> Finding:
    """A fine-grained permission that the token's App, or the token itself, was not given."""
    return error(
        where,
        "missing-permission",
        f"the token lacks the permission {permission} ({level})",
        "Add it to the App and accept it in the installation, or make a token that has it",
    )
