"""Commits: list, look, compare, and as git objects."""

from typing import Any

from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Refusal, Response, not_found
from gitops_infra.sandbox.forge.rest import shapes
from gitops_infra.sandbox.forge.rest.moving import not_empty
from gitops_infra.sandbox.forge.router import Call, Routes

FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
WORDS = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
"""`git diff-tree` letters -> what GitHub calls the change of a file."""
COMPARED = 250


def list_all(call: Call) -> Response:
    """Commits reachable from `sha` (default: the default branch), newest first; `path` narrows to a file or folder."""
    repository = call.repository("contents", "read")
    git = not_empty(call, repository)
    start = resolved(git, call.query.get("sha") or f"refs/heads/{repository.default_branch}")
    if start is None:
        raise not_found()
    paths = ["--", call.query["path"]] if call.query.get("path") else ["--"]
    found = git.run("rev-list", start, *paths).splitlines()
    answer = call.page(found)
    return Response(200, [describe(call, repository, sha) for sha in answer.body], answer.headers)


def get(call: Call) -> Response:
    """One commit by id, branch or tag, with the files it changed against its first parent."""
    repository = call.repository("contents", "read")
    git = not_empty(call, repository)
    sha = resolved(git, call["ref"])
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {call['ref']}")
    return Response(200, {**describe(call, repository, sha), "files": _files(git, sha)})


def get_object(call: Call) -> Response:
    """The bare git object, only by its full id."""
    repository = call.repository("contents", "read")
    git = not_empty(call, repository)
    if git.commit_id(call["sha"]) != call["sha"]:
        raise not_found()
    described = describe(call, repository, call["sha"])
    return Response(200, {**described["commit"], "sha": described["sha"], "parents": described["parents"]})


def compare(call: Call) -> Response:
    """How far `base...head` are apart; `status` is ahead, behind, diverged or identical."""
    repository = call.repository("contents", "read")
    git = not_empty(call, repository)
    base_name, dots, head_name = call["basehead"].partition("...")
    base, head = resolved(git, base_name), resolved(git, head_name)
    if not dots or base is None or head is None:
        raise not_found()
    ahead, behind = git.commits(f"{base}..{head}"), git.commits(f"{head}..{base}")
    words = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    return Response(
        200,
        {
            "status": words[(bool(ahead), bool(behind))],
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [describe(call, repository, sha) for sha in reversed(ahead[:COMPARED])],
            "base_commit": describe(call, repository, base),
        },
    )


def resolved(git: BareRepository, name: str) -> str | None:
    """The commit of a full id, branch or tag; an abbreviation or an expression such as `main~1` is none."""
    if git.commit_id(name) == name:
        return name
    found = (git.commit_id(ref) for ref in (name, f"refs/heads/{name}", f"refs/tags/{name}") if git.valid_ref(ref))
    return next((sha for sha in found if sha), None)


def describe(call: Call, repository: Repository, sha: str) -> dict[str, Any]:
    """The commit as it stands in lists."""
    git = call.git(repository)
    parts = git.run("show", "--no-patch", f"--format={FORMAT}", sha).split("\0", 9)
    _, tree, parents, author, author_email, authored, committer, committer_email, committed, message = parts
    url = f"{call.api_url}/repos/{call.store.full_name(repository)}"
    return {
        "sha": sha,
        "node_id": shapes.node_id("C", repository.id) + sha,
        "url": f"{url}/commits/{sha}",
        "html_url": f"{call.base_url}/{call.store.full_name(repository)}/commit/{sha}",
        "commit": {
            "url": f"{url}/git/commits/{sha}",
            "author": {"name": author, "email": author_email, "date": authored},
            "committer": {"name": committer, "email": committer_email, "date": committed},
            "message": message.rstrip("\n"),
            "tree": {"sha": tree, "url": f"{url}/git/trees/{tree}"},
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
        },
        "author": _account(call, author),
        "committer": _account(call, committer),
        "parents": [{"sha": parent, "url": f"{url}/commits/{parent}"} for parent in parents.split()],
    }


def _account(call: Call, name: str) -> dict[str, Any] | None:
    user = call.store.user(name)
    return None if user is None else shapes.account(call, user)


def _files(git: BareRepository, sha: str) -> list[dict[str, str]]:
    changes = git.run(
        "diff-tree",
        "--root",
        "-m",
        "--first-parent",
        "--no-commit-id",
        "--no-renames",
        "-r",
        "-z",
        "--name-status",
        sha,
    )
    parts = changes.split("\0")
    pairs = zip(parts[::2], parts[1::2], strict=False)  # a final separator leaves one part over
    return [{"filename": path, "status": WORDS.get(letter, "changed")} for letter, path in pairs]


_ROOT = "/repos/{owner}/{repo}"
ROUTES: Routes = {
    ("GET", f"{_ROOT}/commits"): list_all,
    ("GET", f"{_ROOT}/git/commits/{{sha}}"): get_object,
    ("GET", f"{_ROOT}/compare/{{basehead+}}"): compare,
}
LAST_ROUTES: Routes = {("GET", f"{_ROOT}/commits/{{ref+}}"): get}
"""A branch name may have slashes: to be matched after `/commits/{ref}/status` and its like."""
