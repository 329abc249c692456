"""From a push to a live object in a real cluster with Flux, and what many environments in one cluster cost."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence

from bench.contestants import Bench
from bench.crowd import Crowd, crowd
from bench.race import Live, Race, race
from bench.rounds import Goal, ratio, tell
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.toolchain.progress import default_progress

ROUNDS, QUICK_ROUNDS = 50, 10
POLLS, QUICK_POLLS = 10, 3
SIZES, QUICK_SIZES = (10, 30, 100), (3, 10)
MOST_MEDIAN, MOST_P95 = 0.6, 1.5
"""Seconds from the start of `git push`, on a machine with nothing else to do."""
MOST_OVER_POLLING, MOST_OVER_BARE = 0.05, 3.0
MEGABYTE = 1e6


def delivery(bench: Bench, *, quick: bool) -> list[Goal]:
    """Everything on one cluster, which is gone afterwards."""
    tell("delivery: one cluster with Flux")
    with Clusters(("bench",), progress=default_progress()) as clusters:
        cluster = clusters["bench"]
        found = race(
            bench.engine,
            cluster,
            rounds=QUICK_ROUNDS if quick else ROUNDS,
            polls=QUICK_POLLS if quick else POLLS,
        )
        goals = pushes(found)
        for goal in goals:
            tell(f"  {goal.name}: {goal.measured:.3f} {goal.unit}, {goal.note}")
        return goals + crowds(list(crowd(bench.engine, cluster, QUICK_SIZES if quick else SIZES)))


def pushes(found: Race) -> list[Goal]:
    """How fast a push is live: in seconds, and against both others."""
    ours, bare, polled = (_whole(each) for each in (found.ours, found.bare, found.polled))
    ours_after, bare_after = _after(found.ours), _after(found.bare)
    load = f"seconds of this machine, load {min(found.loads):.0f} to {max(found.loads):.0f}"
    values = {"ours": ours, "bare": bare, "polled": polled, "ours after": ours_after, "bare after": bare_after}
    median = statistics.median(ours)
    n = len(ours)
    return [
        Goal(f"push to live, {n} pushes: median from the start of git push", median, MOST_MEDIAN, "s", load, values),
        Goal(f"push to live, {n} pushes: p95 from the start of git push", p95(ours), MOST_P95, "s", load),
        Goal("push to live: median from the forge's acceptance", statistics.median(ours_after), None, "s", load),
        Goal("push to live: p95 from the forge's acceptance", p95(ours_after), None, "s", load),
        Goal(
            "push to live: ours / Flux that polls every minute",
            median / statistics.median(polled),
            MOST_OVER_POLLING,
            note=f"median of {len(polled)} polled {statistics.median(polled):.1f} s",
        ),
        Goal(
            "push to live, from acceptance: ours / bare",
            ratio(ours_after, bare_after),
            MOST_OVER_BARE,
            note=f"ours {statistics.median(ours_after):.2f} s, bare {statistics.median(bare_after):.2f} s",
        ),
        Goal(
            "push to live, from the start of git push: ours / bare",
            ratio(ours, bare),
            None,
            note=f"ours {median:.2f} s, bare {statistics.median(bare):.2f} s",
        ),
    ]


def crowds(found: Sequence[Crowd]) -> list[Goal]:
    """An `up` without changes at each size, and how time and memory grow from the smallest to the largest."""
    goals = [goal for one in found for goal in _of_size(one)]
    small, large = found[0], found[-1]
    sizes = f"{small.environments} to {large.environments} environments in one cluster"
    pairs = {
        "time": (small.again.seconds, large.again.seconds),
        "processor time": (small.again.cpu, large.again.cpu),
        "processor time, the second": (small.settled.cpu, large.settled.cpu),
        "memory": (small.peak, large.peak),
    }
    by = large.environments / small.environments
    return [
        *goals,
        *(
            Goal(f"no-op up, {sizes}: growth of {words}", math.log(after / before) / math.log(by), None, "e")
            for words, (before, after) in pairs.items()
            if before and after
        ),
    ]


def _of_size(one: Crowd) -> list[Goal]:
    where = f"no-op up, {one.environments} environments in one cluster"
    load = f"load {one.load:.0f}"
    state = f"state {one.state / 1000:.0f} kB"
    made = f"made in {one.made.seconds:.0f} s with {one.asked_first} requests to the API server"
    return [
        Goal(f"{where}: requests for objects to the API server", len(one.objects), 0, "calls", _listed(one.objects)),
        Goal(f"{where}: requests to the API server", len(one.asked), None, "calls", _listed(one.asked)),
        Goal(f"{where}: counted calls of the forge", one.again.counted, 1, "calls"),
        Goal(f"{where}: time", one.again.seconds, None, "s", f"{load}, {made}"),
        Goal(f"{where}: processor time", one.again.cpu, None, "s", load),
        Goal(f"{where}, the second: time", one.settled.seconds, None, "s", load),
        Goal(f"{where}, the second: processor time", one.settled.cpu, None, "s", load),
        Goal(f"{where}: memory of all its processes", one.peak / MEGABYTE or None, None, "MB", state),
    ]


def p95(values: Sequence[float]) -> float:
    """The smallest value that at least 95 of 100 do not exceed; of ten, the largest."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _whole(found: Sequence[Live]) -> list[float]:
    return [one.whole for one in found]


def _after(found: Sequence[Live]) -> list[float]:
    return [one.after for one in found]


def _listed(asked: Sequence[object]) -> str:
    return ", ".join(f"{count} x {one}" for one, count in Counter(map(str, asked)).items())
