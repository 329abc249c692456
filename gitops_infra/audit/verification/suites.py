"""Rule suites: who passed the rules of an environment branch by a bypass in the last month."""

from collections.abc import Generator, Iterator

from gitops_infra.audit.verification.exposure import Code, Exposure, Repair, Report, Severity, Unverifiable, listed
from gitops_infra.audit.verification.scene import Entry, Place
from gitops_infra.plan.model import CredentialKind, Environment

BYPASSED = Code(
    "bypass-used",
    Severity.CRITICAL,
    "they moved {branch} past its rules: what {environment} ran then, or runs now, is theirs",
    Repair.HAND,
    "Find out how they came by the bypass, look at each push, and make a new credential",
)
CODES = (BYPASSED,)

PERIOD = "month"
"""The longest that GitHub keeps."""
KEYS = "deploy key"
"""How the actor of a push by a deploy key begins; GitHub may name nobody, or whoever added the key. Not confirmed."""


def check(place: Place) -> Report:
    """Findings about pushes to environment branches that the repository holds."""
    held = [each for each in place.scene.plan.environments if each.branch is not None and _holds(place, each)]
    if not held:
        return
    entries = yield from place.entries(
        "its rule suites",
        "administration (read)",
        "rulesets/rule-suites",
        rule_suite_result="bypass",
        time_period=PERIOD,
    )
    if not entries:
        return
    for environment in held:
        expected = yield from _expected(place, environment)
        if expected is not None:
            yield from _unexpected(place, environment, entries, expected)


def _holds(place: Place, environment: Environment) -> bool:
    if place.environment is not None:
        return place.environment == environment
    was = environment.former is not None and environment.former.state is None
    return environment.repository == place.repository.full_name or was


def _expected(place: Place, environment: Environment) -> Generator[Unverifiable, None, set[str] | None]:
    """Names, in lower case, under which the environment's credential shows; None: not known."""
    credential = environment.credential
    if credential is None or place.former or credential.repository != place.repository.full_name:
        return set()
    if credential.kind is CredentialKind.MACHINE_USER:
        return {str(credential.user).casefold()}
    if credential.kind is CredentialKind.APP:
        owner = place.repository.owner
        found = yield from place.scene.entries(
            f"GitHub App {credential.app} of environment {environment.name}",
            "its name, by which pushes are told apart",
            "organization_administration (read)",
            "/orgs/{}/installations",
            owner,
            key="installations",
        )
        slugs = {str(each.get("app_slug")) for each in found or () if each.get("app_id") == credential.app}
        return None if found is None else {f"{slug}[bot]".casefold() for slug in slugs}
    keys = yield from place.entries("its deploy keys", "administration (read)", "keys")
    makers = {str(key.get("added_by")).casefold() for key in keys or () if key.get("title") == credential.title}
    return makers


def _unexpected(
    place: Place, environment: Environment, entries: tuple[Entry, ...], expected: set[str]
) -> Iterator[Exposure]:
    branch = f"refs/heads/{environment.branch}"
    of_keys = environment.credential is not None and environment.credential.kind is CredentialKind.DEPLOY_KEY
    found = set()
    for entry in entries:
        who = str(entry.get("actor_name") or "").casefold()
        ours = who in expected or (of_keys and (not who or who.startswith(KEYS)) and not place.former)
        if entry.get("ref") == branch and not ours:
            found.add(f"{entry.get('actor_name')} to {str(entry.get('after_sha'))[:12]}")
    if found:
        who = environment.credential.holder if environment.credential and not place.former else "nobody"
        yield BYPASSED.at(
            f"branch {environment.branch} of {place.repository.full_name}",
            f"moved by {who}",
            f"by {listed(found)}",
            branch=environment.branch,
            environment=environment.name,
        )
