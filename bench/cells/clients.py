"""Settings that are not the program's: the client of the GitHub provider, and how much is done at a time."""

import statistics
from collections.abc import Mapping
from functools import partial
from typing import Any

from bench.contestants import DEFAULTS, SHIPPED, Bench, Conditions, Contestant
from bench.rounds import Goal, interleaved, ratio
from bench.world import Step

CLIENTS: Mapping[str, Mapping[str, Any]] = {
    "new client": {"legacy_client": False},
    "old client, tuned": {"legacy_client": True, "write_delay_ms": 0, "parallel_requests": True},
}
"""What may be shipped. Settings that are not among them are refused: they would not be measured."""
SMALL, LARGE = 3, 30
MOST_OVER_DEFAULTS = 0.2
LATENCY = 0.1
"""Seconds per answer in the cells with a latency; github.com needs 0.1 to 0.4 s for a write."""
AT_A_TIME = (8, 16, 32, 64)
"""Pulumi's default on two processors, and more."""


def clients(bench: Bench, *, quick: bool) -> list[Goal]:
    """The first `up` of three environments with each client, against the provider's defaults."""
    shipped_is_measured()
    goals = []
    for latency in (0.0, LATENCY):
        contestants = {
            name: partial(_first, bench, Contestant("ours", settings), Conditions(SMALL, latency))
            for name, settings in {**CLIENTS, "defaults": DEFAULTS}.items()
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


def parallel(bench: Bench, *, quick: bool) -> list[Goal]:
    """The first `up` of thirty environments with `--parallel`, against Pulumi's default."""
    contestants = {
        f"{number} at a time": partial(_first, bench, Contestant("ours", parallel=number), Conditions(LARGE, LATENCY))
        for number in AT_A_TIME
    }
    cell = f"first up, {LARGE} environments, {1000 * LATENCY:.0f} ms per answer"
    found = _seconds(interleaved(contestants, 1 if quick else 3, cell=cell))
    base = f"{AT_A_TIME[0]} at a time"
    return [
        Goal(
            f"{cell}: {name} / {base}",
            ratio(found[name], found[base]),
            None,
            note=_medians({name: found[name], base: found[base]}),
            values=found,
        )
        for name in list(found)[1:]
    ]


def shipped_is_measured() -> None:
    """Raises ValueError if the shipped settings are none of `CLIENTS`."""
    if SHIPPED not in CLIENTS.values():
        raise ValueError(f"the shipped provider settings {SHIPPED} are none of those measured: add them to CLIENTS")


def _first(bench: Bench, contestant: Contestant, conditions: Conditions) -> Step:
    with bench.stack(contestant, conditions) as stack:
        return stack.first()


def _seconds(found: Mapping[str, list[Step]]) -> dict[str, list[float]]:
    return {name: [one.seconds for one in steps] for name, steps in found.items()}


def _medians(found: Mapping[str, list[float]]) -> str:
    return ", ".join(f"{name} {statistics.median(seconds):.1f} s" for name, seconds in found.items())
