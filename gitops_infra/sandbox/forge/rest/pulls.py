"""Pull requests: open, list, review, merge, close."""

from typing import Any

from gitops_infra.sandbox.forge import pulls
from gitops_infra.sandbox.forge.model import PullRequest, Repository
from gitops_infra.sandbox.forge.responses import Refusal, Response, invalid, not_found, timestamp
from gitops_infra.sandbox.forge.rest import repositories, shapes
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS = {
    "title": str,
    "head": str,
    "base": str,
    "body": str,
    "draft": bool,
    "maintainer_can_modify": bool,
}
EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
MERGE_METHODS = ("merge", "squash", "rebase")


def list_all(call: Call) -> Response:
    """Pull requests, newest first; `state` (default open), `head` (`owner:branch`) and `base` narrow it."""
    repository = call.repository("pull_requests", "read")
    state, base = call.query.get("state", "open"), call.query.get("base")
    head = call.query.get("head", "").partition(":")[2] or None
    shown = (_pull(call, repository, p) for p in reversed(call.store.pull_requests_of(repository)))
    return call.page(
        p
        for p in shown
        if state in ("all", p["state"]) and base in (None, p["base"]["ref"]) and head in (None, p["head"]["ref"])
    )


def get(call: Call) -> Response:
    """One pull request."""
    repository, pull = _found(call, "read")
    return Response(200, _pull(call, repository, pull))


def create(call: Call) -> Response:
    """Opens a pull request between two branches of the repository."""
    repository = call.repository("pull_requests", "write")
    body = call.fields("PullRequest", FIELDS, required="title head base")
    if body.get("draft"):
        raise invalid("PullRequest", "draft", "stand-in has no draft pull requests")
    head = body["head"].removeprefix(f"{call.store.accounts[repository.owner_id].login}:")
    pull = pulls.open_pull_request(call.store, call.identity, repository, head, body["base"], body["title"])
    pull.body = body.get("body") or ""
    call.store.save(pull)
    return Response(201, _pull(call, repository, pull))


def update(call: Call) -> Response:
    """Changes the title, closes or reopens."""
    repository, pull = _found(call, "write")
    body = call.fields("PullRequest", {"title": str, "state": str, "body": str})
    state = body.get("state") or pull.state
    if state != pull.state:
        if state not in ("open", "closed") or pull.state == "merged":
            raise invalid("PullRequest", "state", f"state cannot be changed from {pull.state} to {state}", "invalid")
        pull.state = state
    pull.title = body.get("title") or pull.title
    pull.body = body["body"] or "" if "body" in body else pull.body
    call.store.save(pull)
    return Response(200, _pull(call, repository, pull))


def check_merged(call: Call) -> Response:
    """204 when it is merged."""
    _, pull = _found(call, "read")
    if pull.state != "merged":
        raise not_found()
    return Response(204)


def merge(call: Call) -> Response:
    """Merges, if the rules of the base branch let the identity. 405 says what is missing, 409 that the head moved."""
    _, pull = _found(call, "write", "contents")  # nothing of pull requests: GitHub REST, "Merge a pull request"
    known = {"commit_title": str, "commit_message": str, "sha": str, "merge_method": str}
    body = call.fields("PullRequest", known)
    method = body.get("merge_method") or "merge"
    if method not in MERGE_METHODS:
        raise invalid("PullRequest", "merge_method", f"{method} is not one of {', '.join(MERGE_METHODS)}", "invalid")
    result = pulls.merge(call.store, call.identity, pull, method, body.get("sha"))
    if not result.verdict.allowed:
        raise Refusal(result.verdict.status, result.verdict.message)
    return Response(200, {"sha": result.sha, "merged": True, "message": "Pull Request successfully merged"})


def list_reviews(call: Call) -> Response:
    """The reviews, oldest first."""
    repository, pull = _found(call, "read")
    return call.page(_review(call, repository, pull, review) for review in pull.reviews)


def create_review(call: Call) -> Response:
    """Reviews with `event` APPROVE, REQUEST_CHANGES or COMMENT."""
    repository, pull = _found(call, "write")
    body = call.fields("PullRequestReview", {"event": str, "body": str, "commit_id": str, "comments": list})
    event = body.get("event") or ""
    if event not in EVENTS or body.get("comments"):
        raise invalid("PullRequestReview", "event", f"event must be one of {', '.join(EVENTS)}, without line comments")
    pulls.review(call.store, call.identity, pull, EVENTS[event])
    return Response(200, _review(call, repository, pull, pull.reviews[-1]))


def _found(call: Call, level: str, permission: str = "pull_requests") -> tuple[Repository, PullRequest]:
    repository = call.repository(permission, level)
    for pull in call.store.pull_requests_of(repository):
        if str(pull.number) == call["number"]:
            return repository, pull
    raise not_found()


def _pull(call: Call, repository: Repository, pull: PullRequest) -> dict[str, Any]:
    full_name, number = call.store.full_name(repository), pull.number
    return {
        "id": pull.id,
        "node_id": shapes.node_id("PR", pull.id),
        "number": number,
        "title": pull.title,
        "body": pull.body or None,
        "state": "open" if pull.state == "open" else "closed",
        "merged": pull.state == "merged",
        "draft": False,
        "user": shapes.account(call, call.store.accounts[pull.author_id])
        if pull.author_id in call.store.accounts
        else None,
        "head": _end(call, repository, pull.head),
        "base": _end(call, repository, pull.base),
        "merge_commit_sha": pull.merge_commit_sha,
        "created_at": timestamp(pull.created_at),
        "url": f"{call.api_url}/repos/{full_name}/pulls/{number}",
        "html_url": f"{call.base_url}/{full_name}/pull/{number}",
    }


def _end(call: Call, repository: Repository, branch: str) -> dict[str, Any]:
    return {
        "ref": branch,
        "label": f"{call.store.accounts[repository.owner_id].login}:{branch}",
        "sha": call.git(repository).resolve(f"refs/heads/{branch}"),
        "repo": repositories.shape(call, repository),
    }


def _review(call: Call, repository: Repository, pull: PullRequest, review: dict[str, Any]) -> dict[str, Any]:
    user = call.store.accounts.get(review["user_id"])
    return {
        "id": review["id"],
        "user": None if user is None else shapes.account(call, user),
        "state": review["state"],
        "commit_id": review["commit_id"],
        "submitted_at": timestamp(review["submitted_at"]),
        "html_url": f"{call.base_url}/{call.store.full_name(repository)}/pull/{pull.number}",
    }


_ROOT = "/repos/{owner}/{repo}/pulls"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("POST", _ROOT): create,
    ("GET", f"{_ROOT}/{{number}}"): get,
    ("PATCH", f"{_ROOT}/{{number}}"): update,
    ("GET", f"{_ROOT}/{{number}}/merge"): check_merged,
    ("PUT", f"{_ROOT}/{{number}}/merge"): merge,
    ("GET", f"{_ROOT}/{{number}}/reviews"): list_reviews,
    ("POST", f"{_ROOT}/{{number}}/reviews"): create_review,
}
