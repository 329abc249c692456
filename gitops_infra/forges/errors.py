"""The error that a program ends with when its input cannot be right."""

from collections.abc import Iterable

import pulumi

from gitops_infra.topology.problems import Problem, TopologyError


class ConfigurationError(pulumi.RunError):
    """Ends a Pulumi program with a text instead of a traceback. `problems` carries each finding.

    Raised before anything is registered. Messages never contain a value that may be secret.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = TopologyError(problems)
        self.problems = found.problems
        super().__init__(str(found))
