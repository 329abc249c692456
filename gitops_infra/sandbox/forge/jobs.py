"""The gate of CI jobs: what a job that asks to run gets, as GitHub Actions decides it.

Source: GitHub, "Deployments and environments", "Managing environments for deployment", "Automatic token
authentication", and the change of 8 December 2025 for pull request events.
"""

import secrets as random_values
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_infra.sandbox.forge import deployments
from gitops_infra.sandbox.forge.deployment_policy import ref_problem
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.git.merging import ConflictError, merge_commit
from gitops_infra.sandbox.forge.identity import digest, of_user, role
from gitops_infra.sandbox.forge.model import Account, Deployment, EnvironmentRecord, Repository, Role, Token
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.price_plans import in_force
from gitops_infra.sandbox.forge.store import Store

TOKEN_LIFE = 6 * 3600
"""Seconds that a job token is good for: the longest that a job may run."""

TOKEN_PERMISSIONS = (
    "actions",
    "checks",
    "contents",
    "deployments",
    "issues",
    "packages",
    "pull_requests",
    "statuses",
)
"""What a job token can have at all. It never has `workflows`, `administration`, `secrets` or `environments`."""


@dataclass(frozen=True)
class Event:
    """How one kind of workflow run starts."""

    needs: Role
    """Role of the person who starts it."""
    default_branch: bool = False
    """It runs, and is judged, on the default branch whatever ref it is about."""
    pull: bool = False
    """It runs on `refs/pull/<number>/merge`."""


EVENTS: Mapping[str, Event] = {
    "push": Event(Role.WRITE),
    "workflow_dispatch": Event(Role.WRITE),
    "repository_dispatch": Event(Role.WRITE, default_branch=True),
    "release": Event(Role.WRITE),
    "deployment": Event(Role.WRITE),
    "schedule": Event(Role.WRITE, default_branch=True),
    "workflow_run": Event(Role.READ, default_branch=True),
    "issue_comment": Event(Role.READ, default_branch=True),
    "pull_request": Event(Role.WRITE, pull=True),
    "pull_request_review": Event(Role.READ, pull=True),
    "pull_request_target": Event(Role.READ, default_branch=True),
}


@dataclass(frozen=True)
class JobGrant:
    """The job runs, and this is what it has. Secrets and token do not show in its representation."""

    token: str = field(repr=False)
    variables: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    repository: str
    ref: str
    sha: str
    deployment_id: int | None
    """None without an environment."""


@dataclass(frozen=True)
class JobRefused:
    """The job does not run, or the approval is not accepted."""

    reason: str


@dataclass(frozen=True)
class JobWaiting:
    """The job waits for one of the reviewers (`login` or `org/team`), for a time, or for both."""

    deployment_id: int
    reviewers: tuple[str, ...]
    until: float | None
    """Seconds since the epoch; None without a wait timer."""


Outcome = JobGrant | JobRefused | JobWaiting


def job(  # noqa: PLR0913  (what a workflow file and an event say about a job)
    store: Store,
    *,
    repository: str,
    event: str,
    ref: str,
    actor: str,
    environment: str | None = None,
    fork: bool = False,
    permissions: Mapping[str, str] | None = None,
    sha: str | None = None,
) -> Outcome:
    """What a job gets that `event` started on the full `ref` for the person `actor`.

    `fork`: the code of a pull request comes from a fork. `permissions` is the job's `permissions:`, None without one.
    `sha` defaults to the commit of the ref. Raises ValueError for a repository, person, event or permission that
    does not exist: the question makes no sense then.
    """
    with store.lock:
        found = store.repository(*repository.partition("/")[::2])
        person = store.account(actor)
        if found is None or person is None or person.kind != "User":
            raise ValueError(f"no repository {repository}" if found is None else f"no user {actor}")
        if event not in EVENTS:
            raise ValueError(f"the stand-in forge has no event {event!r}: it has {', '.join(EVENTS)}")
        if fork and not EVENTS[event].pull and event != "pull_request_target":
            raise ValueError(f"a fork starts no {event!r} jobs in this repository")
        asked = None if permissions is None else _checked(permissions)
        request = _Request(store, found, person, event, fork, asked)
        place = _place(request, ref, sha)
        if isinstance(place, JobRefused):
            return place
        if environment is None:
            return _grant(request, place, None, None)
        return _enter(request, place, environment)


def approve(store: Store, deployment_id: int, reviewer: str, *, decision: str = "approved") -> Outcome:
    """What becomes of a waiting job when `reviewer` decides `approved` or `rejected`.

    One reviewer suffices. A refusal because of who decides leaves the job waiting. An administrator who is no reviewer
    passes all protection where the environment lets administrators bypass it. Raises ValueError for an unknown
    deployment, person or decision, and for a job that does not wait.
    """
    with store.lock:
        deployment, environment, request = _waiting(store, deployment_id)
        person = store.account(reviewer)
        if person is None or person.kind != "User":
            raise ValueError(f"no user {reviewer}")
        if decision not in {"approved", "rejected"}:
            raise ValueError(f"decision {decision!r} is neither 'approved' nor 'rejected'")
        may_review = _is_reviewer(request, environment, person)
        own = environment.prevent_self_review and person.id == deployment.actor_id
        bypass = environment.can_admins_bypass and role(store, of_user(person), request.repository) is Role.ADMIN
        if (not may_review or own) and not bypass:
            if own:
                return JobRefused(f"{person.login} started this job and may not review it (prevent_self_review)")
            return JobRefused(f"{person.login} is not a required reviewer of {environment.name}")
        if decision == "rejected":
            deployment.state = "rejected"
            store.save(deployment)
            return JobRefused(f"{person.login} rejected the deployment to {environment.name}")
        deployment.approved_by = person.id
        store.save(deployment)
        return _continue(deployment, environment, request, skip_timer=bypass and (not may_review or own))


