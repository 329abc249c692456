"""What the lives of stacks are turned into: ratios within a round, calls, growth, and what could not be measured."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.toolchain.recipes import OPENTOFU, UPSTREAM_PROVIDER

ROOT = Path(__file__).parents[2]


class Stack:
    """A stack whose steps take `seconds` each, without a forge."""

    def __init__(self, seconds: float, step: Any) -> None:
        self.seconds, self.step = seconds, step

    def first(self) -> Any:
        """Three times as many calls as the others."""
        return self.step(self.seconds, 30, 30, 14, self.seconds)

    def no_op(self) -> Any:
        """The one call with which the provider starts."""
        return self.step(self.seconds, 1, 1, 0, self.seconds)

    rotate = destroy = no_op

    def state_bytes(self) -> int:
        """A thousand."""
        return 1000


class Bench:
    """Stacks that take the seconds told by program and environments; of what is not built, the recipes."""

    def __init__(self, seconds: dict[str, float], step: Any, *, built: bool = True) -> None:
        self.seconds, self.step, self.built = seconds, step, built
        self.lives: dict[int, Any] = {}
        self.made: list[tuple[str, bool]] = []

    def missing(self, contestant: Any) -> list[Any]:
        """As the real one."""
        return [] if self.built or contestant.program != "opentofu" else [OPENTOFU, UPSTREAM_PROVIDER]

    @contextmanager
    def stack(self, contestant: Any, conditions: Any) -> Iterator[Stack]:
        """Slower with more environments, in proportion."""
        if conditions.environments > 1:  # not the warm-up
            self.made.append((contestant.program, contestant.settings == {}))
        yield Stack(self.seconds[contestant.program] * conditions.environments, self.step)


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with the cells."""
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("bench.cells.lives")


def bench(*, built: bool = True) -> Bench:
    """Ours takes one second for each environment, bare two, OpenTofu four."""
    seconds = {"ours": 1.0, "bare": 2.0, "opentofu": 4.0}
    return Bench(seconds, importlib.import_module("bench.world").Step, built=built)


def test_every_contestant_is_a_ratio_of_ours(cells: Any) -> None:
    goals = {goal.name: goal for goal in cells.lives(bench(), quick=True, environments=3)}
    assert goals["first up, 3 environments: ours / bare"].measured == pytest.approx(0.5)
    assert goals["destroy, 3 environments: ours / OpenTofu"].measured == pytest.approx(0.25)
    assert goals["first up, 3 environments: counted calls, ours"].measured == 30


def test_who_rests_after_each_write_takes_part_in_one_round_only(cells: Any) -> None:
    measured = bench()
    cells.lives(measured, quick=True, environments=3)
    rounds = cells.SIZES[3].quick_rounds
    assert rounds > 1
    assert measured.made.count(("bare", True)) == measured.made.count(("opentofu", True)) == 1
    assert measured.made.count(("bare", False)) == measured.made.count(("opentofu", False)) == rounds


def test_what_is_not_built_is_named_with_what_builds_it(cells: Any) -> None:
    goals = cells.lives(bench(built=False), quick=True, environments=3)
    left_out = [goal for goal in goals if goal.measured is None]
    assert [goal.name for goal in left_out] == ["3 environments: OpenTofu", "3 environments: OpenTofu, defaults"]
    assert {goal.note for goal in left_out} == {
        "not built: opentofu, upstream-provider. Run `gitops-infra tools build --all`"
    }
    assert {goal.met for goal in left_out} == {None}
    assert "not measured" in importlib.import_module("bench.__main__").table(left_out)


def test_time_in_proportion_grows_with_the_power_of_one(cells: Any) -> None:
    measured = bench()
    for environments in (3, 30, 100):
        cells.lives(measured, quick=True, environments=environments)
    goals = {goal.name: goal.measured for goal in cells.growth(measured, quick=True)}
    assert goals["growth of time, first up, 3 to 30: OpenTofu"] == pytest.approx(1.0)
    assert goals["growth of time, no-op up, 30 to 100: ours"] == pytest.approx(1.0)
    assert "growth of time, first up, 30 to 100: OpenTofu" not in goals  # not measured at a hundred
    assert goals["state for each environment, 30 to 100"] == 0
