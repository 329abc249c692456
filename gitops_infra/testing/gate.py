"""Jobs at the gate of an environment: people who start and approve them, and one that is let in."""

from gitops_infra.sandbox.forge.identity import of_user, role
from gitops_infra.sandbox.forge.jobs import EVENTS, JobGrant, JobRefused, JobWaiting, Outcome
from gitops_infra.sandbox.forge.model import Account, Repository
from gitops_infra.sandbox.forge.server import Sandbox

HEADS, TAGS = "refs/heads/", "refs/tags/"


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
            candidates = [approver] if approver else reviewers(forge, answer, but=starter)
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


def reviewers(forge: Sandbox, waiting: JobWaiting, *, but: str) -> list[str]:
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
