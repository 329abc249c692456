"""What a client may change through GraphQL: open, review, merge, close and reopen pull requests."""

from collections.abc import Callable, Mapping
from typing import Any

from gitops_infra.sandbox.forge import pulls
from gitops_infra.sandbox.forge.graphql import pull_requests, repositories
from gitops_infra.sandbox.forge.graphql.connections import key
from gitops_infra.sandbox.forge.graphql.execution import Field
from gitops_infra.sandbox.forge.model import PullRequest
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.router import Call

Input = Mapping[str, Any]


def _create(call: Call, given: Input) -> dict[str, Any]:
    repository = repositories.of_node(call, given["repositoryId"])
    if given.get("draft"):
        raise Refusal(422, "stand-in has no draft pull requests")
    head, base = str(given["headRefName"]), str(given["baseRefName"])
    pull = pulls.open_pull_request(call.store, call.identity, repository, head, base, given["title"])
    pull.body = given.get("body") or ""
    call.store.save(pull)
    return {"pullRequest": pull}


def _merge(call: Call, given: Input) -> dict[str, Any]:
    pull = pull_requests.of_node(call, given["pullRequestId"])
    method = str(given.get("mergeMethod") or "MERGE").lower()
    result = pulls.merge(call.store, call.identity, pull, method, given.get("expectedHeadOid"))
    if not result.verdict.allowed:
        raise Refusal(422, result.verdict.message)
    return {"pullRequest": pull}


def _review(call: Call, given: Input) -> dict[str, Any]:
    pull = pull_requests.of_node(call, given["pullRequestId"])
    pulls.review(call.store, call.identity, pull, str(given.get("event")))
    return {"pullRequest": pull}


def _close(call: Call, given: Input) -> dict[str, Any]:
    return {"pullRequest": _set_state(call, given, "open", "closed")}


def _reopen(call: Call, given: Input) -> dict[str, Any]:
    return {"pullRequest": _set_state(call, given, "closed", "open")}


def _set_state(call: Call, given: Input, before: str, after: str) -> PullRequest:
    pull = pull_requests.of_node(call, given["pullRequestId"])
    repository = call.store.repositories[pull.repository_id]
    repositories.within(call, repository).repository("pull_requests", "write")
    if pull.state != before:
        raise Refusal(422, f"Could not change the pull request from {pull.state} to {after}")
    pull.state = after
    call.store.save(pull)
    return pull


KNOWN: Mapping[str, tuple[Callable[[Call, Input], dict[str, Any]], str]] = {
    "createPullRequest": (
        _create,
        "repositoryId headRefName baseRefName title body draft maintainerCanModify headRepositoryId",
    ),
    "mergePullRequest": (_merge, "pullRequestId mergeMethod expectedHeadOid"),
    "addPullRequestReview": (_review, "pullRequestId event body"),
    "closePullRequest": (_close, "pullRequestId"),
    "reopenPullRequest": (_reopen, "pullRequestId"),
}
"""Mutation -> what it does, and the fields of `input` that it knows. `body` of a review is not kept."""


def _field(name: str) -> Field:
    work, known = KNOWN[name]

    def run(call: Call, _value: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(given.get("input") or {})
        values.pop("clientMutationId", None)
        if surplus := [one for one, value in values.items() if one not in known.split() and value is not None]:
            raise Refusal(422, f"stand-in has no '{surplus[0]}' in the input of {name}")
        return work(call, values)

    return Field(run, f"{name[0].upper()}{name[1:]}Payload", frozenset({"input"}))


MUTATION: Mapping[str, Field] = {name: _field(name) for name in KNOWN}
TYPES: Mapping[str, Mapping[str, Field]] = {
    "Mutation": MUTATION,
    **{
        field.of: {"pullRequest": key("pullRequest", "PullRequest"), "clientMutationId": Field(lambda *_: None)}
        for field in MUTATION.values()
    },
}
