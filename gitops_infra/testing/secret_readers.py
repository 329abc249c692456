"""Assertion about who reads an environment's secrets. Each way in is tried, in a copy of the forge."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from gitops_infra.sandbox.forge.jobs import JobGrant, JobWaiting
from gitops_infra.sandbox.forge.model import EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.access import listed
from gitops_infra.testing.admissions import Admission, admissions
from gitops_infra.testing.gate import full_ref, members, people
from gitops_infra.testing.replica import replica


def assert_secret_readers(
    forge: Sandbox,
    repository: str,
    environment: str,
    refs: Collection[str],
    *,
    approvers: Collection[str] = (),
) -> tuple[Admission, ...]:
    """Exactly jobs of these refs read the environment's secrets, and only after one of these has approved.

    `refs` are branches (`main`), full refs (`refs/tags/v1`) or patterns as GitHub's (`release/*`, and
    `refs/pull/*/merge` for pull requests). `approvers` are `login` or `org/team`; none: no approval is asked.
    Tried: every event that the forge knows, started by every person, on every branch and tag, on new ones, on pull
    requests of the repository and of forks; and for a job that waits, the approval by everybody.

    Returns every way in. The forge stays as it is. Raises AssertionError with who gets in, where and how;
    ValueError for a repository that does not exist.
    """
    __tracebackhide__ = True
    original = forge.repository(repository)
    record = forge.store.environment(original, environment)
    if record is None:
        known = listed((each.name for each in forge.store.environments_of(original)), none="none")
        raise AssertionError(f"{repository} has no environment {environment!r}: it has {known}")
    if not record.secrets:
        raise AssertionError(f"environment {environment} of {repository} holds no secret, so there is nothing to read")
    with replica(forge) as copy:
        found, gate = copy.repository(repository), copy.store.environments[record.id]
        ways = tuple(way for way, _ in admissions(copy, found, gate))
        passes = tuple(_wrong_approvals(copy, found, gate, ways, approvers)) if approvers else ()
    problems = [*_refs(ways, refs), *_approvals(ways, approvers), *passes]
    if problems:
        after = f", after approval by {listed(approvers)}" if approvers else ", without approval"
        expected = f"expected its secrets to be read by jobs of {listed(refs)}{after}"
        raise AssertionError(
            "\n".join(
                [
                    f"environment {environment} of {repository}: {expected}; but",
                    *(f"    {line}" for line in problems),
                    f"  (every event on every ref by every person, in a copy of the forge: {len(ways)} ways in)",
                ]
            )
        )
    return ways


def _refs(ways: tuple[Admission, ...], expected: Collection[str]) -> Iterator[str]:
    """Refs that read and must not, and the other way round."""
    patterns = {full_ref(each): each for each in expected}
    by_ref: dict[str, list[Admission]] = defaultdict(list)
    for way in ways:
        by_ref[way.ref].append(way)
    for ref, found in by_ref.items():
        if not any(fnmatch(pattern, ref) for pattern in patterns):
            note = f" ({found[0].note})" if found[0].note else ""
            yield f"jobs of {_short(ref)}{note} read them: {_how(found)}"
    for pattern, given in patterns.items():
        if not any(fnmatch(pattern, ref) for ref in by_ref):
            yield f"no job of {given} reads them"


def _approvals(ways: tuple[Admission, ...], expected: Collection[str]) -> Iterator[str]:
    """Ways in for which somebody else is asked, or nobody."""
    wrong: dict[tuple[str, ...], list[Admission]] = defaultdict(list)
    for way in ways:
        if set(way.approvers) != set(expected):
            wrong[way.approvers].append(way)
    for asked, found in wrong.items():
        refs = listed(dict.fromkeys(_short(way.ref) for way in found))
        yield f"approval is asked of {listed(asked)} for jobs of {refs}: {_how(found)}"


def _wrong_approvals(
    copy: Sandbox,
    repository: Repository,
    environment: EnvironmentRecord,
    ways: tuple[Admission, ...],
    expected: Collection[str],
) -> Iterator[str]:
    """Whose approval lets a job pass although it must not: anybody else's, and one's own."""
    allowed = {login for name in expected for login in members(copy, name)}
    example = next((way for way in ways if way.approvers), None)
    if example is None:
        return
    for starter in dict.fromkeys(way.starter for way in ways if (way.ref, way.event) == (example.ref, example.event)):
        for person in people(copy, repository):
            if person.login in allowed and person.login != starter:
                continue
            answer = copy.job(
                repository=copy.store.full_name(repository),
                event=example.event,
                ref=example.ref,
                environment=environment.name,
                actor=starter,
                fork=example.fork,
            )
            if not isinstance(answer, JobWaiting):
                continue
            copy.store.deployments[answer.deployment_id].created_at = 0.0  # as if the wait timer had run out
            if isinstance(copy.approve(answer.deployment_id, person.login), JobGrant):
                own = "their own job" if person.login == starter else f"a job of {starter}"
                yield f"{person.login} can approve {own}"


def _how(ways: list[Admission]) -> str:
    events = listed(dict.fromkeys(way.event + (" of a fork" if way.fork else "") for way in ways))
    return f"{events} started by {listed(dict.fromkeys(way.starter for way in ways))}"


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")
