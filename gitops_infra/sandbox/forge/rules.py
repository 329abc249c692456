"""What each rule says to a ref update, in GitHub's sentences. One function per rule type."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_infra.sandbox.forge import metadata, reviews
from gitops_infra.sandbox.forge.deployments import active_environments
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository
from gitops_infra.sandbox.forge.model import PullRequest, Repository
from gitops_infra.sandbox.forge.store import Store

CREATION = "Cannot create ref due to creations being restricted."
UPDATE = "Cannot update this protected ref."
DELETION = "Cannot delete this protected ref."
FORCE_PUSH = "Cannot force-push to this branch"
FORCE_PUSH_TAG = "Cannot force-push to this tag"
MERGE_COMMITS = "This branch must not contain merge commits."
PULL_REQUEST = "Changes must be made through a pull request."
NOT_UP_TO_DATE = "The head branch is not up to date with the base branch."

LISTED = 10
"""Merge commits named below `MERGE_COMMITS`."""

STATES = {"success": None, "failure": "failing", "error": "failing", "pending": "pending"}
"""State of a commit status -> what a required check is then called; None: satisfied."""


@dataclass(frozen=True)
class RefUpdate:
    """A ref that shall move. `ABSENT` (40 zeros) as `before` means creation, as `after` deletion."""

    ref: str
    before: str
    after: str

    @property
    def creates(self) -> bool:
        """Whether the ref does not exist yet."""
        return self.before == ABSENT

    @property
    def deletes(self) -> bool:
        """Whether the ref shall vanish."""
        return self.after == ABSENT


@dataclass(frozen=True)
class Question:
    """One update as the rules look at it."""

    store: Store
    git: BareRepository
    repository: Repository
    update: RefUpdate
    pull: PullRequest | None = None
    """The pull request whose merge it is; None: a direct push."""
    method: str | None = None
    """`merge`, `squash` or `rebase`, with `pull`."""
    env: Mapping[str, str] | None = None
    """Where git finds the objects of a push that is not accepted yet."""

    @property
    def proven(self) -> str | None:
        """The commit that must have passed checks and deployments: what is pushed, or the head that is merged.

        Of an annotated tag: the commit it points to. None for a deletion, and for a tag of something else.
        """
        if self.pull is not None:
            return self.git.resolve(f"refs/heads/{self.pull.head}")
        return None if self.update.deletes else self.git.commit_id(self.update.after, self.env)

    @property
    def new_commits(self) -> tuple[str, ...]:
        """Arguments of rev-list for the commits that come with the update.

        Of a new ref: those in no branch yet, as GitHub counts.
        """
        before = ("--branches",) if self.update.creates else (self.update.before,)
        return (self.update.after, "--not", *before)


Check = Callable[[Question, Mapping[str, Any]], dict[str, tuple[str, ...]]]
"""Sentence -> offending commit ids for what an update does against a rule with these parameters."""


def violations(question: Question, rule: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Sentence -> offending commit ids (mostly none) for what the update does against one rule."""
    return _CHECKS[rule["type"]](question, rule.get("parameters", {}))


