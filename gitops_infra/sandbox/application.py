"""An application of the user's in the sandbox forge: a local repository with its history, or a folder of files."""

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_infra.sandbox.client import IDENTITY, Clone
from gitops_infra.sandbox.forge.daemon import ORGANIZATION

if TYPE_CHECKING:
    from gitops_infra.sandbox.forge.control import RemoteSandbox
    from gitops_infra.sandbox.forge.model import Repository
    from gitops_infra.sandbox.forge.server import Sandbox


class NotARepository(ValueError):  # noqa: N818 - says what is wrong; the name is not shown
    """The path cannot serve as an application. The text is one line with the remedy."""


def add_application(
    forge: "Sandbox | RemoteSandbox", source: Path, name: str | None = None, visibility: str = "private"
) -> "Repository":
    """The repository `name` (default: the folder's) of the sandbox's organisation, with the history of `source`.

    Developers may write to it and the platform team maintains it. `source` is a git repository, of which all branches
    and tags are taken, or a folder of files, which gets a first commit; it is not changed. Raises NotARepository.
    """
    full_name = f"{ORGANIZATION}/{name or _repository_name(source)}"
    with tempfile.TemporaryDirectory(prefix="gitops-infra-") as scratch:
        repository: Repository = forge.add_repository(
            full_name, source=_history(source, Path(scratch)), visibility=visibility
        )
    forge.grant(full_name, f"{ORGANIZATION}/developers", "write")
    forge.grant(full_name, f"{ORGANIZATION}/platform", "maintain")
    return repository


def _repository_name(source: Path) -> str:
    name = source.resolve().name.removesuffix(".git")
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-" for letter in name)
    return kept.strip("-.")[:80] or "application"


def _history(source: Path, scratch: Path) -> Path:
    """A repository with the history to import: `source` itself, or a new one with its files."""
    if not source.is_dir():
        raise NotARepository(f"{source} is not a folder; name a git repository")
    if _is_repository(source):
        if not _has_commits(source):
            raise NotARepository(f"{source} has no commit yet; make one, or name another repository")
        return source
    if not any(path.is_file() for path in source.rglob("*")):
        raise NotARepository(f"{source} is empty; name a git repository")
    made = Clone.empty(scratch / "application")
    made.git("--work-tree", str(source.resolve()), "add", "--all", ".")
    tree = made.git("write-tree")
    made.git("update-ref", "refs/heads/main", made.git("commit-tree", tree, "-m", "The application", extra=IDENTITY))
    made.git("tag", "v1.0.0", "refs/heads/main")
    return made.directory


def _is_repository(source: Path) -> bool:
    """Whether `source` itself is a repository, not merely inside of one."""
    return (source / ".git").exists() or ((source / "HEAD").is_file() and (source / "objects").is_dir())


def _has_commits(source: Path) -> bool:
    command = ["git", "-C", str(source), "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
