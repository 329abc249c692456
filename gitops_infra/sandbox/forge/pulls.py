"""Pull requests between branches of one repository: open, review, merge, under the rules of the base branch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gitops_infra.sandbox.forge.decide import RefUpdate, Verdict
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository, Person
from gitops_infra.sandbox.forge.git.merging import ConflictError, merge_commit, rebased_commits, squash_commit
from gitops_infra.sandbox.forge.identity import Identity, IdentityKind, may, role
from gitops_infra.sandbox.forge.model import PullRequest, Repository
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.store import Store
from gitops_infra.sandbox.forge.updates import HEADS, apply, track_head

NOT_MERGEABLE = "Pull Request is not mergeable"
HEAD_MODIFIED = "Head branch was modified. Review and try the merge again."
BASE_MODIFIED = "Base branch was modified. Review and try the merge again."
ACTIONS_MAY_NOT = "GitHub Actions is not permitted to create or approve pull requests."

REVIEW_STATES = {
    # What a client may send -> what is kept.
    "APPROVE": "APPROVED",
    "APPROVED": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "CHANGES_REQUESTED": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
    "COMMENTED": "COMMENTED",
}

METHODS = {
    # Merge method -> the repository setting that allows it, and GitHub's words when it is off.
    "merge": ("allow_merge_commit", "Merge commits are not allowed on this repository."),
    "squash": ("allow_squash_merge", "Squash merges are not allowed on this repository."),
    "rebase": ("allow_rebase_merge", "Rebase merges are not allowed on this repository."),
}


@dataclass(frozen=True)
class MergeResult:
    """What became of an attempt to merge."""

    verdict: Verdict
    """For REST: `status` is 200, 403, 404, 405 (not mergeable, or rules refuse) or 409 (the head has moved)."""
    sha: str | None = None
    """The base branch's new commit; None when it did not move."""


def open_pull_request(  # noqa: PLR0913, PLR0917  (the contract of its callers)
    store: Store, identity: Identity, repository: Repository, head: str, base: str, title: str
) -> PullRequest:
    """A new pull request that asks to bring branch `head` into branch `base` (names without `refs/heads/`).

    Raises Refusal as GitHub: 403, 404 or 422 with the reason.
    """
    with store.lock:
        _may_take_part(store, identity, repository)
        if not may(store, identity, repository, "contents", "read") or not _writes(store, identity, repository):
            raise _invalid("must be a collaborator")
        git = BareRepository(store.git_dir(repository))
        head = head.rpartition(":")[2]
        tips = {name: git.resolve(HEADS + name) for name in (head, base)}
        for name, field in ((head, "head"), (base, "base")):
            if tips[name] is None:
                raise Refusal(
                    422, "Validation Failed", [{"resource": "PullRequest", "field": field, "code": "invalid"}]
                )
        owner = store.full_name(repository).partition("/")[0]
        others = (p for p in store.pull_requests_of(repository) if p.state == "open")
        if any((p.head, p.base) == (head, base) for p in others):
            raise _invalid(f"A pull request already exists for {owner}:{head}.")
        if git.is_ancestor(str(tips[head]), str(tips[base])):
            raise _invalid(f"No commits between {base} and {head}")
        author = identity.user_id or identity.app_id or 0
        pull = PullRequest(
            id=store.new_id(),
            repository_id=repository.id,
            number=repository.next_number,
            title=title,
            author_id=author,
            head=head,
            base=base,
            last_pusher_id=_last_pusher(store, repository, HEADS + head, author),
            created_at=store.now(),
        )
        repository.next_number += 1
        store.save(repository)
        store.add(pull)
        track_head(git, pull, str(tips[head]))
        return pull


def review(store: Store, identity: Identity, pull: PullRequest, state: str) -> dict[str, object]:
    """Adds a review of the head as it is now; `state` as in `REVIEW_STATES`. Everybody who can read may review.

    Raises Refusal: 403, 404, or 422 for an unknown state, a closed pull request, or one's own.
    """
    with store.lock:
        repository = store.repositories[pull.repository_id]
        _may_take_part(store, identity, repository)
        if identity.user_id is None:
            raise Refusal(422, "Unprocessable Entity", ["the stand-in forge takes reviews from people only"])
        kept = REVIEW_STATES.get(state.upper())
        if kept is None:
            raise Refusal(422, "Unprocessable Entity", [f"Variable $event got an invalid value {state!r}"])
        if pull.state != "open" and kept != "COMMENTED":
            raise Refusal(422, "Unprocessable Entity", ["Can not review a closed pull request"])
        if identity.user_id == pull.author_id and kept != "COMMENTED":
            doing = "approve" if kept == "APPROVED" else "request changes on"
            raise Refusal(422, "Unprocessable Entity", [f"Can not {doing} your own pull request"])
        git = BareRepository(store.git_dir(repository))
        entry: dict[str, object] = {
            "id": store.new_id(),
            "user_id": identity.user_id,
            "state": kept,
            "commit_id": git.resolve(HEADS + pull.head) or "",
            "submitted_at": store.now(),
        }
        pull.reviews.append(entry)
        store.save(pull)
        return entry


