"""Secrets by name: in their environment, and nowhere wider. Values are seen by nobody."""

from collections.abc import Iterator
from typing import Any

from gitops_infra.audit.verification.environments import live_environments, where_is
from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, listed
from gitops_infra.audit.verification.remembered import read_time
from gitops_infra.audit.verification.scene import Entry, Place
from gitops_infra.plan.credentials import SECRET_NAMES
from gitops_infra.plan.model import Environment
from gitops_infra.topology.vocabulary import OwnerKind

CREDENTIAL_MISSING = Code(
    "credential-missing", Severity.MEDIUM, "nobody gains by it; promotions to {environment} fail", Repair.UP
)
MISSING = Code("secret-missing", Severity.MEDIUM, "nobody gains by it; jobs of {environment} lack it", Repair.UP)
UNKNOWN = Code(
    "secret-unknown",
    Severity.LOW,
    "jobs of {environment} read it; nobody gains by it unless it is another environment's credential",
    Repair.HAND,
    "Delete it if nobody needs it, or name it in the topology",
)
CREDENTIAL_WIDER = Code(
    "credential-wider",
    Severity.CRITICAL,
    "where it holds that credential, every job of {repository} reads it, on any branch: whoever may push moves the "
    "environment's branch",
    Repair.HAND,
    "Delete the {wider} secret, then raise `generation` or make a new key",
)
SHADOWED = Code(
    "secret-wider",
    Severity.HIGH,
    "every job of {repository} reads a secret of that name, on any branch, while the planned one is for {environment}",
    Repair.HAND,
    "Delete the {wider} secret, and change its value if it is the same",
)
CREDENTIAL_ELSEWHERE = Code(
    "credential-elsewhere",
    Severity.CRITICAL,
    "where it holds an environment's credential, a job of {environment} reads it past the planned environment's policy",
    Repair.HAND,
    "Delete that secret, then raise `generation` or make a new key",
)
ELSEWHERE = Code(
    "secret-elsewhere",
    Severity.HIGH,
    "where it holds the same as in {other}, a job of {environment} reads it past the policy of {other}",
    Repair.HAND,
    "Delete that secret, and change its value if it is the same",
)
REPLACED = Code(
    "secret-replaced",
    Severity.HIGH,
    "jobs of {environment} work with what somebody else wrote, which may be another environment's secret",
    Repair.HAND,
    "Find out who wrote it, delete it, then run `pulumi up --refresh`, which takes what is there for the stack's",
)
CODES = (
    CREDENTIAL_MISSING,
    MISSING,
    UNKNOWN,
    CREDENTIAL_WIDER,
    SHADOWED,
    CREDENTIAL_ELSEWHERE,
    ELSEWHERE,
    REPLACED,
)

OURS = frozenset(SECRET_NAMES.values())
"""Names of the secrets that hold credentials."""


def check(place: Place) -> Report:
    """Findings about the secrets of the application's environments, of its repository and of its organisation."""
    for environment in place.scene.plan.environments:
        yield from _inside(place, environment)
    planned = {each.name.casefold() for each in place.scene.whole.environments}
    for entry in live_environments(place):
        if str(entry.get("name")).casefold() not in planned:
            yield from _unplanned(place, str(entry.get("name")))
    yield from _wider(place, "repository", "actions/secrets")
    if place.scene.plan.owner_kind is OwnerKind.ORGANIZATION:
        yield from _wider(place, "organisation", "actions/organization-secrets")


def _names(environment: Environment) -> dict[str, Code]:
    """Planned names in upper case, and what it means that one is missing."""
    names = dict.fromkeys((name.upper() for name in environment.secrets), MISSING)
    if environment.credential is not None:
        names[environment.credential.secret_name] = CREDENTIAL_MISSING
    return names


def _inside(place: Place, environment: Environment) -> Report:
    live = {str(entry.get("name")).casefold() for entry in live_environments(place)}
    if environment.name.casefold() not in live:
        return  # that it is missing, or cannot be read, is said of the environment
    entries = yield from place.entries(
        f"the secrets of environment {environment.name}",
        "environments (read)",
        "environments/{}/secrets",
        environment.name,
        key="secrets",
    )
    if entries is None:
        return
    there, where = {str(entry.get("name")).upper() for entry in entries}, where_is(place, environment.name)
    planned = _names(environment)
    for name in sorted(planned.keys() - there):
        yield planned[name].at(where, f"the secret `{name}`", "none", environment=environment.name)
    yield from _replaced(place, environment, entries)
    extra = there - planned.keys()
    if foreign := extra & OURS:
        yield CREDENTIAL_ELSEWHERE.at(where, "no such secret", listed(foreign), environment=environment.name)
    for other in place.scene.whole.environments:
        if copied := extra & {name.upper() for name in other.secrets}:
            words: dict[str, Any] = {"environment": environment.name, "other": other.name}
            yield ELSEWHERE.at(where, f"{listed(copied)} in environment {other.name} alone", "here too", **words)
            extra -= copied
    if unknown := extra - OURS:
        expected = f"the secrets {listed(list(planned))}"
        yield UNKNOWN.at(where, expected, f"{listed(unknown)} too", environment=environment.name)


def _replaced(place: Place, environment: Environment, entries: tuple[Entry, ...]) -> Iterator[Exposure]:
    """What was written later than by the stack, or by another one."""
    for entry in entries:
        name = str(entry.get("name")).upper()
        ours = place.scene.remembered.written.get((place.repository.name.lower(), environment.name.lower(), name))
        live = read_time(str(entry.get("updated_at")))
        if ours is not None and live is not None and live != ours:
            where = f"secret {name} of environment {environment.name} of {place.repository.full_name}"
            severity = Severity.CRITICAL if name in OURS else None
            expected, found = (
                f"written by the stack at {ours:%Y-%m-%d %H:%M:%S}",
                f"written at {live:%Y-%m-%d %H:%M:%S}",
            )
            yield REPLACED.at(where, expected, found, severity=severity, environment=environment.name)


def _unplanned(place: Place, name: str) -> Report:
    """An environment of others, which may hold what it should not."""
    entries = yield from place.entries(
        f"the secrets of environment {name}", "environments (read)", "environments/{}/secrets", name, key="secrets"
    )
    found = {str(entry.get("name")).upper() for entry in entries or ()} & OURS
    if found:
        yield CREDENTIAL_ELSEWHERE.at(where_is(place, name), "no such secret", listed(found), environment=name)


def _wider(place: Place, wider: str, path: str) -> Report:
    entries = yield from place.entries(f"its {wider} secrets", "secrets (read)", path, key="secrets")
    there = {str(entry.get("name")).upper() for entry in entries or ()}
    words: dict[str, Any] = {"repository": place.repository.full_name, "wider": wider}
    for name in sorted(there & OURS):
        yield CREDENTIAL_WIDER.at(place.where, "no such secret", f"the {wider} secret `{name}`", **words)
    for environment in place.scene.whole.environments:
        for name in sorted(there & {each.upper() for each in environment.secrets}):
            yield SHADOWED.at(
                place.where,
                f"the secret `{name}` in environment {environment.name} alone",
                f"a {wider} secret of that name too",
                environment=environment.name,
                **words,
            )