def proceed(store: Store, deployment_id: int) -> Outcome:
    """A waiting job asks again, such as after its wait timer. Raises ValueError when it does not wait."""
    with store.lock:
        deployment, environment, request = _waiting(store, deployment_id)
        return _continue(deployment, environment, request, skip_timer=False)


def finish(store: Store, deployment_id: int, *, state: str = "success", environment_url: str = "") -> None:
    """Records how the granted job of a deployment ended, and the environment's URL that its workflow set.

    `state` is `success` or `failure`. Raises ValueError for another state and for a job that does not run.
    """
    with store.lock:
        deployment = store.deployments.get(deployment_id)
        if deployment is None or deployment.state != "granted":
            raise ValueError(f"no job runs as deployment {deployment_id}")
        if state not in {"success", "failure"}:
            raise ValueError(f"a job ends in 'success' or 'failure', not in {state!r}")
        deployment.state, deployment.environment_url = state, environment_url
        store.save(deployment)
        deployments.supersede(store, deployment)


@dataclass(frozen=True)
class _Request:
    store: Store
    repository: Repository
    actor: Account
    event: str
    fork: bool
    permissions: Mapping[str, str] | None


@dataclass(frozen=True)
class _Place:
    ref: str
    sha: str


def _checked(permissions: Mapping[str, str]) -> dict[str, str]:
    result = {}
    for name, level in permissions.items():
        plain = name.replace("-", "_")
        if plain not in (*TOKEN_PERMISSIONS, "metadata") or level not in {"none", "read", "write"}:
            raise ValueError(f"a job cannot ask for the permission {name}: {level}")
        if level != "none":
            result[plain] = level
    return result


def _place(  # noqa: PLR0911  (one line a reason)
    request: _Request, ref: str, sha: str | None
) -> _Place | JobRefused:
    """Where the job runs, or why the event starts none."""
    store, repository, event = request.store, request.repository, EVENTS[request.event]
    name = store.full_name(repository)
    if not repository.actions.get("enabled", True):
        return JobRefused(f"GitHub Actions is disabled in {name}")
    if repository.archived:
        return JobRefused(f"{name} is archived")
    held = role(store, of_user(request.actor), repository)
    needed = Role.READ if request.fork else event.needs
    if held is None or not held.at_least(needed):
        return JobRefused(f"{request.actor.login} needs the role {needed} in {name} to start {request.event} jobs")
    git = BareRepository(store.git_dir(repository))
    where = f"refs/heads/{repository.default_branch}" if event.default_branch else ref
    is_pull = where.startswith("refs/pull/")
    if is_pull != event.pull:
        wanted = "refs/pull/<number>/merge" if event.pull else "a branch or tag"
        return JobRefused(f"{request.event} jobs run on {wanted}, not on {where}")
    tip = _merge_ref(request, git, where) if is_pull else git.commit_id(where)
    if tip is None:
        return JobRefused(f"{where} does not exist in {name}")
    if sha is not None and sha != tip and (is_pull or not git.is_ancestor(sha, tip)):
        return JobRefused(f"{sha} is not on {where}")
    return _Place(where, sha or tip)


def _merge_ref(request: _Request, git: BareRepository, ref: str) -> str | None:
    """The commit of `refs/pull/<number>/merge`, made anew from both branches; a fork's code is none of ours."""
    number = ref.split("/")[2] if fnmatch("refs/pull/*/merge", ref) else ""
    if request.fork:
        return git.commit_id(f"refs/heads/{request.repository.default_branch}") if number.isdecimal() else None
    pulls = request.store.pull_requests_of(request.repository)
    pull = next((p for p in pulls if str(p.number) == number and p.state == "open"), None)
    if pull is None:
        return None
    base, head = git.commit_id(f"refs/heads/{pull.base}"), git.commit_id(f"refs/heads/{pull.head}")
    if base is None or head is None:
        return None
    present = git.commit_id(ref)
    if present and git.run("rev-list", "--parents", "--max-count=1", present).split()[1:] == [base, head]:
        return present
    try:
        made = merge_commit(git, base, head, f"Merge {head} into {base}", FORGE)
    except ConflictError:
        return None
    git.run("update-ref", "--no-deref", ref, made)
    return made