def _creation(question: Question, _parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {CREATION: ()} if question.update.creates else {}


def _update(question: Question, _parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {} if question.update.creates or question.update.deletes else {UPDATE: ()}


def _deletion(question: Question, _parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {DELETION: ()} if question.update.deletes else {}


def _non_fast_forward(question: Question, _parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    update = question.update
    if update.creates or update.deletes or question.git.is_ancestor(update.before, update.after, question.env):
        return {}
    return {FORCE_PUSH_TAG if update.ref.startswith("refs/tags/") else FORCE_PUSH: ()}


def _linear_history(question: Question, _parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if question.update.deletes or question.git.commit_id(question.update.after, question.env) is None:
        return {}
    merges = question.git.merge_commits(*question.new_commits, limit=LISTED, env=question.env)
    return {MERGE_COMMITS: tuple(merges)} if merges else {}


def _pull_request(question: Question, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if question.update.deletes:
        return {}
    if question.pull is None:
        # Also for a new branch: stricter than GitHub where the branch brings no new commits, never weaker.
        return {PULL_REQUEST: ()}
    result = reviews.missing(question.store, question.git, question.repository, question.pull, parameters)
    if question.method not in parameters.get("allowed_merge_methods", (question.method,)):
        result.append(f"{str(question.method).capitalize()} is not an allowed merge method in this repository.")
    return dict.fromkeys(result, ())


def _status_checks(question: Question, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    update, git, pull = question.update, question.git, question.pull
    if update.deletes or (update.creates and parameters.get("do_not_enforce_on_create")):
        return {}
    checked = question.proven
    result = {}
    required = parameters["required_status_checks"]
    lacking = [
        (check["context"], word) for check in required if (word := _lacking(question, str(checked), check)) is not None
    ]
    if lacking:
        result[_sentence(lacking, len(required))] = ()
    strict = parameters.get("strict_required_status_checks_policy")
    if strict and pull is not None and not git.is_ancestor(update.before, str(checked)):
        result[NOT_UP_TO_DATE] = ()
    return dict.fromkeys(result, ())


def _lacking(question: Question, sha: str, check: Mapping[str, Any]) -> str | None:
    """`expected`, `failing` or `pending`; None when the check has succeeded on the commit."""
    wanted = check.get("integration_id")
    found = [
        status
        for status in question.store.statuses_of(question.repository)
        if status.sha == sha and status.context == check["context"] and wanted in {None, status.app_id}
    ]
    return STATES.get(found[-1].state, "expected") if found else "expected"


def _sentence(lacking: list[tuple[str, str]], required: int) -> str:
    if len(lacking) == 1:
        return f'Required status check "{lacking[0][0]}" is {lacking[0][1]}.'
    words = Counter(word for _, word in lacking)
    start = f"{len(lacking)} of {required} required status checks"
    if len(words) == 1:
        return f"{start} are {next(iter(words))}."
    parts = [f"{number} {word}" for word, number in words.items()]
    return f"{start} have not succeeded: {', '.join(parts[:-1])} and {parts[-1]}."


def _deployments(question: Question, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if question.update.deletes:
        return {}
    active = active_environments(question.store, question.repository, question.proven)
    missing = [name for name in parameters["required_deployment_environments"] if name.lower() not in active]
    if not missing:
        return {}
    *most, last = missing
    names = f"{', '.join(most)}{',' if len(most) > 1 else ''} and {last}" if most else last
    return {f"Missing successful active {names} deployment{'s' if most else ''}.": ()}


def _ref_name(kind: str, prefix: str) -> Check:
    """A name is looked at when it is given, not when the ref moves later (not confirmed for GitHub)."""

    def check(question: Question, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        name = question.update.ref.removeprefix(prefix)
        wrong = question.update.creates and not metadata.fits(parameters, name)
        return {metadata.sentence(kind, parameters): ()} if wrong else {}

    return check


def _commits(kind: str, placeholder: str) -> Check:
    """`placeholder` is what `git log --format` has for the text that the rule looks at."""

    def check(question: Question, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        if question.update.deletes or question.git.commit_id(question.update.after, question.env) is None:
            return {}
        arguments = ("log", "-z", f"--format=%H {placeholder}", *question.new_commits)
        entries = question.git.run(*arguments, env=question.env).split("\0")
        texts = dict(entry.split(" ", 1) for entry in entries if entry)
        wrong = [sha for sha, text in texts.items() if not metadata.fits(parameters, text.rstrip("\n"))]
        return {metadata.sentence(kind, parameters): tuple(wrong[:LISTED])} if wrong else {}

    return check


_CHECKS: Mapping[str, Check] = {
    "creation": _creation,
    "update": _update,
    "deletion": _deletion,
    "non_fast_forward": _non_fast_forward,
    "required_linear_history": _linear_history,
    "pull_request": _pull_request,
    "required_status_checks": _status_checks,
    "required_deployments": _deployments,
    "branch_name_pattern": _ref_name("branch_name_pattern", "refs/heads/"),
    "tag_name_pattern": _ref_name("tag_name_pattern", "refs/tags/"),
    "commit_message_pattern": _commits("commit_message_pattern", "%B"),
    "commit_author_email_pattern": _commits("commit_author_email_pattern", "%ae"),
    "committer_email_pattern": _commits("committer_email_pattern", "%ce"),
}
