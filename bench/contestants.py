"""Who is measured against whom: program, provider settings and tool of each, and what a stack of it needs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.stacks import PulumiStack, Stack, TofuStack
from bench.subject import Subject
from bench.world import world
from gitops_infra.forges.github.provider import SETTINGS
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.toolchain.build import override
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.go import find_go
from gitops_infra.sandbox.toolchain.recipes import OPENTOFU, UPSTREAM_PROVIDER, Recipe

SHIPPED: Mapping[str, Any] = SETTINGS["github.com"]
DEFAULTS: Mapping[str, Any] = {}
"""No setting at all: one request at a time, and a pause of a second after each write."""

BUILD = "Run `gitops-infra tools build --all`"


@dataclass(frozen=True)
class Contestant:
    """One way to make the topology."""

    program: str
    """`ours`, `bare` or `opentofu`."""
    settings: Mapping[str, Any] | None = None
    """Of the GitHub provider; None is what `github_provider` gives, for `ours` only."""
    parallel: int | None = None
    """How many resources at a time; None is the tool's default."""

    def needs(self) -> tuple[Recipe, ...]:
        """Programs beyond the engine that must be there."""
        return (OPENTOFU, UPSTREAM_PROVIDER) if self.program == "opentofu" else ()

    def at(self, parallel: int | None) -> "Contestant":
        """The same with so many resources at a time."""
        return replace(self, parallel=parallel)


@dataclass(frozen=True)
class Conditions:
    """What is the same for all contestants of a cell."""

    environments: int
    latency: float = 0.0
    """Seconds before each answer of the forge."""
    by_team: bool = False
    """Whether production's reviewer is a team without an id."""
    branch: bool = False
    """Whether isolation is `branch`, with a GitHub App for each environment."""


@dataclass
class Bench:
    """What every cell needs: the engine and the programs that are built already."""

    engine: Engine
    cache: Cache = field(default_factory=Cache)
    lives: dict[int, Any] = field(default_factory=dict)
    """What the cells `lives` found, by number of environments, for the cell `growth`."""

    @contextmanager
    def stack(self, contestant: Contestant, conditions: Conditions) -> Iterator[Stack]:
        """A fresh world with a stack of that contestant, in which nothing is made yet."""
        apps_for = Subject(conditions.environments) if conditions.branch else None
        with world(latency=conditions.latency, apps_for=apps_for) as one:
            subject = one.subject(conditions.environments, by_team=conditions.by_team)
            if contestant.program == "opentofu":
                tofu, provider = (self._built(recipe) for recipe in contestant.needs())
                settings, parallel = contestant.settings or {}, contestant.parallel
                yield TofuStack(tofu, provider, one, subject, settings=settings, parallel=parallel)
            else:
                yield PulumiStack(
                    self.engine,
                    one,
                    subject,
                    program=contestant.program,
                    settings=contestant.settings,
                    parallel=contestant.parallel,
                )

    def missing(self, contestant: Contestant) -> list[Recipe]:
        """What must be built before this contestant can run."""
        return [recipe for recipe in contestant.needs() if self._find(recipe) is None]

    def _built(self, recipe: Recipe) -> Path:
        path = self._find(recipe)
        if path is None:
            raise ToolError(recipe.name, "is not built", BUILD)
        return path

    def _find(self, recipe: Recipe) -> Path | None:
        return override(recipe) or self.cache.find(recipe, find_go(self.cache.go))