def _enter(request: _Request, place: _Place, name: str) -> Outcome:
    """The outcome for a job that names an environment."""
    store, repository = request.store, request.repository
    environment = store.environment(repository, name)
    if environment is None:
        # As at GitHub: naming it creates it, and nothing protects it.
        now = store.now()
        environment = EnvironmentRecord(store.new_id(), repository.id, name, created_at=now, updated_at=now)
        store.add(environment)
    deployment = Deployment(
        id=store.new_id(),
        repository_id=repository.id,
        environment=environment.name,
        ref=place.ref,
        sha=place.sha,
        event=request.event,
        actor_id=request.actor.id,
        state="waiting",
        created_at=store.now(),
        permissions=None if request.permissions is None else dict(request.permissions),
        fork=request.fork,
    )
    store.add(deployment)
    return _continue(deployment, in_force(store, repository, environment), request, skip_timer=False)


def _waiting(store: Store, deployment_id: int) -> tuple[Deployment, EnvironmentRecord, _Request]:
    deployment = store.deployments.get(deployment_id)
    if deployment is None or deployment.state != "waiting":
        raise ValueError(f"no job waits as deployment {deployment_id}")
    repository = store.repositories[deployment.repository_id]
    environment = store.environment(repository, deployment.environment)
    if environment is None:
        raise ValueError(f"the environment {deployment.environment} of deployment {deployment_id} is gone")
    actor = store.accounts[deployment.actor_id]
    request = _Request(store, repository, actor, deployment.event, deployment.fork, deployment.permissions)
    return deployment, in_force(store, repository, environment), request


def _continue(
    deployment: Deployment, environment: EnvironmentRecord, request: _Request, *, skip_timer: bool
) -> Outcome:
    """What the environment's protection (as `in_force`) says now."""
    store = request.store
    place = _Place(deployment.ref, deployment.sha)
    problem = _actions_off(request) or ref_problem(store, request.repository, environment, place.ref)
    if problem is not None:
        deployment.state = "rejected"
        store.save(deployment)
        return JobRefused(problem)
    until = deployment.created_at + 60 * environment.wait_timer if environment.wait_timer else None
    unreviewed = bool(environment.reviewers) and deployment.approved_by is None
    early = until is not None and store.now() < until and not skip_timer
    if unreviewed or early:
        names = tuple(_reviewer_name(store, reviewer) for reviewer in environment.reviewers) if unreviewed else ()
        return JobWaiting(deployment.id, names, until)
    deployment.state = "granted"
    store.save(deployment)
    return _grant(request, place, environment, deployment.id)


def _actions_off(request: _Request) -> str | None:
    on = request.repository.actions.get("enabled", True)
    return None if on else f"GitHub Actions is disabled in {request.store.full_name(request.repository)}"


def _is_reviewer(request: _Request, environment: EnvironmentRecord, person: Account) -> bool:
    if role(request.store, of_user(person), request.repository) is None:
        return False
    for reviewer in environment.reviewers:
        team = request.store.teams.get(reviewer["id"]) if reviewer["type"] == "Team" else None
        if person.id == reviewer["id"] if team is None else person.id in team.members:
            return True
    return False


def _reviewer_name(store: Store, reviewer: Mapping[str, Any]) -> str:
    if reviewer["type"] == "Team":
        team = store.teams[reviewer["id"]]
        return f"{store.accounts[team.organization_id].login}/{team.slug}"
    return store.accounts[reviewer["id"]].login


def _grant(
    request: _Request, place: _Place, environment: EnvironmentRecord | None, deployment_id: int | None
) -> JobGrant:
    store, repository = request.store, request.repository
    trusted = not request.fork or request.event == "pull_request_target"
    own: list[Repository | EnvironmentRecord] = [repository, *([environment] if environment else [])]
    sources = own if trusted else []
    wider = store.accounts[repository.owner_id].shared_secrets(repository.visibility) if trusted else {}
    # The environment's come last: they win over the repository's of the same name, and those over the organisation's.
    kept = [wider, *(source.secrets for source in sources)]
    sealed = {name: entry["value"] for secrets in kept for name, entry in secrets.items()}
    # A secret that was not sealed for this repository does not open: the job has none of that name (not confirmed).
    opened = {name: value for name, value in sealed.items() if value is not None}
    variables = {name: entry["value"] for source in sources for name, entry in source.variables.items()}
    value = "ghs_" + random_values.token_hex(18)
    token = Token(
        id=store.new_id(),
        digest=digest(value),
        kind="job",
        repository_id=repository.id,
        permissions=_token_permissions(request, read_only=not trusted),
        expires_at=store.now() + TOKEN_LIFE,
    )
    store.add(token)
    return JobGrant(value, variables, opened, store.full_name(repository), place.ref, place.sha, deployment_id)


def _token_permissions(request: _Request, *, read_only: bool) -> dict[str, str]:
    if request.permissions is not None:
        chosen = dict(request.permissions)
    elif request.repository.workflow_permissions.get("default_workflow_permissions") == "write":
        chosen = dict.fromkeys(TOKEN_PERMISSIONS, "write")
    else:
        chosen = {"contents": "read", "packages": "read"}
    return {"metadata": "read"} | {name: "read" if read_only else level for name, level in chosen.items()}
