"""Every way into an environment that a forge has."""

from collections.abc import Iterator
from dataclasses import dataclass

from gitops_infra.sandbox.forge import jobs
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.git.process import GitError
from gitops_infra.sandbox.forge.jobs import EVENTS, JobGrant, JobRefused, JobWaiting, Outcome
from gitops_infra.sandbox.forge.model import Account, EnvironmentRecord, Repository
from gitops_infra.sandbox.forge.patterns import fnmatch
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.gate import HEADS, TAGS, approved, people, reviewers

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


def admissions(
    forge: Sandbox, repository: Repository, environment: EnvironmentRecord
) -> Iterator[tuple[Admission, JobGrant]]:
    """Every way into the environment by which its secrets are read, with what the job gets. Changes the forge.

    Asked: each event, started by each person, on each branch and tag, on one new branch and tag, on a name for each
    pattern of the deployment branch policy, on a pull request, from the repository and from a fork. Wait timers do not
    hold a job up.
    """
    everybody = people(forge, repository)
    if everybody:
        yield from _Search(forge, repository, environment, everybody).all()


@dataclass(frozen=True)
class _Search:
    """The questions about one environment."""

    forge: Sandbox
    repository: Repository
    environment: EnvironmentRecord
    everybody: list[Account]
    """The weakest role first."""

    def all(self) -> Iterator[tuple[Admission, JobGrant]]:
        """Everything that there is to ask, the default branch first."""
        for place in self._refs():
            # Roles only add: where the strongest is refused, everybody is.
            if not isinstance(self._ask(place, _ON_REFS[0], self.everybody[-1]), JobRefused):
                for event in _ON_REFS:
                    yield from self._by_everybody(place, event)
        default = Place(HEADS + self.repository.default_branch)
        for event in _ON_DEFAULT:
            yield from self._by_everybody(default, event)
        yield from self._by_everybody(default, "pull_request_target", fork=True)
        pull = self._pull()
        if pull is not None:
            for event in _ON_PULLS:
                for fork in (False, True):
                    yield from self._by_everybody(pull, event, fork=fork)

    def _by_everybody(self, place: Place, event: str, *, fork: bool = False) -> Iterator[tuple[Admission, JobGrant]]:
        for starter in self.everybody:
            answer = self._ask(place, event, starter, fork=fork)
            approvers: tuple[str, ...] = ()
            if isinstance(answer, JobWaiting):
                approvers = answer.reviewers
                answer = self._passed(answer, starter)
            if isinstance(answer, JobGrant) and answer.secrets:
                yield Admission(place.ref, event, starter.login, fork, approvers, place.note), answer

    def _ask(self, place: Place, event: str, starter: Account, *, fork: bool = False) -> Outcome:
        return self.forge.job(
            repository=self.forge.store.full_name(self.repository),
            event=event,
            ref=place.ref,
            environment=self.environment.name,
            actor=starter.login,
            fork=fork,
        )

    def _passed(self, waiting: JobWaiting, starter: Account) -> Outcome:
        """What becomes of a waiting job when its timer has run out and its reviewers agree."""
        self.forge.store.deployments[waiting.deployment_id].created_at = 0.0
        if not waiting.reviewers:
            return jobs.proceed(self.forge.store, waiting.deployment_id)
        return approved(self.forge, waiting, reviewers(self.forge, waiting, but=starter.login))

    def _refs(self) -> Iterator[Place]:
        """Branches and tags to try, the default branch first. Makes those that do not exist."""
        git = BareRepository(self.forge.store.git_dir(self.repository))
        default = HEADS + self.repository.default_branch
        refs = git.refs()
        tip = refs.get(default) or next((sha for ref, sha in refs.items() if ref.startswith(HEADS)), None)
        if tip is None:
            return
        existing = [ref for ref in refs if ref.startswith((HEADS, TAGS))]
        yield from (Place(ref) for ref in sorted(existing, key=lambda ref: (ref != default, ref)))
        for place in self._new_refs():
            if place.ref in refs or not git.valid_ref(place.ref):
                continue
            try:
                git.run("update-ref", place.ref, tip)
            except GitError:  # `release/x` beside a branch `release`: nobody could make it either
                continue
            yield place

    def _new_refs(self) -> Iterator[Place]:
        """Refs that stand for all that do not exist yet."""
        yield Place(HEADS + PROBE, "stands for any new branch")
        yield Place(TAGS + PROBE, "stands for any new tag")
        for policy in self.environment.policies:
            sample = _sample(policy["name"])
            # GitHub admits no branch or tag of such a name ("Dealing with special characters in branch and tag
            # names"), so the pattern is one of pull requests.
            if sample and not sample.startswith("refs/"):
                prefix = TAGS if policy.get("type") == "tag" else HEADS
                yield Place(prefix + sample, f"stands for the deployment policy '{policy['name']}'")

    def _pull(self) -> Place | None:
        """A pull request into the default branch by whoever may open one; None when nobody may."""
        git = BareRepository(self.forge.store.git_dir(self.repository))
        tip = git.commit_id(HEADS + self.repository.default_branch)
        if tip is None:
            return None
        branch = f"{PROBE}-change"
        git.run("update-ref", HEADS + branch, git.commit_tree(f"{tip}^{{tree}}", [tip], "a change", FORGE))
        name, base = self.forge.store.full_name(self.repository), self.repository.default_branch
        for author in self.everybody:
            try:
                pull = self.forge.open_pull_request(name, author.login, branch, base)
            except Refusal:
                continue
            return Place(f"refs/pull/{pull.number}/merge", "stands for any pull request")
        return None


def _sample(pattern: str) -> str | None:
    """A name that the pattern matches, or None when none was found."""
    name = pattern.replace("**/", "x/").replace("*", "x").replace("?", "x")
    return name if fnmatch(pattern, name) else None
