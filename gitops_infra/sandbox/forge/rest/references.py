"""Git refs: branches, tags and other namespaces by their full name."""

from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import NO_CONTENT, Refusal, Response, not_found
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.rest.moving import move, not_empty
from gitops_infra.sandbox.forge.router import Call, Routes

MISSING = "Reference does not exist"


def get(call: Call) -> Response:
    """One ref, given without `refs/`."""
    repository = call.repository("contents", "read")
    git, ref = not_empty(call, repository), f"refs/{call['ref']}"
    sha = git.resolve(ref)
    if sha is None:
        raise not_found()
    return Response(200, _ref(call, repository, git, ref, sha))


def matching(call: Call) -> Response:
    """Refs whose full name starts with the given text."""
    repository = call.repository("contents", "read")
    git, prefix = not_empty(call, repository), f"refs/{call['ref']}"
    found = {ref: sha for ref, sha in git.refs().items() if ref.startswith(prefix)}
    return call.page(_ref(call, repository, git, ref, sha) for ref, sha in found.items())


def get_or_matching(call: Call) -> Response:
    """The older form of both: one ref when the name is exact, else a list of those that start with it, 404 without any.

    GitHub documents it no longer and still answers it. Sources: github/developer.github.com#1024, PyGithub#2992.
    """
    repository = call.repository("contents", "read")
    git, name = not_empty(call, repository), f"refs/{call.parameters.get('ref', '')}"
    if (sha := git.resolve(name)) and not name.endswith("/"):
        return Response(200, _ref(call, repository, git, name, sha))
    found = {ref: sha for ref, sha in git.refs().items() if ref.startswith(name)}
    if not found:
        raise not_found()
    return call.page(_ref(call, repository, git, ref, sha) for ref, sha in found.items())


def create(call: Call) -> Response:
    """A new ref at an object that exists. 422 `Reference already exists` is what clients match on."""
    repository = call.repository("contents", "write")
    git = not_empty(call, repository)
    body = call.fields("Reference", {"ref": str, "sha": str, "key": str}, required="ref sha")
    ref, sha = body["ref"], body["sha"]
    if ref.count("/") < 2 or not git.valid_ref(ref):  # noqa: PLR2004  (refs/heads/name at least)
        raise Refusal(422, "Reference name must start with 'refs' and contain at least two slashes.")
    if git.resolve(ref):
        raise Refusal(422, "Reference already exists")
    _check_object(git, ref, sha)
    move(call, repository, ref, None, sha)
    return Response(201, _ref(call, repository, git, ref, sha))


def update(call: Call) -> Response:
    """Moves a ref; backwards only with `force: true`."""
    repository = call.repository("contents", "write")
    git, ref = not_empty(call, repository), f"refs/{call['ref']}"
    body = call.fields("Reference", {"sha": str, "force": bool}, required="sha")
    before, sha = git.resolve(ref), body["sha"]
    if before is None:
        raise Refusal(422, MISSING)
    _check_object(git, ref, sha)
    if not body.get("force") and not git.is_ancestor(before, sha):
        raise Refusal(422, "Update is not a fast forward")
    if before != sha:
        move(call, repository, ref, before, sha)
    return Response(200, _ref(call, repository, git, ref, sha))


def delete(call: Call) -> Response:
    """Removes a ref."""
    repository = call.repository("contents", "write")
    git, ref = not_empty(call, repository), f"refs/{call['ref']}"
    before = git.resolve(ref)
    if before is None:
        raise Refusal(422, MISSING)
    move(call, repository, ref, before, None)
    return NO_CONTENT


def _check_object(git: BareRepository, ref: str, sha: str) -> None:
    if len(sha) != 40 or git.resolve(f"{sha}^{{object}}") != sha:  # noqa: PLR2004  (a full object id)
        raise Refusal(422, "Object does not exist")
    if ref.startswith("refs/heads/") and git.commit_id(sha) != sha:
        raise Refusal(422, "Object is not a commit")


def _ref(call: Call, repository: Repository, git: BareRepository, ref: str, sha: str) -> dict[str, Any]:
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}/git"
    kind = git.run("cat-file", "-t", sha)
    return {
        "ref": ref,
        "node_id": shapes.node_id("REF", repository.id) + ref,
        "url": f"{url}/{ref}",
        "object": {"sha": sha, "type": kind, "url": f"{url}/{kind}s/{sha}"},
    }


_ROOT = "/repos/{owner}/{repo}/git"
ROUTES: Routes = {
    ("GET", f"{_ROOT}/ref/{{ref+}}"): get,
    ("GET", f"{_ROOT}/matching-refs/{{ref+}}"): matching,
    ("GET", f"{_ROOT}/refs"): get_or_matching,
    ("GET", f"{_ROOT}/refs/{{ref+}}"): get_or_matching,
    ("POST", f"{_ROOT}/refs"): create,
    ("PATCH", f"{_ROOT}/refs/{{ref+}}"): update,
    ("DELETE", f"{_ROOT}/refs/{{ref+}}"): delete,
}
