"""Forks: repositories that start with the whole history of another one and stay connected with it."""

from gitops_infra.sandbox.forge.git.bare import ABSENT
from gitops_infra.sandbox.forge.identity import role
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Refusal, Response
from gitops_infra.sandbox.forge.rest import repositories
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS = {"organization": str, "name": str, "default_branch_only": bool}


def create(call: Call) -> Response:
    """A new fork for the user, or for `organization`; 202, and complete when the answer is sent.

    It is as visible as its parent. A private repository can be forked where its setting `allow_forking` is on. A fork
    into an account that has one already gets a name of its own here; GitHub's answer to that is not confirmed.
    Source: GitHub REST, "Create a fork".
    """
    parent = call.repository("contents", "read")
    body = call.fields("Fork", FIELDS)
    if parent.visibility != "public" and not parent.settings.get("allow_forking"):
        raise Refusal(403, "Forking is disabled for this repository")
    owner = repositories.future_owner(call, body.get("organization"))
    branch = parent.default_branch
    fork = repositories.make(
        call.store, owner, body.get("name") or parent.name, visibility=parent.visibility, default_branch=branch
    )
    git = call.git(fork)
    git.import_from(call.git(parent).path)
    if body.get("default_branch_only"):
        for ref, sha in git.refs().items():
            if ref != f"refs/heads/{branch}":
                git.update_ref(ref, ABSENT, sha)
    fork.parent_id = parent.id
    fork.settings["description"] = parent.settings.get("description")
    repositories.welcome(call, owner, fork)
    return Response(202, repositories.full_shape(call, fork))


def list_all(call: Call) -> Response:
    """The repository's direct forks that the identity can see."""
    parent = call.repository()
    found = (fork for fork in call.store.repositories.values() if fork.parent_id == parent.id)
    return call.page(repositories.shape(call, fork) for fork in found if _visible(call, fork))


def _visible(call: Call, fork: Repository) -> bool:
    return role(call.store, call.identity, fork) is not None


ROUTES: Routes = {
    ("GET", "/repos/{owner}/{repo}/forks"): list_all,
    ("POST", "/repos/{owner}/{repo}/forks"): create,
}
