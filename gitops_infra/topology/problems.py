"""What is wrong with an input: where, why, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass


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
        return f"{self.where}: {self.reason}. {self.remedy}. [{self.code}]"


class TopologyError(ValueError):
    """The topology cannot be right. Carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        head = "1 problem in the topology" if count == 1 else f"{count} problems in the topology"
        super().__init__("\n".join([f"{head}:", *(f"  - {problem}" for problem in self.problems)]))
