"""Pull requests as GraphQL shows them. What the stand-in does not have (assignees, comments, ...) is empty."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops_infra.sandbox.forge.decide import RefUpdate, preview
from gitops_infra.sandbox.forge.git.bare import FORGE
from gitops_infra.sandbox.forge.git.merging import ConflictError, merge_commit
from gitops_infra.sandbox.forge.graphql.connections import (
    attribute,
    connection,
    connection_type,
    constant,
    key,
    none_of,
)
from gitops_infra.sandbox.forge.graphql.execution import Field, Typed
from gitops_infra.sandbox.forge.graphql.repositories import Given, find, owner_of
from gitops_infra.sandbox.forge.model import Account, PullRequest, Repository
from gitops_infra.sandbox.forge.responses import Refusal, timestamp
from gitops_infra.sandbox.forge.rest import commits, shapes
from gitops_infra.sandbox.forge.reviews import standing
from gitops_infra.sandbox.forge.router import Call
from gitops_infra.sandbox.forge.rulesets import governing

HEADS = "refs/heads/"
STATES = {"open": "OPEN", "closed": "CLOSED", "merged": "MERGED"}
CHECK_STATES = {"success": "SUCCESS", "failure": "FAILURE", "pending": "PENDING", "error": "ERROR"}


def of_node(call: Call, node_id: str) -> PullRequest:
    """The pull request of a node id, if the caller may see it. Raises Refusal 404."""
    number = node_id.removeprefix("PR_")
    pull = call.store.pull_requests.get(int(number)) if number.isdecimal() else None
    if pull is None:
        raise Refusal(404, f"Could not resolve to a node with the global id of '{node_id}'.")
    repository = call.store.repositories[pull.repository_id]
    find(call, call.store.accounts[repository.owner_id].login, repository.name)
    return pull


def by_number(call: Call, value: Repository, given: Given) -> PullRequest:
    """The pull request of a repository. Raises Refusal 404."""
    for pull in call.store.pull_requests_of(value):
        if pull.number == given["number"]:
            return pull
    raise Refusal(404, f"Could not resolve to a PullRequest with the number of {given['number']}.")


def listed(call: Call, value: Repository, given: Given) -> Iterable[PullRequest]:
    """Those of the wanted states and branches, newest first."""
    states = given.get("states") or list(STATES.values())
    states = [states] if isinstance(states, str) else states
    for pull in reversed(call.store.pull_requests_of(value)):
        wanted = (given.get("headRefName"), given.get("baseRefName"))
        if STATES[pull.state] in states and wanted[0] in {None, pull.head} and wanted[1] in {None, pull.base}:
            yield pull


def _repository(call: Call, value: PullRequest, _: Given = {}) -> Repository:  # noqa: B006  (never changed)
    return call.store.repositories[value.repository_id]


def _url(call: Call, value: PullRequest) -> str:
    return f"{call.base_url}/{call.store.full_name(_repository(call, value))}/pull/{value.number}"


def _author(call: Call, number: int | None) -> Typed | None:
    account = call.store.accounts.get(number or 0)
    if account is not None:
        return Typed(account.kind, account)
    app = call.store.apps.get(number or 0)
    return None if app is None else Typed("Bot", _Bot(app.id, f"{app.slug}[bot]"))


class _Bot:
    """An App as an author."""

    def __init__(self, number: int, login: str) -> None:
        self.id = number
        self.login = login


def _tip(branch: str) -> Field:
    def sha(call: Call, value: PullRequest, _: Given) -> str | None:
        found = call.git(_repository(call, value)).resolve(HEADS + getattr(value, branch))
        return found or call.git(_repository(call, value)).resolve(f"refs/pull/{value.number}/head")

    return Field(sha)


def _commits(call: Call, value: PullRequest, _: Given) -> list[dict[str, Any]]:
    git = call.git(_repository(call, value))
    head = f"refs/pull/{value.number}/head"
    base = git.resolve(HEADS + value.base)
    found = git.commits(head, f"^{base}") if base else git.commits(head)
    return [{"commit": _commit(call, value, sha)} for sha in reversed(found)]


def _commit(call: Call, value: PullRequest, sha: str) -> dict[str, Any]:
    described = commits.describe(call, _repository(call, value), sha)["commit"]
    return {
        "oid": sha,
        "abbreviatedOid": sha[:7],
        "message": described["message"],
        "messageHeadline": described["message"].split("\n", 1)[0],
        "messageBody": described["message"].partition("\n")[2].strip(),
        "committedDate": described["committer"]["date"],
        "authoredDate": described["author"]["date"],
        "authors": [{"name": described["author"]["name"], "email": described["author"]["email"]}],
        "statuses": [s for s in call.store.statuses_of(_repository(call, value)) if s.sha == sha],
    }


def _committer(call: Call, value: Mapping[str, Any], _: Given) -> Account | None:
    """The user whose login is the name of the author; None: nobody's."""
    return call.store.user(value["name"])


