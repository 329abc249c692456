"""What `make guarantee` prints: one line of figures for each part, and below it everything that is not as promised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 20
"""Failures of one part that are printed; all of them are in the JSON file."""
WIDTH = 12


@dataclass(frozen=True)
class Part:
    """One measurement, done."""

    name: str
    figures: str
    seconds: float
    failures: tuple[str, ...] = ()
    """What is not as promised, in words; empty when all is well."""
    data: dict[str, Any] = field(default_factory=dict)
    """For the JSON file: numbers and names."""

    def __str__(self) -> str:
        verdict = "held" if not self.failures else f"{len(self.failures)} NOT HELD"
        return f"{self.name:<{WIDTH}} {self.figures}; {verdict}, {self.seconds:.0f} s"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "part": self.name,
            "held": not self.failures,
            "seconds": round(self.seconds, 1),
            "figures": self.figures,
            "failures": list(self.failures),
            **self.data,
        }


def summary(parts: Sequence[Part]) -> str:
    """The last lines: every part, its failures, and the verdict."""
    lines = [str(each) for each in parts]
    for part in parts:
        shown = part.failures[:SHOWN]
        lines += [f"  {part.name}: {failure}" for failure in shown]
        if len(part.failures) > SHOWN:
            lines.append(f"  {part.name}: ... and {len(part.failures) - SHOWN} more")
    broken = [part.name for part in parts if part.failures]
    took = sum(part.seconds for part in parts)
    lines.append(f"NOT HELD: {', '.join(broken)}" if broken else f"everything held, {took:.0f} s")
    return "\n".join(lines)
