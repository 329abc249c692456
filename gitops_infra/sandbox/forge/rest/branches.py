"""Branches as such: list, look, rename."""

from typing import Any

from gitops_infra.sandbox.forge.git.bare import ABSENT
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Refusal, Response
from gitops_infra.sandbox.forge.rest import commits
from gitops_infra.sandbox.forge.rest.moving import move
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.rulesets import governing

HEADS = "refs/heads/"
MISSING = "Branch not found"


def list_all(call: Call) -> Response:
    """All branches; `protected=true` only those that a ruleset governs."""
    repository = call.repository("contents", "read")
    refs = call.git(repository).refs(HEADS)
    found = (_head(call, repository, ref.removeprefix(HEADS), sha) for ref, sha in refs.items())
    wanted = {"true": True, "false": False}.get(call.query.get("protected", ""))
    return call.page(branch for branch in found if wanted in (None, branch["protected"]))


def get(call: Call) -> Response:
    """One branch with its last commit."""
    repository = call.repository("contents", "read")
    name = call["branch"]
    sha = call.git(repository).resolve(HEADS + name)
    if sha is None:
        raise Refusal(404, MISSING)
    body = _head(call, repository, name, sha)
    return Response(200, {**body, "commit": commits.describe(call, repository, sha)})


def rename(call: Call) -> Response:
    """Gives a branch another name: the new one must be creatable and the old one deletable by the rules."""
    repository = call.repository("contents", "write")
    git, old = call.git(repository), call["branch"]
    new = call.fields("Branch", {"new_name": str}, required="new_name")["new_name"]
    sha = git.resolve(HEADS + old)
    if sha is None:
        raise Refusal(404, MISSING)
    if not git.valid_ref(HEADS + new):
        raise Refusal(422, "New branch name is invalid")
    if git.resolve(HEADS + new):
        raise Refusal(422, "New branch already exists")
    is_default = repository.default_branch == old
    if is_default:
        call.repository("administration", "write")
    move(call, repository, HEADS + new, None, sha)
    if is_default:
        git.set_head(new)
        repository.default_branch = new
        call.store.save(repository)
    try:
        move(call, repository, HEADS + old, sha, None)
    except Refusal:
        _undo(call, repository, old, new, sha)
        raise
    return Response(201, {**_head(call, repository, new, sha), "commit": commits.describe(call, repository, sha)})


def _undo(call: Call, repository: Repository, old: str, new: str, sha: str) -> None:
    """Takes the new name back when the old one may not go: a rename happens as a whole or not."""
    git = call.git(repository)
    if repository.default_branch == new:
        git.set_head(old)
        repository.default_branch = old
        call.store.save(repository)
    git.update_ref(HEADS + new, ABSENT, sha)


def _head(call: Call, repository: Repository, name: str, sha: str) -> dict[str, Any]:
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}"
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
        "protected": bool(governing(call.store, repository, HEADS + name)),
    }


_ROOT = "/repos/{owner}/{repo}/branches"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("POST", f"{_ROOT}/{{branch}}/rename"): rename,
    ("GET", f"{_ROOT}/{{branch+}}"): get,
}