def _rollup(_call: Call, value: Mapping[str, Any], _: Given) -> dict[str, Any] | None:
    """The last status of each context; None without any."""
    last = {status.context: status for status in value["statuses"]}
    if not last:
        return None
    states = {status.state for status in last.values()}
    worst = next((state for state in ("failure", "error", "pending") if state in states), "success")
    return {"state": CHECK_STATES[worst], "contexts": [Typed("StatusContext", one) for one in last.values()]}


def _mergeable(call: Call, value: PullRequest, _: Given) -> str:
    return {"DIRTY": "CONFLICTING", "UNKNOWN": "UNKNOWN"}.get(_merge_state(call, value, _), "MERGEABLE")


def _merge_state(call: Call, value: PullRequest, _: Given) -> str:
    """What the rules say to a merge by the caller now: CLEAN, BLOCKED, DIRTY (conflicts) or UNKNOWN (closed)."""
    repository = _repository(call, value)
    git = call.git(repository)
    base, head = git.resolve(HEADS + value.base), git.resolve(HEADS + value.head)
    if value.state != "open" or base is None or head is None:
        return "UNKNOWN"
    try:
        merged = merge_commit(git, base, head, "A test merge", FORGE)
    except ConflictError:
        return "DIRTY"
    update = RefUpdate(HEADS + value.base, base, merged)
    verdict = preview(call.store, git, call.identity, repository, update, value, "merge")
    return "CLEAN" if verdict.allowed and not verdict.bypassed else "BLOCKED"


def _decision(call: Call, value: PullRequest, _: Given) -> str | None:
    """What the reviews amount to; None where no rule asks for any."""
    repository = _repository(call, value)
    rules = [r for rs in governing(call.store, repository, HEADS + value.base) for r in rs.rules]
    needed = [r["parameters"]["required_approving_review_count"] for r in rules if r["type"] == "pull_request"]
    if not any(needed):
        return None
    states = [review["state"] for review in standing(call.store, repository, value).values()]
    if "CHANGES_REQUESTED" in states:
        return "CHANGES_REQUESTED"
    return "APPROVED" if states.count("APPROVED") >= max(needed) else "REVIEW_REQUIRED"


def _diff(call: Call, value: PullRequest, _: Given) -> dict[str, int]:
    git = call.git(_repository(call, value))
    head = f"refs/pull/{value.number}/head"
    lines = git.run("diff", "--numstat", f"{HEADS}{value.base}...{head}").splitlines()
    counts = [line.split("\t")[:2] for line in lines]
    added, removed = (sum(int(pair[side]) for pair in counts if pair[side] != "-") for side in (0, 1))
    return {"additions": added, "deletions": removed, "changedFiles": len(lines)}


def _part_of_diff(name: str) -> Field:
    return Field(lambda call, value, given: _diff(call, value, given)[name])


def _review(call: Call, value: PullRequest, review: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": shapes.node_id("PRR", review["id"]),
        "author": _author(call, review["user_id"]),
        "authorAssociation": "MEMBER",
        "submittedAt": timestamp(review["submitted_at"]),
        "body": "",
        "state": review["state"],
        "commit": {"oid": review["commit_id"]},
        "url": _url(call, value),
    }


def _reviews(call: Call, value: PullRequest, _: Given) -> list[dict[str, Any]]:
    return [_review(call, value, review) for review in value.reviews]


def _latest_reviews(call: Call, value: PullRequest, _: Given) -> list[dict[str, Any]]:
    last = {review["user_id"]: review for review in value.reviews}
    return [_review(call, value, review) for review in last.values()]


NO_REACTIONS = constant([], "ReactionGroup")
PULL_REQUEST: Mapping[str, Field] = {
    "id": Field(lambda _call, value, _: shapes.node_id("PR", value.id)),
    "number": attribute("number"),
    "title": attribute("title"),
    "body": attribute("body"),
    "state": Field(lambda _call, value, _: STATES[value.state]),
    "closed": Field(lambda _call, value, _: value.state != "open"),
    "isDraft": constant(value=False),
    "url": Field(lambda call, value, _: _url(call, value)),
    "createdAt": Field(lambda _call, value, _: timestamp(value.created_at)),
    "author": Field(lambda call, value, _: _author(call, value.author_id), "Actor"),
    "repository": Field(_repository, "Repository"),
    "baseRefName": attribute("base"),
    "baseRefOid": _tip("base"),
    "headRefName": attribute("head"),
    "headRefOid": _tip("head"),
    "headRepository": Field(_repository, "Repository"),
    "headRepositoryOwner": Field(
        lambda call, value, given: owner_of(call, _repository(call, value, given)), "RepositoryOwner"
    ),
    "isCrossRepository": constant(value=False),
    "maintainerCanModify": constant(value=False),
    "mergeable": Field(_mergeable),
    "mergeStateStatus": Field(_merge_state),
    "reviewDecision": Field(_decision),
    "additions": _part_of_diff("additions"),
    "deletions": _part_of_diff("deletions"),
    "changedFiles": _part_of_diff("changedFiles"),
    "commits": connection("PullRequestCommit", _commits),
    "reviews": connection("PullRequestReview", _reviews),
    "latestReviews": connection("PullRequestReview", _latest_reviews),
    "reviewRequests": none_of("ReviewRequest"),
    "assignees": none_of("User"),
    "labels": none_of("Label"),
    "comments": none_of("IssueComment"),
    "milestone": constant(None, "Milestone"),
    "autoMergeRequest": constant(None, "AutoMergeRequest"),
    "reactionGroups": NO_REACTIONS,
}

