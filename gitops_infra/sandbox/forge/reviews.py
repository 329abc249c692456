"""Reviews of a pull request: which of them count, and what a `pull_request` rule still misses."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops_infra.sandbox.forge import codeowners
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.identity import of_user, role
from gitops_infra.sandbox.forge.model import Account, PullRequest, Repository, Role
from gitops_infra.sandbox.forge.store import Store

CHANGES_REQUESTED = "Changes have been requested by a reviewer with write access."
LAST_PUSH = "New changes require approval from someone other than the last pusher."


def has_write(store: Store, repository: Repository, user_id: int) -> bool:
    """Whether the person's role in the repository is write or more."""
    user = store.accounts.get(user_id)
    found = role(store, of_user(user), repository) if user else None
    return found is not None and found.at_least(Role.WRITE)


def standing(store: Store, repository: Repository, pull: PullRequest) -> dict[int, dict[str, Any]]:
    """User id -> the review that counts: the last with a verdict, of people with write access, not the author's."""
    latest: dict[int, dict[str, Any]] = {}
    for review in pull.reviews:
        if review["state"] != "COMMENTED" and review["user_id"] != pull.author_id:
            latest[review["user_id"]] = review
    return {user: review for user, review in latest.items() if has_write(store, repository, user)}


def missing(
    store: Store, git: BareRepository, repository: Repository, pull: PullRequest, parameters: Mapping[str, Any]
) -> list[str]:
    """What the `pull_request` rule still asks for, in GitHub's sentences; empty when the pull request satisfies it."""
    reviews = standing(store, repository, pull)
    approvals = {user: review for user, review in reviews.items() if review["state"] == "APPROVED"}
    needed = parameters.get("required_approving_review_count", 0)
    result = []
    if any(review["state"] == "CHANGES_REQUESTED" for review in reviews.values()) and needed:
        result.append(CHANGES_REQUESTED)
    if len(approvals) < needed:
        word = "review is" if needed == 1 else "reviews are"
        result.append(f"At least {needed} approving {word} required by reviewers with write access.")
    if parameters.get("require_code_owner_review"):
        result += _missing_owners(store, git, repository, pull, set(approvals))
    if parameters.get("required_reviewers"):
        result += _missing_teams(store, git, pull, set(approvals), parameters["required_reviewers"])
    if parameters.get("require_last_push_approval"):
        head = git.resolve(f"refs/heads/{pull.head}")
        fresh = {user for user, review in approvals.items() if review["commit_id"] == head}
        if not fresh - {pull.last_pusher_id}:
            result.append(LAST_PUSH)
    return result


def _missing_owners(
    store: Store, git: BareRepository, repository: Repository, pull: PullRequest, approvers: set[int]
) -> list[str]:
    base, head = f"refs/heads/{pull.base}", f"refs/heads/{pull.head}"
    lines = codeowners.read(git, base)
    if not lines:
        return []
    result = []
    for owners in codeowners.owner_groups(lines, changed_paths(git, base, head)):
        people = {owner.lstrip("@"): _people(store, repository, owner) for owner in owners}
        able = {owner: users for owner, users in people.items() if users}
        if able and not any(users & approvers for users in able.values()):
            result.append(f"Waiting on code owner review from {' and/or '.join(able)}.")
    return result


def _missing_teams(
    store: Store, git: BareRepository, pull: PullRequest, approvers: set[int], required: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Teams whose approval is required for the changed files and whose members gave too few. Words not confirmed."""
    paths = changed_paths(git, f"refs/heads/{pull.base}", f"refs/heads/{pull.head}")
    result = []
    for entry in required:
        team = store.teams.get(entry["reviewer"]["id"])
        touched = any(codeowners.pattern(one).fullmatch(path) for one in entry["file_patterns"] for path in paths)
        given = len(approvers & team.members) if team else 0
        if touched and given < entry["minimum_approvals"]:
            name = f"{store.accounts[team.organization_id].login}/{team.slug}" if team else "a team that is gone"
            result.append(f"Waiting on {entry['minimum_approvals'] - given} approving review(s) from {name}.")
    return result


def changed_paths(git: BareRepository, base: str, head: str) -> list[str]:
    """Paths that the head changed since it left the base; all of its paths when they have no common history."""
    fork = git.run("merge-base", base, head) if _related(git, base, head) else None
    return git.changed_paths(fork or git.run("hash-object", "-t", "tree", "--stdin", "-w"), head)


def _related(git: BareRepository, base: str, head: str) -> bool:
    return git.succeeds("merge-base", base, head)


def _people(store: Store, repository: Repository, owner: str) -> set[int]:
    """Ids of the people behind an owner who may write; empty for an unknown owner, whom GitHub ignores."""
    organization, _, slug = owner.lstrip("@").partition("/")
    account: Account | None = store.account(organization)
    if account is None or not owner.startswith("@"):
        return set()
    if not slug:
        users = {account.id}
    else:
        teams = (t for t in store.teams.values() if t.organization_id == account.id and t.slug == slug.lower())
        users = next((set(team.members) for team in teams), set())
    return {user for user in users if has_write(store, repository, user)}