def dismiss(store: Store, identity: Identity, pull: PullRequest, review_id: int) -> None:
    """Makes a review count no more. Needs write access. Raises Refusal 403 or 404."""
    with store.lock:
        repository = store.repositories[pull.repository_id]
        _may_take_part(store, identity, repository)
        if not _writes(store, identity, repository):
            raise Refusal(403, "Must have push access to repository")
        entry = next((found for found in pull.reviews if found["id"] == review_id), None)
        if entry is None:
            raise Refusal(404, "Not Found")
        entry["state"] = "DISMISSED"
        store.save(pull)


def merge(  # noqa: PLR0911  (one line a reason)
    store: Store, identity: Identity, pull: PullRequest, method: str = "merge", sha: str | None = None
) -> MergeResult:
    """Merges by `merge`, `squash` or `rebase`, if every rule and the repository's settings let the identity.

    With `sha`, only while the head is that commit. Nothing moves when the verdict is a refusal.
    """
    with store.lock:
        repository = store.repositories[pull.repository_id]
        git = BareRepository(store.git_dir(repository))
        head, base = git.resolve(HEADS + pull.head), git.resolve(HEADS + pull.base)
        if method not in METHODS:
            return _refused(422, f"Invalid merge method {method!r}: possible are {', '.join(METHODS)}")
        if pull.state != "open" or head is None or base is None:
            return _refused(405, NOT_MERGEABLE)
        if sha is not None and sha != head:
            return _refused(409, HEAD_MODIFIED)
        setting, words = METHODS[method]
        if not repository.settings.get(setting, True):
            return _refused(405, words)
        try:
            commit = _MAKE[method](store, git, identity, repository, pull, base, head)
        except ConflictError:
            return _refused(405, NOT_MERGEABLE)
        update = RefUpdate(HEADS + pull.base, base, commit)
        verdict = apply(store, identity, repository, update, "merge", merge=pull, method=method)
        if not verdict.allowed:
            raced = not verdict.violations and verdict.status == 422  # noqa: PLR2004  (the ref was not at `base` any more)
            status = 405 if verdict.status == 422 else verdict.status  # noqa: PLR2004  (unprocessable)
            message = BASE_MODIFIED if raced else verdict.message
            return MergeResult(replace(verdict, status=status, message=message))
        pull.state, pull.merge_commit_sha = "merged", commit
        store.save(pull)
        if repository.settings.get("delete_branch_on_merge"):
            apply(store, identity, repository, RefUpdate(HEADS + pull.head, head, ABSENT), "rest")
        return MergeResult(verdict, commit)


def _refused(status: int, message: str) -> MergeResult:
    return MergeResult(Verdict(allowed=False, status=status, message=message, reason=message))


def _invalid(message: str) -> Refusal:
    return Refusal(422, "Validation Failed", [{"resource": "PullRequest", "code": "custom", "message": message}])


def _may_take_part(store: Store, identity: Identity, repository: Repository) -> None:
    if role(store, identity, repository) is None:
        raise Refusal(404, "Not Found")
    if identity.kind is IdentityKind.JOB and not repository.workflow_permissions.get(
        "can_approve_pull_request_reviews"
    ):
        raise Refusal(403, ACTIONS_MAY_NOT)
    if not may(store, identity, repository, "pull_requests", "write"):
        raise Refusal(403, "Resource not accessible by integration")


def _writes(store: Store, identity: Identity, repository: Repository) -> bool:
    """Whether people have the write role; Apps and jobs need no more than the pull request permission."""
    whole = replace(identity, permissions=None) if identity.kind is IdentityKind.USER else None
    return whole is None or may(store, whole, repository, "contents", "write")


def _last_pusher(store: Store, repository: Repository, ref: str, author: int) -> int | None:
    """Who moved the head branch last; the author when nobody is known to have."""
    for push in reversed(store.pushes_of(repository)):
        if push.ref == ref and push.allowed:
            user = store.user(push.actor)
            return user.id if user else None
    return author


def _person(store: Store, identity: Identity) -> Person:
    number = identity.user_id or identity.app_id
    return Person(identity.label, f"{number}+{identity.label}@users.noreply.github.com", f"{int(store.now())} +0000")


def _make_merge(  # noqa: PLR0913, PLR0917  (one signature for the table)
    store: Store,
    git: BareRepository,
    identity: Identity,
    repository: Repository,
    pull: PullRequest,
    base: str,
    head: str,
) -> str:
    owner = store.full_name(repository).partition("/")[0]
    message = f"Merge pull request #{pull.number} from {owner}/{pull.head}\n\n{pull.title}"
    return merge_commit(git, base, head, message, _person(store, identity))


def _make_squash(  # noqa: PLR0913, PLR0917  (one signature for the table)
    store: Store,
    git: BareRepository,
    identity: Identity,
    _repository: Repository,
    pull: PullRequest,
    base: str,
    head: str,
) -> str:
    return squash_commit(git, base, head, f"{pull.title} (#{pull.number})", _person(store, identity))


def _make_rebase(
    store: Store,
    git: BareRepository,
    identity: Identity,
    _repository: Repository,
    _pull: PullRequest,
    base: str,
    head: str,
) -> str:
    return rebased_commits(git, base, head, _person(store, identity))


_MAKE: Mapping[str, Callable[[Store, BareRepository, Identity, Repository, PullRequest, str, str], str]] = {
    "merge": _make_merge,
    "squash": _make_squash,
    "rebase": _make_rebase,
}
