"""What the forge counts: calls for each environment that is made, and of an `up` that changes nothing."""

import tempfile

from bench.cells.clients import CLIENTS, shipped_is_measured
from bench.contestants import SHIPPED, Bench, Conditions, Contestant
from bench.rounds import Goal, tell

FEW, MORE = 1, 3
"""Environments; calls do not depend on the clock, so the difference of two small sizes is exact."""
VARIABLES = 2
"""Variables of each environment in isolation `repository`, where the state repository is named too."""
MOST_BRANCH = 12
MOST_REPOSITORY = 18 + 2 * VARIABLES


def calls(bench: Bench, *, quick: bool) -> list[Goal]:  # noqa: ARG001 - as every cell
    """Counted calls of each further environment, in both ways of isolation and with every client."""
    shipped_is_measured()
    goals = []
    with tempfile.TemporaryDirectory(prefix="gitops-infra-bench-") as cache:
        ways = {**CLIENTS, "new client with cache_path": {**SHIPPED, "cache_path": cache}}
        for branch, limit in ((True, MOST_BRANCH), (False, MOST_REPOSITORY)):
            isolation = "branch" if branch else "repository"
            for name, settings in ways.items():
                goals.append(_each(bench, isolation, name, Contestant("ours", settings), branch=branch))
                if settings != SHIPPED:
                    continue
                shipped = goals.pop()
                goals.append(Goal(shipped.name, shipped.measured, limit, "calls", shipped.note))
    tell(f"calls, {MORE} environments, a team without an id approves")
    with bench.stack(Contestant("ours"), Conditions(MORE, by_team=True)) as stack:
        stack.first()
        again = stack.no_op()
    return [*goals, Goal("no-op up, approver without an id: calls", again.calls, 2, "calls")]


def _each(bench: Bench, isolation: str, client: str, contestant: Contestant, *, branch: bool) -> Goal:
    counted, free = {}, 0
    for environments in (FEW, MORE):
        tell(f"calls, {environments} environments, isolation {isolation}, {client}")
        with bench.stack(contestant, Conditions(environments, branch=branch)) as stack:
            step = stack.first()
        counted[environments], free = step.counted, step.calls - step.counted
    each = (counted[MORE] - counted[FEW]) / (MORE - FEW)
    name = f"first up, isolation {isolation}, {client}: counted calls for each environment"
    return Goal(name, each, None, "calls", f"{free} answers 304 at {MORE} environments")
