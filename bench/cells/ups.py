"""Whole `pulumi up` on the sandbox forge: time against a program by hand, provider settings, and forge calls."""

import statistics
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.rounds import Goal, interleaved, ratio, tell, unsettled
from bench.world import Up, world
from gitops_infra.forges.github.provider import SETTINGS
from gitops_infra.sandbox.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

SHIPPED = SETTINGS["github.com"]
CLIENTS: dict[str, dict[str, Any]] = {
    "new client": {"legacy_client": False},
    "old client, tuned": {"legacy_client": True, "write_delay_ms": 0, "parallel_requests": True},
}
"""What may be shipped. Settings that are not among them are refused: they would not be measured."""
SMALL, LARGE = 3, 30
MOST_OVER_BARE, MOST_OVER_DEFAULTS = 1.15, 0.2
LATENCY = 0.1
"""Seconds per answer in the cells with a latency; github.com needs 0.1 to 0.4 s for a write."""


def against_bare(engine: Engine, *, quick: bool) -> list[Goal]:
    """The first `up` of three environments: ours and the one by hand, with the same provider settings."""
    contestants: dict[str, Callable[[], Up]] = {
        "ours": lambda: _first(engine, "ours", SMALL),
        "bare": lambda: _first(engine, "bare", SMALL, settings=SHIPPED),
    }
    cell = f"first up, {SMALL} environments"
    tell(f"{cell}: warm-up")
    for contestant in contestants.values():
        contestant()
    found = _seconds(interleaved(contestants, 3 if quick else 5, cell=cell))
    if unsettled(found["ours"], found["bare"], MOST_OVER_BARE):
        tell(f"{cell}: unsettled, as many rounds again")
        again = _seconds(interleaved(contestants, 3 if quick else 5, cell=cell))
        found = {name: [*found[name], *again[name]] for name in found}
    measured = ratio(found["ours"], found["bare"])
    return [Goal(f"{cell}: ours / bare", measured, MOST_OVER_BARE, note=_medians(found), values=found)]


def against_defaults(engine: Engine, *, quick: bool) -> list[Goal]:
    """The first `up` of three environments with each client, against the provider's defaults."""
    _shipped_is_measured()
    goals = []
    for latency in (0.0, LATENCY):
        contestants: dict[str, Callable[[], Up]] = {
            name: partial(_first, engine, "ours", SMALL, settings=settings, latency=latency)
            for name, settings in {**CLIENTS, "defaults": {}}.items()
        }
        cell = f"first up, {SMALL} environments, {1000 * latency:.0f} ms per answer"
        found = _seconds(interleaved(contestants, 1 if quick else 3, cell=cell))
        goals += [
            Goal(
                f"{cell}: {name} / defaults",
                ratio(found[name], found["defaults"]),
                # Promised without a latency, of the client that is shipped.
                MOST_OVER_DEFAULTS if settings == SHIPPED and not latency else None,
                note=_medians({name: found[name], "defaults": found["defaults"]}),
                values=found,
            )
            for name, settings in CLIENTS.items()
        ]
    return goals


def calls(engine: Engine, *, quick: bool) -> list[Goal]:
    """Forge calls of the first `up` and of one that changes nothing, at two sizes."""
    _shipped_is_measured()
    goals, first = [], {}
    for size in (SMALL, LARGE):
        for name, settings in CLIENTS.items():
            tell(f"calls, {size} environments, {name}")
            with world(engine, "ours", size, settings=settings) as one:
                up = one.up()
                again = [one.no_op() for _ in range(1 if quick else 3)]
            goals += _counted(size, name, up, again, most=1 if settings == SHIPPED else None)
            if settings == SHIPPED:
                first[size] = up.calls
    each = (first[LARGE] - first[SMALL]) / (LARGE - SMALL)
    goals.append(Goal("first up: forge calls per environment", each, None, "calls"))
    tell(f"calls, {SMALL} environments, a team without an id approves")
    with world(engine, "ours", SMALL, by_team=True) as one:
        up, again = one.up(), [one.no_op()]
    return [*goals, *_counted(SMALL, "approver without an id", up, again, most=2)]


def _shipped_is_measured() -> None:
    if SHIPPED not in CLIENTS.values():
        raise ValueError(f"the shipped provider settings {SHIPPED} are none of those measured: add them to CLIENTS")


def _counted(size: int, name: str, up: Up, again: list[Up], *, most: int | None) -> list[Goal]:
    cell = f"{size} environments, {name}"
    seconds = statistics.median(one.seconds for one in again)
    return [
        Goal(f"no-op up, {cell}: forge calls", max(one.calls for one in again), most, "calls", f"{seconds:.1f} s"),
        Goal(f"first up, {cell}: forge calls", up.calls, None, "calls", f"{up.seconds:.1f} s"),
    ]


def _first(engine: Engine, contestant: str, size: int, **conditions: Any) -> Up:
    with world(engine, contestant, size, **conditions) as one:
        return one.up()


def _seconds(found: dict[str, list[Up]]) -> dict[str, list[float]]:
    return {name: [one.seconds for one in ups] for name, ups in found.items()}


def _medians(found: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {statistics.median(seconds):.1f} s" for name, seconds in found.items())
