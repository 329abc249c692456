"""What is wrong in a repository's CODEOWNERS file."""

from typing import Any

from gitops_infra.sandbox.forge import codeowners
from gitops_infra.sandbox.forge.codeowners import Problem
from gitops_infra.sandbox.forge.identity import of_user, role
from gitops_infra.sandbox.forge.model import Repository, Role
from gitops_infra.sandbox.forge.responses import Response, not_found
from gitops_infra.sandbox.forge.rest import commits
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.store import Store


def errors(call: Call) -> Response:
    """Every problem of the file on the default branch, or on `ref`. 404 without a file there.

    Source: GitHub REST, "List CODEOWNERS errors". A mail address is never complained about: addresses are not known
    here.
    """
    repository = call.repository("contents", "read")
    git = call.git(repository)
    revision = commits.resolved(git, call.query.get("ref") or repository.default_branch)
    found = codeowners.find(git, revision) if revision else None
    if found is None:
        raise not_found()
    path, text = found
    problems = codeowners.problems(text, lambda owner: lacking(call.store, repository, owner))
    return Response(200, {"errors": [_error(problem, path) for problem in problems]})


def lacking(store: Store, repository: Repository, owner: str) -> str | None:
    """What `@login` or `@org/team` needs to be a code owner, in GitHub's words, or None."""
    login, slash, slug = owner.removeprefix("@").partition("/")
    if slash:
        account = store.account(login)
        team = account and store.team(account, slug)
        held = team.repositories.get(repository.id) if team and team.organization_id == repository.owner_id else None
        if team and team.privacy != "secret" and held and held.at_least(Role.WRITE):
            return None
        return f"make sure the team {owner} exists, is publicly visible, and has write access to the repository"
    user = store.user(login)
    held = role(store, of_user(user), repository) if user else None
    if held and held.at_least(Role.WRITE):
        return None
    return f"make sure {owner} exists and has write access to the repository"


def _error(problem: Problem, path: str) -> dict[str, Any]:
    detail = f": {problem.suggestion}" if problem.suggestion else ":"
    marker = " " * (problem.column - 1) + "^"
    return {
        "line": problem.line,
        "column": problem.column,
        "kind": problem.kind,
        "source": problem.source,
        "suggestion": problem.suggestion,
        "message": f"{problem.kind} on line {problem.line}{detail}\n\n  {problem.source}\n  {marker}",
        "path": path,
    }


ROUTES: Routes = {("GET", "/repos/{owner}/{repo}/codeowners/errors"): errors}