TYPES: Mapping[str, Mapping[str, Field]] = {
    "PullRequest": PULL_REQUEST,
    "PullRequestConnection": connection_type("PullRequest"),
    "PullRequestCommit": {"commit": key("commit", "Commit")},
    "PullRequestCommitConnection": connection_type("PullRequestCommit"),
    "Commit": {
        "oid": key("oid"),
        "abbreviatedOid": key("abbreviatedOid"),
        "message": key("message"),
        "messageHeadline": key("messageHeadline"),
        "messageBody": key("messageBody"),
        "committedDate": key("committedDate"),
        "authoredDate": key("authoredDate"),
        "authors": connection("GitActor", lambda _call, value, _: value["authors"]),
        "statusCheckRollup": Field(_rollup, "StatusCheckRollup"),
    },
    "GitActor": {"name": key("name"), "email": key("email"), "user": Field(_committer, "User")},
    "GitActorConnection": connection_type("GitActor"),
    "StatusCheckRollup": {
        "state": key("state"),
        "contexts": connection("StatusCheckRollupContext", lambda _call, value, _: value["contexts"]),
    },
    "StatusCheckRollupContextConnection": connection_type("StatusCheckRollupContext"),
    "StatusContext": {
        "id": Field(lambda _call, value, _: shapes.node_id("SC", value.id)),
        "context": attribute("context"),
        "state": Field(lambda _call, value, _: CHECK_STATES[value.state]),
        "targetUrl": constant(value=None),
        "description": constant(value=""),
        "createdAt": constant(timestamp(0)),
    },
    # No check runs here, statuses only: the types are known because clients name them.
    "CheckRun": {
        "name": key("name"),
        "status": key("status"),
        "conclusion": key("conclusion"),
        "startedAt": key("startedAt"),
        "completedAt": key("completedAt"),
        "detailsUrl": key("detailsUrl"),
        "checkSuite": key("checkSuite", "CheckSuite"),
    },
    "CheckSuite": {"workflowRun": key("workflowRun", "WorkflowRun")},
    "WorkflowRun": {"workflow": key("workflow", "Workflow")},
    "Workflow": {"name": key("name")},
    "PullRequestReview": {
        "id": key("id"),
        "author": key("author", "Actor"),
        "authorAssociation": key("authorAssociation"),
        "submittedAt": key("submittedAt"),
        "body": key("body"),
        "state": key("state"),
        "commit": key("commit", "Commit"),
        "url": key("url"),
        "reactionGroups": NO_REACTIONS,
    },
    "PullRequestReviewConnection": connection_type("PullRequestReview"),
    "ReviewRequest": {"requestedReviewer": key("requestedReviewer", "RequestedReviewer")},
    "ReviewRequestConnection": connection_type("ReviewRequest"),
    "Team": {"name": key("name"), "slug": key("slug"), "organization": key("organization", "Organization")},
    "IssueComment": {
        **{
            name: key(name)
            for name in (
                *("id", "authorAssociation", "body", "createdAt", "includesCreatedEdit", "isMinimized"),
                *("minimizedReason", "url", "viewerDidAuthor"),
            )
        },
        "author": key("author", "Actor"),
        "reactionGroups": NO_REACTIONS,
    },
    "IssueCommentConnection": connection_type("IssueComment"),
    "ReactionGroup": {"content": key("content"), "users": key("users", "UserConnection")},
    "AutoMergeRequest": {
        **{name: key(name) for name in ("authorEmail", "commitBody", "commitHeadline", "mergeMethod", "enabledAt")},
        "enabledBy": key("enabledBy", "Actor"),
    },
}
ABSTRACT: Mapping[str, tuple[str, ...]] = {
    "RequestedReviewer": ("User", "Bot", "Team"),
    "StatusCheckRollupContext": ("CheckRun", "StatusContext"),
}
