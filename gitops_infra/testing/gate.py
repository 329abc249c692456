"""Jobs at the gate of an environment: one that is let in, and every way in that a forge has."""

from collections.abc import Iterator
from dataclasses import dataclass

from gitops_infra.sandbox.forge import jobs
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.identity import of_user, role
from gitops_infra.sandbox.forge.jobs import EVENTS, JobGrant, JobRefused, JobWaiting, Outcome
from gitops_infra.sandbox.forge.model import Account, EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.server import Sandbox

HEADS, TAGS = "refs/heads/", "refs/tags/"
PROBE = "gitops-probe"
"""Name of the branch, tag and pull request that stand for any new one."""

_ON_REFS = tuple(name for name, event in EVENTS.items() if not event.pull and not event.default_branch)
_ON_DEFAULT = tuple(name for name, event in EVENTS.items() if event.default_branch)
_ON_PULLS = tuple(name for name, event in EVENTS.items() if event.pull)


@dataclass(frozen=True)
class Admission:
    """One way into an environment."""

    ref: str
    """In full. One that a test's forge does not have stands for all that the environment's policy admits."""
    event: str
    starter: str
    """Login of the person who started it."""
    fork: bool
    """Whether the code comes from a fork."""
    approvers: tuple[str, ...]
    """Who has to approve it, `login` or `org/team`; empty: nobody."""
    note: str
    """Why the ref was tried, when it does not exist."""


@dataclass(frozen=True)
class Place:
    """A ref to try, and why, when it does not exist."""

    ref: str
    note: str = ""


def full_ref(ref: str) -> str:
    """`main` as `refs/heads/main`; a full ref as it is."""
    return ref if ref.startswith("refs/") else HEADS + ref


def as_job(  # noqa: PLR0913 - by keyword; what a workflow says about a job
    forge: Sandbox,
    repository: str,
    environment: str | None = None,
    *,
    ref: str | None = None,
    event: str = "workflow_dispatch",
    actor: str | None = None,
    approver: str | None = None,
) -> JobGrant:
    """What a CI job of `owner/name` gets in an environment: its token, variables and opened secrets.

    `ref` is a branch or a full ref; default: the default branch. `actor` starts it; default: the person with the
    weakest role that may. Where approval is asked, `approver` gives it; default: a reviewer who is not the actor.
    The forge remembers the job, as any other: this is no assertion about who else gets in.

    Raises AssertionError with the forge's reason when the job does not run, ValueError for a repository, person or
    event that does not exist.
    """
    __tracebackhide__ = True
    found = forge.repository(repository)
    where = full_ref(ref or found.default_branch)
    into = f"{environment} of {repository}" if environment else repository
    if environment is not None and forge.store.environment(found, environment) is None:
        raise AssertionError(f"{repository} has no environment {environment!r}: it has {_environments(forge, found)}")
    able = (each.login for each in people(forge, found) if _starts(forge, found, each, event))
    starters = [actor] if actor else [login for login in able if login != approver]
    refusals: list[str] = []
    for starter in starters:
        answer = forge.job(repository=repository, event=event, ref=where, environment=environment, actor=starter)
        if isinstance(answer, JobWaiting):
            candidates = [approver] if approver else _reviewers(forge, answer, but=starter)
            answer = approved(forge, answer, candidates)
        if isinstance(answer, JobGrant):
            return answer
        refusals.append(_reason(answer))
    why = refusals[0] if refusals else "nobody has a role that may start it"
    raise AssertionError(f"no {event} job on {where} gets into {into}: {why}")


def approved(forge: Sandbox, waiting: JobWaiting, candidates: list[str]) -> Outcome:
    """What becomes of a waiting job when these people approve it, one after the other, until it goes on."""
    answer: Outcome = waiting
    for login in candidates:
        answer = forge.approve(waiting.deployment_id, login)
        if not isinstance(answer, JobRefused):
            return answer
    return answer


def people(forge: Sandbox, repository: Repository) -> list[Account]:
    """Every user of the forge, the weakest role in the repository first."""

    def rank(user: Account) -> int:
        held = role(forge.store, of_user(user), repository)
        return -1 if held is None else held.rank

    return sorted((a for a in forge.store.accounts.values() if a.kind == "User"), key=rank)


def admissions(
    forge: Sandbox, repository: Repository, environment: EnvironmentRecord
) -> Iterator[tuple[Admission, JobGrant]]:
    """Every way into the environment by which its secrets are read, with what the job gets. Changes the forge.

    Asked: each event, started by each person, on each branch and tag, on one new branch and tag, on a name for each
    pattern of the deployment branch policy, on a pull request, from the repository and from a fork. Wait timers do not
    hold a job up.
    """
    everybody = people(forge, repository)
    if not everybody:
        return
    for place in _places(forge, repository, environment):
        # Roles only add: where the strongest may not in, nobody may.
        if _enter(forge, repository, environment, place, _ON_REFS[0], everybody[-1], fork=False) is None:
            continue
        for event in _ON_REFS:
            yield from _each(forge, repository, environment, place, event, everybody, fork=False)
    default = Place(HEADS + repository.default_branch)
    for event in _ON_DEFAULT:
        for fork in (False, True) if event == "pull_request_target" else (False,):
            yield from _each(forge, repository, environment, default, event, everybody, fork=fork)
    pull = _pull(forge, repository, everybody)
    if pull is not None:
        for event in _ON_PULLS:
            for fork in (False, True):
                yield from _each(forge, repository, environment, pull, event, everybody, fork=fork)


