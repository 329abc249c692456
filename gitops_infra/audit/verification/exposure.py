"""What the audit reports: what is not as planned, and what it could not see."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from gitops_infra.topology.secret_shapes import secret_shape, shown

MANY = 12
"""Names that one line tells; of more, the number is told."""
LONGEST = 600
"""Characters of a text that are told."""


class Severity(StrEnum):
    """What a finding means for the guarantee, worst first."""

    CRITICAL = "critical"
    """Somebody whom the topology does not name can change what an environment runs, or take its credential, now."""
    HIGH = "high"
    """One more step and they can, or a guard that stood before them is gone."""
    MEDIUM = "medium"
    """Delivery is broken or blocked, or a second guard is missing behind one that holds."""
    LOW = "low"
    """Not as planned, and nobody gains by it."""
    INFO = "info"
    """To know of; nobody need do anything."""


FAILING = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
"""Severities for which `gitops-infra verify` ends with exit code 1."""


class Repair(StrEnum):
    """What brings the planned state back."""

    UP = "pulumi up --refresh"
    FORCE = "PULUMI_K8S_ENABLE_PATCH_FORCE=true pulumi up --refresh"
    """Whoever changed an object of a cluster owns the field now, and `pulumi up` alone ends with a conflict."""
    HAND = "by hand"
    """The providers do not see it: `pulumi up` passes it by."""


@dataclass(frozen=True)
class Exposure:
    """One finding. `code` is stable across releases, lower case with dashes."""

    severity: Severity
    where: str
    """The object, in words: `ruleset gitops: staging writers of acme/shop-env-staging`."""
    code: str
    expected: str
    found: str
    exploit: str
    """Who gains by it, and how: one sentence without a full stop."""
    remedy: str
    repair: Repair

    def __str__(self) -> str:
        return (
            f"{self.severity}: {self.where}: expected {self.expected}, found {self.found}; {self.exploit}. "
            f"{self.remedy}. [{self.code}]"
        )

    def as_dict(self) -> dict[str, str]:
        """Plain strings, for JSON."""
        return {key: str(value) for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Unverifiable:
    """What this token or this kubeconfig does not show: neither fine nor wrong."""

    where: str
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"not verifiable: {self.where}: {self.what}: {self.why}. {self.remedy}."

    def as_dict(self) -> dict[str, str]:
        """Plain strings, for JSON."""
        return {key: str(value) for key, value in asdict(self).items()}


Report = Iterator[Exposure | Unverifiable]
"""What a check gives."""


@dataclass(frozen=True)
class Code:
    """One kind of finding: what it means, and what to do about it. Texts may hold `{words}`."""

    name: str
    severity: Severity
    """Where `at` is not told another one, such as that of what a ruleset guards."""
    exploit: str
    repair: Repair
    remedy: str = ""
    """Empty: the command of `repair` is all there is to do."""

    def at(self, where: str, expected: str, found: str, *, severity: Severity | None = None, **words: Any) -> Exposure:
        """The finding at that place; `words` fill the texts."""
        return Exposure(
            severity or self.severity,
            clean(where),
            self.name,
            clean(expected),
            clean(found),
            self.exploit.format(**words),
            self.remedy.format(**words) or f"Run `{self.repair}`",
            self.repair,
        )


def listed(names: Iterator[str] | tuple[str, ...] | list[str] | set[str] | frozenset[str]) -> str:
    """Names for a message: sorted, quoted, cut; `none` where there is none."""
    found = sorted(names)
    more = f" and {len(found) - MANY} more" if len(found) > MANY else ""
    return ", ".join(f"`{_plain(name)}`" for name in found[:MANY]) + more or "none"


def clean(text: str) -> str:
    """The text in one line that no terminal takes for a command, cut, and hidden where it holds a secret.

    Names and descriptions on a forge are whatever somebody wrote there.
    """
    if secret_shape(text):
        return "(hidden: it holds what looks like a secret)"
    plain = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 3]}..."


def value(text: str) -> str:
    """A value for a message: in quotes, one line, cut, and hidden where it may be a secret."""
    return shown(text)


def _plain(name: str) -> str:
    return ascii(name)[1:-1]
