"""What is wrong with an input: where, why, and what to do about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from gitops_infra.topology.secret_shapes import shown

ROOT = "topology"
"""How the whole input is called where there is no path into it."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that cannot be right.

    `where` is a path into the input (`environments[1].branch`) or names an object; `code` is stable
    across releases, lower case with dashes.
    """

    where: str
    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        end = "" if self.remedy.endswith("?") else "."
        return f"{self.where}: {self.reason}. {self.remedy}{end} [{self.code}]"


class TopologyError(ValueError):
    """The topology cannot be right. Carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        count = len(self.problems)
        head = "1 problem in the topology" if count == 1 else f"{count} problems in the topology"
        super().__init__("\n".join([f"{head}:", *(f"  - {problem}" for problem in self.problems)]))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems without duplicates, by place; `environments[2]` comes before `environments[10]`."""
    return tuple(sorted(set(problems), key=lambda problem: (_natural(problem.where), problem)))


def path(*parts: str | int) -> str:
    """A path into the input, such as `environments[1].branch`; keys that may be secrets are hidden."""
    return reduce(inside, parts, "") or ROOT


def inside(outer: str, part: str | int) -> str:
    """The path of a key or an index inside the path `outer`, which may be empty."""
    if isinstance(part, int):
        return f"{outer}[{part}]"
    if _PLAIN_KEY.fullmatch(part) and shown(part) == f"'{part}'":
        return f"{outer}.{part}" if outer else part
    return f"{outer}[{shown(part)}]"


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Sort key that compares runs of digits as numbers."""
    return tuple((part.isdigit(), len(part) if part.isdigit() else 0, part) for part in re.split(r"([0-9]+)", text))