def _each(  # noqa: PLR0913, PLR0917 - the parts of one question
    forge: Sandbox,
    repository: Repository,
    environment: EnvironmentRecord,
    place: Place,
    event: str,
    starters: list[Account],
    *,
    fork: bool,
) -> Iterator[tuple[Admission, JobGrant]]:
    for starter in starters:
        found = _enter(forge, repository, environment, place, event, starter, fork=fork)
        if found is not None and found[1].secrets:
            yield found


def _enter(  # noqa: PLR0913, PLR0917 - as above
    forge: Sandbox,
    repository: Repository,
    environment: EnvironmentRecord,
    place: Place,
    event: str,
    starter: Account,
    *,
    fork: bool,
) -> tuple[Admission, JobGrant] | None:
    name = forge.store.full_name(repository)
    answer = forge.job(
        repository=name, event=event, ref=place.ref, environment=environment.name, actor=starter.login, fork=fork
    )
    approvers: tuple[str, ...] = ()
    if isinstance(answer, JobWaiting):
        approvers = answer.reviewers
        forge.store.deployments[answer.deployment_id].created_at = 0.0  # as if the wait timer had run out
        candidates = _reviewers(forge, answer, but=starter.login)
        answer = approved(forge, answer, candidates) if approvers else jobs.proceed(forge.store, answer.deployment_id)
    if not isinstance(answer, JobGrant):
        return None
    return Admission(place.ref, event, starter.login, fork, approvers, place.note), answer


def _places(forge: Sandbox, repository: Repository, environment: EnvironmentRecord) -> Iterator[Place]:
    """Refs to try, the default branch first. Makes those that do not exist."""
    git = BareRepository(forge.store.git_dir(repository))
    default = HEADS + repository.default_branch
    refs = git.refs()
    tip = refs.get(default) or next((sha for ref, sha in refs.items() if ref.startswith(HEADS)), None)
    if tip is None:
        return
    existing = [ref for ref in refs if ref.startswith((HEADS, TAGS))]
    yield from (Place(ref) for ref in sorted(existing, key=lambda ref: (ref != default, ref)))
    samples = {HEADS + PROBE: "stands for any new branch", TAGS + PROBE: "stands for any new tag"}
    for policy in environment.policies:
        prefix = TAGS if policy.get("type") == "tag" else HEADS
        sample = _sample(policy["name"])
        # GitHub admits no branch or tag of that name ("Dealing with special characters in branch and tag names"), so
        # the pattern is one of pull requests.
        if sample and not sample.startswith("refs/") and git.valid_ref(prefix + sample):
            samples.setdefault(prefix + sample, f"stands for the deployment policy '{policy['name']}'")
    for ref, note in samples.items():
        if ref not in refs:
            git.run("update-ref", ref, tip)
            yield Place(ref, note)


def _sample(pattern: str) -> str | None:
    """A name that the pattern matches, or None when none was found."""
    name = pattern.replace("**/", "x/").replace("*", "x").replace("?", "x")
    return name if fnmatch(pattern, name) else None


def _pull(forge: Sandbox, repository: Repository, everybody: list[Account]) -> Place | None:
    """A pull request into the default branch by whoever may open one; None when nobody may."""
    git = BareRepository(forge.store.git_dir(repository))
    tip = git.commit_id(HEADS + repository.default_branch)
    if tip is None:
        return None
    change = git.commit_tree(f"{tip}^{{tree}}", [tip], "a change", FORGE)
    git.run("update-ref", f"{HEADS}{PROBE}-change", change)
    for author in everybody:
        try:
            pull = forge.open_pull_request(
                forge.store.full_name(repository), author.login, f"{PROBE}-change", repository.default_branch
            )
        except Refusal:
            continue
        return Place(f"refs/pull/{pull.number}/merge", "stands for any pull request")
    return None


def _reviewers(forge: Sandbox, waiting: JobWaiting, *, but: str) -> list[str]:
    """Logins of those whom the job waits for, the one who started it last."""
    logins = [login for name in waiting.reviewers for login in members(forge, name)]
    return sorted(dict.fromkeys(logins), key=lambda login: (login == but, login))


def members(forge: Sandbox, name: str) -> list[str]:
    """Logins of a team `org/slug`, or the login itself."""
    organization, slash, slug = name.partition("/")
    if not slash:
        return [name]
    team = forge.store.team(forge.organization(organization), slug)
    return [] if team is None else [forge.store.accounts[number].login for number in sorted(team.members)]


def _starts(forge: Sandbox, repository: Repository, user: Account, event: str) -> bool:
    held = role(forge.store, of_user(user), repository)
    return held is not None and (event not in EVENTS or held.at_least(EVENTS[event].needs))


def _environments(forge: Sandbox, repository: Repository) -> str:
    return ", ".join(each.name for each in forge.store.environments_of(repository)) or "none"


def _reason(answer: Outcome) -> str:
    if isinstance(answer, JobRefused):
        return answer.reason
    if isinstance(answer, JobWaiting):
        return f"it waits for its timer until {answer.until:.0f}" if answer.until else "it waits for approval"
    return "it was granted"
