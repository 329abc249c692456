"""Variables of environments: by them a job knows which branch of which repository it moves."""

from typing import Any

from gitops_infra.audit.verification.environments import live_environments, where_is
from gitops_infra.audit.verification.exposure import Code, Repair, Report, Severity, listed, value
from gitops_infra.audit.verification.scene import Place
from gitops_infra.plan.model import Environment

DIFFERS = Code("variable-differs", Severity.MEDIUM, "jobs of {environment} work with another value", Repair.UP)
DIRECTS = Code(
    "promotion-redirected",
    Severity.HIGH,
    "the promotion job of {environment} shows its credential to another server, repository or branch",
    Repair.UP,
)
MISSING = Code("variable-missing", Severity.MEDIUM, "nobody gains by it; jobs of {environment} lack it", Repair.UP)
UNKNOWN = Code(
    "variable-unknown",
    Severity.LOW,
    "jobs of {environment} read it; nobody gains by it",
    Repair.HAND,
    "Delete it if nobody needs it, or name it in the topology",
)
CODES = (DIFFERS, DIRECTS, MISSING, UNKNOWN)

PREFIX = "GITOPS_"
"""Of variables that are ours."""


def check(place: Place) -> Report:
    """Findings about the variables of the application's environments."""
    live = {str(entry.get("name")).casefold() for entry in live_environments(place)}
    for environment in place.scene.plan.environments:
        if environment.name.casefold() in live:
            yield from _inside(place, environment)


def _inside(place: Place, environment: Environment) -> Report:
    entries = yield from place.entries(
        f"the variables of environment {environment.name}",
        "environments (read)",
        "environments/{}/variables",
        environment.name,
        key="variables",
    )
    if entries is None:
        return
    where = where_is(place, environment.name)
    words: dict[str, Any] = {"environment": environment.name}
    there = {str(entry.get("name")).upper(): str(entry.get("value")) for entry in entries}
    planned = {name.upper(): text for name, text in environment.variables.items()}
    for name, expected in planned.items():
        if name not in there:
            yield MISSING.at(where, f"the variable `{name}`", "none", **words)
        elif there[name] != expected:
            code = DIRECTS if name.startswith(PREFIX) else DIFFERS
            yield code.at(where, f"`{name}`: {value(expected)}", value(there[name]), **words)
    if unknown := there.keys() - planned.keys():
        yield UNKNOWN.at(where, f"the variables {listed(list(planned))}", f"{listed(set(unknown))} too", **words)
