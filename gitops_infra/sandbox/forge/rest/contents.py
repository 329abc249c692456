"""Files by REST: read, and write as a commit on a branch."""

import base64
import binascii
from dataclasses import replace
from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository, Person, TreeEntry
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Refusal, Response, not_found
from gitops_infra.sandbox.forge.rest import commits
from gitops_infra.sandbox.forge.rest.moving import author_of, move
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS = {"message": str, "content": str, "sha": str, "branch": str, "author": dict, "committer": dict}
README_FOLDERS = (".github", "", "docs")
MALFORMED = "path contains a malformed path component"
INLINE_LIMIT = 1024 * 1024
"""Bytes up to which a file's content is in the answer. Source: GitHub REST, contents."""


def get(call: Call) -> Response:
    """A file with its content, or the entries of a folder, at `ref` (default: the default branch)."""
    repository = call.repository("contents", "read")
    git, path = call.git(repository), call.parameters.get("path", "").strip("/")
    ref = call.query.get("ref") or repository.default_branch
    sha = commits.resolved(git, ref)
    if sha is None:
        raise Refusal(404, f"No commit found for the ref {ref}" if not git.empty() else "This repository is empty.")
    entry = _entry(git, sha, path) if path else None
    if path and entry is None:
        raise not_found()
    if entry is None or entry.type == "tree":
        return Response(200, [_describe(call, repository, found, ref) for found in git.tree(sha, path)])
    content = git.file(sha, path) or b""
    inline = len(content) <= INLINE_LIMIT
    encoded = base64.encodebytes(content).decode() if inline else ""
    body = _describe(call, repository, entry, ref)
    return Response(200, {**body, "encoding": "base64" if inline else "none", "content": encoded})


def readme(call: Call) -> Response:
    """The README that GitHub shows: of `.github`, else of the root, else of `docs`, in any case of letters."""
    repository = call.repository("contents", "read")
    git = call.git(repository)
    sha = commits.resolved(git, call.query.get("ref") or repository.default_branch)
    for folder in README_FOLDERS if sha else ():
        for entry in git.tree(str(sha), folder):
            if entry.type == "blob" and entry.path.rpartition("/")[2].lower().partition(".")[0] == "readme":
                return get(replace(call, parameters={**call.parameters, "path": entry.path}))
    raise not_found()


def put(call: Call) -> Response:
    """Adds a file (201), or replaces it when `sha` names its present blob (200)."""
    repository, body, branch, path = _write(call, "message content")
    git = call.git(repository)
    try:
        content = base64.b64decode(body["content"].replace("\n", ""), validate=True)
    except binascii.Error:
        raise Refusal(422, "content is not valid Base64") from None
    # Read before the commit is made: a push in between then fails the compare-and-swap, not the file's history.
    before = git.resolve(f"refs/heads/{branch}")
    known = _check_blob(git, branch, path, body.get("sha"), deleting=False)
    author, committer = _people(call, body)
    try:
        commit = git.write_file(branch, path, content, body["message"], author, committer)
    except ValueError:
        raise Refusal(422, MALFORMED) from None
    entry = _entry(git, commit, path)
    if entry is None:  # git leaves out what it must not store, such as `.git/config`
        raise Refusal(422, MALFORMED)
    move(call, repository, f"refs/heads/{branch}", before, commit, conflict=409)
    described = _describe(call, repository, entry, branch)
    return Response(200 if known else 201, {"content": described, **_commit(call, repository, commit)})


def delete(call: Call) -> Response:
    """Removes the file whose present blob `sha` names."""
    repository, body, branch, path = _write(call, "message sha")
    git = call.git(repository)
    before = git.resolve(f"refs/heads/{branch}")
    _check_blob(git, branch, path, body["sha"], deleting=True)
    commit = git.delete_file(branch, path, body["message"], *_people(call, body))
    move(call, repository, f"refs/heads/{branch}", before, commit, conflict=409)
    return Response(200, {"content": None, **_commit(call, repository, commit)})


def _write(call: Call, required: str) -> tuple[Repository, dict[str, Any], str, str]:
    repository = call.repository("contents", "write")
    body = call.fields("Content", FIELDS, required=required) if call.request.content else _from_query(call, required)
    branch, git = body.get("branch") or repository.default_branch, call.git(repository)
    if not git.valid_ref(f"refs/heads/{branch}"):
        raise Refusal(422, f"{branch} is not a branch name")
    if git.resolve(f"refs/heads/{branch}") is None and not git.empty():
        raise Refusal(404, f"Branch {branch} not found")
    return repository, body, branch, call["path"]


def _from_query(call: Call, required: str) -> dict[str, Any]:
    """A DELETE may carry its fields in the query."""
    missing = [name for name in required.split() if not call.query.get(name)]
    if missing:
        raise Refusal(422, f"Invalid request.\n\n{', '.join(repr(name) for name in missing)} wasn't supplied.")
    return dict(call.query)


def _check_blob(git: BareRepository, branch: str, path: str, sha: str | None, *, deleting: bool) -> TreeEntry | None:
    entry = _entry(git, f"refs/heads/{branch}", path)
    if entry is None:
        if deleting:
            raise not_found()
        return None
    if sha is None:
        raise Refusal(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if sha != entry.sha:
        raise Refusal(409, f"{path} does not match {sha}")
    return entry


def _people(call: Call, body: dict[str, Any]) -> tuple[Person, Person]:
    own = author_of(call)
    committer = _person(body.get("committer"), own)
    return _person(body.get("author"), committer), committer


def _person(given: dict[str, Any] | None, default: Person) -> Person:
    if given is None:
        return default
    if not isinstance(given.get("name"), str) or not isinstance(given.get("email"), str):
        raise Refusal(422, 'Invalid request.\n\n"email", "name" weren\'t supplied.')
    return Person(given["name"], given["email"], given.get("date"))


def _entry(git: BareRepository, revision: str, path: str) -> TreeEntry | None:
    folder = path.rpartition("/")[0]
    return next((entry for entry in git.tree(revision, folder) if entry.path == path), None)


def _describe(call: Call, repository: Repository, entry: TreeEntry, ref: str) -> dict[str, Any]:
    full_name = call.store.full_name(repository)
    # Clients cut the ref out of this address: without `?ref=` the Terraform provider crashes.
    url = f"{call.api_url}/repos/{full_name}/contents/{entry.path}?ref={ref}"
    git_url = f"{call.api_url}/repos/{full_name}/git/{entry.type}s/{entry.sha}"
    html_url = f"{call.base_url}/{full_name}/blob/{ref}/{entry.path}"
    return {
        "type": {"tree": "dir", "commit": "submodule"}.get(entry.type, "file"),
        "name": entry.path.rpartition("/")[2],
        "path": entry.path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "url": url,
        "git_url": git_url,
        "html_url": html_url,
        "download_url": None,
        "_links": {"self": url, "git": git_url, "html": html_url},
    }


def _commit(call: Call, repository: Repository, sha: str) -> dict[str, Any]:
    described = commits.describe(call, repository, sha)
    return {"commit": {**described["commit"], "sha": sha, "parents": described["parents"]}}


_ROOT = "/repos/{owner}/{repo}/contents"
ROUTES: Routes = {
    ("GET", "/repos/{owner}/{repo}/readme"): readme,
    ("GET", _ROOT): get,
    ("GET", f"{_ROOT}/"): get,
    ("GET", f"{_ROOT}/{{path+}}"): get,
    ("PUT", f"{_ROOT}/{{path+}}"): put,
    ("DELETE", f"{_ROOT}/{{path+}}"): delete,
}
