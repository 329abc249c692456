"""`POST /api/graphql`: reads the document, checks it against the tables, answers."""

from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.forge.graphql import mutations, pull_requests, repositories
from gitops_infra.sandbox.forge.graphql.connections import PAGE_INFO, connection
from gitops_infra.sandbox.forge.graphql.execution import Field, Schema, Typed, UnsupportedError, execute
from gitops_infra.sandbox.forge.graphql.language import SyntaxProblem, parse
from gitops_infra.sandbox.forge.identity import IdentityKind
from gitops_infra.sandbox.forge.responses import Refusal, Response
from gitops_infra.sandbox.forge.router import GRAPHQL_PATHS, Call, Routes


def _repository(call: Call, _value: Any, given: Mapping[str, Any]) -> Any:
    return repositories.find(call, given["owner"], given["name"])


def _viewer(call: Call, _value: Any, _: Mapping[str, Any]) -> Any:
    return call.user()


def _owner(call: Call, _value: Any, given: Mapping[str, Any]) -> Typed | None:
    account = call.store.account(given["login"])
    return None if account is None else Typed(account.kind, account)


QUERY: Mapping[str, Field] = {
    "viewer": Field(_viewer, "User"),
    "repository": Field(_repository, "Repository", frozenset({"owner", "name"})),
    "repositoryOwner": Field(_owner, "RepositoryOwner", frozenset({"login"})),
}
IN_REPOSITORY: Mapping[str, Field] = {
    "pullRequest": Field(pull_requests.by_number, "PullRequest", frozenset({"number"})),
    "pullRequests": connection("PullRequest", pull_requests.listed, "states", "baseRefName", "headRefName", "orderBy"),
}
"""Here and not in `repositories`, which knows nothing of pull requests."""

SCHEMA = Schema(
    types={
        **repositories.TYPES,
        **pull_requests.TYPES,
        **mutations.TYPES,
        "Repository": {**repositories.REPOSITORY, **IN_REPOSITORY},
        "Query": QUERY,
        "PageInfo": PAGE_INFO,
    },
    abstract={**repositories.ABSTRACT, **pull_requests.ABSTRACT},
)


def answer(call: Call) -> Response:
    """200 with `data` and `errors`, as GitHub; 401 without a credential. What is not there is an error by name."""
    if call.identity.kind is IdentityKind.ANONYMOUS:
        raise Refusal(401, "This endpoint requires you to be authenticated.")
    body = call.body
    query, variables = body.get("query"), body.get("variables") or {}
    if not isinstance(query, str) or not isinstance(variables, dict):
        return _failed("A query attribute must be specified and must be a string.")
    try:
        return Response(200, execute(SCHEMA, parse(query), call, body.get("operationName") or "", variables))
    except (SyntaxProblem, UnsupportedError) as problem:
        return _failed(str(problem))


def _failed(message: str) -> Response:
    return Response(200, {"errors": [{"message": message}]})


ROUTES: Routes = {("POST", path): answer for path in sorted(GRAPHQL_PATHS)}
