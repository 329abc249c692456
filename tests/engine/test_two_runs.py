"""Two runs of one stack at once: one proceeds, or both refuse; never do both write."""

from collections import Counter
from typing import Any

import pytest

from gitops_infra.sandbox.forge.router import Request

pytestmark = pytest.mark.engine

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
UP = ("up", "--yes", "--skip-preview")
LOCKED = "the stack is currently locked by"
TRIES = 4
"""How often both may refuse before it is enough."""


def is_refused(said: str) -> bool:
    """Whether Pulumi refused because of the other run, and said how to find out which that is."""
    return LOCKED in said and "pulumi cancel" in said and "Traceback" not in said


def made_twice(world: Any) -> list[str]:
    """Rulesets and deploy keys that a repository has more than once."""
    return [
        f"{repository}: {thing}"
        for repository, held in world.holdings().items()
        for kind in ("rulesets", "keys")
        for thing, count in Counter(map(str, held[kind])).items()
        if count > 1
    ]


def test_a_run_that_comes_while_another_one_writes_is_refused(world: Any) -> None:
    """F4: it ends at once, names who holds the stack, and has sent no write."""
    second: list[str] = []

    def start_another(request: Request) -> None:
        if request.method in WRITES and not second:
            second.append("")
            second[0] = world.pulumi(*UP, code=None)

    stop = world.forge.before(start_another)
    first = world.start(*UP)
    output, _ = first.communicate(timeout=240)
    stop()
    assert first.returncode == 0, output
    assert is_refused(second[0]), second[0]
    assert f"(pid {first.pid})" in second[0]
    assert made_twice(world) == []
    world.pulumi(*UP, "--refresh", "--expect-no-changes")


def test_of_two_runs_that_start_together_at_most_one_proceeds(world: Any) -> None:
    """Both may refuse: each writes its lock and then looks for others."""
    world.forge.latency(0.2)  # so that neither is over before the other one begins
    for _ in range(TRIES):
        runs = [world.start(*UP) for _ in range(2)]
        said = [run.communicate(timeout=240)[0] for run in runs]
        losers = [text for run, text in zip(runs, said, strict=True) if run.returncode != 0]
        assert losers
        assert all(is_refused(text) for text in losers), losers
        assert made_twice(world) == []
        if len(losers) == 1:
            break
    world.forge.latency(0)
    world.up()
    world.pulumi(*UP, "--refresh", "--expect-no-changes")
