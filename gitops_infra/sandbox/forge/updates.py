"""Moving refs: decide, move, and remember what follows from it. Used by REST, merges and, after the push, by git."""

from collections.abc import Sequence
from dataclasses import replace

from gitops_infra.sandbox.forge.decide import RefUpdate, Verdict, decide
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository
from gitops_infra.sandbox.forge.git.process import GitError
from gitops_infra.sandbox.forge.identity import Identity
from gitops_infra.sandbox.forge.model import PullRequest, Repository
from gitops_infra.sandbox.forge.rulesets import governing
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.forge.webhooks import announce_push

HEADS = "refs/heads/"


def apply(  # noqa: PLR0913  (as decide)
    store: Store,
    identity: Identity,
    repository: Repository,
    update: RefUpdate,
    via: str = "rest",
    *,
    merge: PullRequest | None = None,
    method: str | None = None,
) -> Verdict:
    """Decides about the update and, when allowed, makes it and everything that follows from it.

    The ref moves only if it still is at `update.before`; otherwise the verdict is a refusal with status 422 and
    GitHub's "Reference update failed".
    """
    with store.lock:
        git = BareRepository(store.git_dir(repository))
        verdict = decide(store, git, identity, repository, update, via=via, merge=merge, method=method)
        if not verdict.allowed:
            return verdict
        try:
            git.update_ref(update.ref, update.after, update.before)
        except GitError as error:
            reason = error.stderr.strip()
            not_made(store, repository, update, reason)
            return replace(verdict, allowed=False, status=422, message="Reference update failed", reason=reason)
        after_push(store, repository, identity, [update])
        return verdict


def not_made(store: Store, repository: Repository, update: RefUpdate, reason: str) -> None:
    """Corrects the record of an update that was allowed and that git then could not make, such as a lost race."""
    with store.lock:
        for record in reversed(store.pushes_of(repository)):
            if (record.ref, record.before, record.after) == (update.ref, update.before, update.after):
                record.allowed, record.reason = False, reason
                store.save(record)
                return


def after_push(store: Store, repository: Repository, identity: Identity, updates: Sequence[RefUpdate]) -> None:
    """Remembers what follows from ref updates that were made: default branch, pull requests, webhooks to be told.

    The first branch pushed to an empty repository becomes its default branch, unless the one that is set came along.
    Open pull requests learn of new heads, and are closed with their branches.
    """
    with store.lock:
        git = BareRepository(store.git_dir(repository))
        branches = [update for update in updates if update.ref.startswith(HEADS)]
        _first_branch(store, git, repository, branches)
        for update in branches:
            for pull in store.pull_requests_of(repository):
                if pull.state == "open":
                    _follow(store, git, repository, identity, pull, update)
        announce_push(store, repository, identity, updates)


def _first_branch(store: Store, git: BareRepository, repository: Repository, updates: Sequence[RefUpdate]) -> None:
    created = [update.ref for update in updates if update.creates]
    if not created:
        return
    present = git.refs(HEADS)
    if f"{HEADS}{repository.default_branch}" in present or set(present) - set(created):
        return
    repository.default_branch = created[0].removeprefix(HEADS)
    git.set_head(repository.default_branch)
    store.save(repository)


def _follow(  # noqa: PLR0913, PLR0917  (what happened, and to which pull request)
    store: Store, git: BareRepository, repository: Repository, identity: Identity, pull: PullRequest, update: RefUpdate
) -> None:
    branch = update.ref.removeprefix(HEADS)
    if branch not in {pull.head, pull.base}:
        return
    if update.deletes:
        pull.state = "closed"
    elif branch == pull.base:
        # A direct push that contains the head is the merge. A squash or rebase is marked by pulls.merge itself.
        head = git.resolve(HEADS + pull.head)
        if head and git.is_ancestor(head, update.after):
            pull.state, pull.merge_commit_sha = "merged", update.after
    else:
        pull.last_pusher_id = identity.user_id
        track_head(git, pull, update.after)
        if _dismisses_stale(store, repository, pull) and _changed_diff(git, pull, update):
            for review in pull.reviews:
                if review["state"] == "APPROVED":
                    review["state"] = "DISMISSED"
    store.save(pull)


def track_head(git: BareRepository, pull: PullRequest, head: str) -> None:
    """Points `refs/pull/<number>/head` at the head commit, as GitHub does."""
    git.run("update-ref", "--no-deref", f"refs/pull/{pull.number}/head", head)


def _dismisses_stale(store: Store, repository: Repository, pull: PullRequest) -> bool:
    rules = (rule for ruleset in governing(store, repository, HEADS + pull.base) for rule in ruleset.rules)
    return any(rule["type"] == "pull_request" and rule["parameters"]["dismiss_stale_reviews_on_push"] for rule in rules)


def _changed_diff(git: BareRepository, pull: PullRequest, update: RefUpdate) -> bool:
    """Whether the push changed what the reviewer saw. Merging the base into the head, for one, need not."""
    return update.before == ABSENT or _diff(git, pull, update.before) != _diff(git, pull, update.after)


def _diff(git: BareRepository, pull: PullRequest, head: str) -> str:
    try:
        return git.run("diff-tree", "-r", "--no-renames", "--merge-base", HEADS + pull.base, head)
    except GitError:  # no common history: every push counts as a change
        return head
