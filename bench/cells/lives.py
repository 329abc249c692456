"""Whole lives of a stack on the sandbox forge: first `up`, one without changes, one change, destroy."""

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from bench.contestants import BUILD, DEFAULTS, SHIPPED, Bench, Conditions, Contestant
from bench.rounds import Goal, ratio, tell
from bench.stacks import Stack
from bench.world import Step

STEPS: Mapping[str, Callable[[Stack], Step]] = {
    "first up": lambda stack: stack.first(),
    "no-op up": lambda stack: stack.no_op(),
    "one change": lambda stack: stack.rotate(),
    "destroy": lambda stack: stack.destroy(),
}
PARALLEL = 32
"""Resources at a time from a hundred environments on, for every contestant: see the cell `parallel`."""
SLOW = frozenset({"bare, defaults", "OpenTofu, defaults"})
"""They rest a second after each write, so they take their turn in the first round only."""
FIELD: Mapping[str, Contestant] = {
    "ours": Contestant("ours"),
    "bare": Contestant("bare", SHIPPED),
    "OpenTofu": Contestant("opentofu", SHIPPED),
    "bare, defaults": Contestant("bare", DEFAULTS),
    "OpenTofu, defaults": Contestant("opentofu", DEFAULTS),
}
MOST_OVER_BARE: Mapping[str, float] = {"first up": 1.15, "no-op up": 1.15, "destroy": 1.15}
MOST_OVER_DEFAULTS = {3: 0.20, 30: 0.10}
"""Of the first `up`, by number of environments."""
MOST_STATE = 1.05
MEASURES = {"time": "seconds", "processor time": "cpu"}
"""What grows -> the attribute of a step."""


@dataclass(frozen=True)
class Size:
    """How one size is measured: rounds in full and in quick, and against whom."""

    environments: int
    rounds: int
    quick_rounds: int
    against: tuple[str, ...]
    parallel: int | None = None


SIZES = {
    size.environments: size
    for size in (
        Size(3, 5, 3, tuple(FIELD)),
        Size(30, 3, 1, tuple(FIELD)),
        Size(100, 1, 1, ("ours", "bare"), PARALLEL),
    )
}


@dataclass(frozen=True)
class Life:
    """What one contestant needed for each step, and its state after the first `up`."""

    steps: Mapping[str, Step]
    state: int
    """Bytes."""


Lives = Mapping[str, list[Life]]
"""Contestant -> its lives, round by round."""


def lives(bench: Bench, *, quick: bool, environments: int) -> list[Goal]:
    """Ratios of every step at one size, and the calls that the forge counted."""
    size = SIZES[environments]
    field = {name: FIELD[name] for name in size.against}
    goals = []
    for name in [name for name, one in field.items() if bench.missing(one)]:
        needed = ", ".join(recipe.name for recipe in bench.missing(field.pop(name)))
        tell(f"lives, {environments} environments: {name} left out, not built: {needed}. {BUILD}")
        goals.append(Goal(f"{environments} environments: {name}", None, None, note=f"not built: {needed}. {BUILD}"))
    for name in ("ours", "bare"):
        tell(f"lives, {environments} environments: warm-up, {name}")
        with bench.stack(field[name], Conditions(1)) as stack:
            stack.first()
    found = _rounds(bench, size, field, size.quick_rounds if quick else size.rounds)
    bench.lives[environments] = found
    for step in STEPS:
        goals += _of_step(environments, step, found)
    return [*goals, *_states(environments, found)]


def _rounds(bench: Bench, size: Size, field: Mapping[str, Contestant], rounds: int) -> dict[str, list[Life]]:
    found: dict[str, list[Life]] = {name: [] for name in field}
    for number in range(rounds):
        for name, contestant in field.items():
            if name in SLOW and number:
                continue
            where = f"{size.environments} environments: round {number + 1} of {rounds}, {name}"
            with bench.stack(contestant.at(size.parallel), Conditions(size.environments)) as stack:
                found[name].append(_life(stack, where))
    return found


def _life(stack: Stack, where: str) -> Life:
    steps, state = {}, 0
    for name, work in STEPS.items():
        tell(f"{where}, {name}")
        steps[name] = work(stack)
        one = steps[name]
        tell(f"  {one.seconds:.1f} s, {one.cpu:.1f} s of processor time, {one.counted} counted calls")
        state = state or stack.state_bytes()
    return Life(steps, state)


def _of_step(environments: int, step: str, found: Lives) -> list[Goal]:
    cell = f"{step}, {environments} environments"
    seconds = {name: [life.steps[step].seconds for life in all_of] for name, all_of in found.items()}
    goals = []
    for name in list(found)[1:]:
        paired = seconds["ours"][: len(seconds[name])]
        limit = MOST_OVER_BARE.get(step) if name == "bare" else None
        if name in SLOW and step == "first up":
            limit = MOST_OVER_DEFAULTS.get(environments)
        note = f"ours {statistics.median(paired):.1f} s, {name} {statistics.median(seconds[name]):.1f} s"
        goals.append(Goal(f"{cell}: ours / {name}", ratio(paired, seconds[name]), limit, note=note, values=seconds))
        spent = ([life.steps[step].cpu for life in found[each]][: len(paired)] for each in ("ours", name))
        goals.append(Goal(f"{cell}: processor time, ours / {name}", ratio(*spent), None))
    for name in ("ours", "OpenTofu"):
        if name in found:
            counted = max(life.steps[step].counted for life in found[name])
            writes = max(life.steps[step].writes for life in found[name])
            limit = 1 if (name, step) == ("ours", "no-op up") else None
            goals.append(Goal(f"{cell}: counted calls, {name}", counted, limit, "calls", f"{writes} of them writes"))
    return goals


def _states(environments: int, found: Lives) -> list[Goal]:
    """State of ours against bare's: what the components' outputs add."""
    ours, bare = (found[name][0].state for name in ("ours", "bare"))
    note = f"ours {ours / 1000:.0f} kB, bare {bare / 1000:.0f} kB"
    return [Goal(f"state, {environments} environments: bytes, ours / bare", ours / bare, MOST_STATE, note=note)]


def growth(bench: Bench, *, quick: bool) -> list[Goal]:  # noqa: ARG001 - as every cell
    """How time and state grow with the number of environments, from the lives of this run.

    The exponent e says that n times as many take n to the power of e as long; below 1 is what starting costs.
    """
    sizes = sorted(bench.lives)
    goals = []
    for small, large in pairwise(sizes):
        both = bench.lives[small], bench.lives[large]
        for name in ("ours", "bare", "OpenTofu"):
            if all(name in found for found in both):
                goals += [
                    Goal(f"growth of {words}, {step}, {small} to {large}: {name}", exponent, None, "e")
                    for step in STEPS
                    for words, attribute in MEASURES.items()
                    for exponent in [
                        _exponent((small, large), [_median(found[name], step, attribute) for found in both])
                    ]
                ]
        states = [found["ours"][0].state for found in both]
        each = (states[1] - states[0]) / (large - small) / 1000
        goals.append(Goal(f"state for each environment, {small} to {large}", each, None, "kB"))
    return goals


def _median(found: list[Life], step: str, attribute: str) -> float:
    return statistics.median(float(getattr(life.steps[step], attribute)) for life in found)


def _exponent(sizes: tuple[int, int], values: list[float]) -> float:
    return math.log(values[1] / values[0]) / math.log(sizes[1] / sizes[0])
