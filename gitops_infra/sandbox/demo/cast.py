"""The people, the App and the repository that the demo plays with."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.client import IDENTITY, Clone, TokenCredential
from gitops_infra.sandbox.forge.daemon import ORGANIZATION as OWNER
from gitops_infra.sandbox.forge.daemon import PROVISIONER, seed
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

DEVELOPER, MAINTAINER, APPROVER, ADMIN = "dana", "mara", "rita", "olivia"
"""Dana writes, Mara reviews and merges, Rita approves production, Olivia owns the organisation."""


class NotARepository(ValueError):  # noqa: N818 - says what is wrong; the name is not shown
    """The path cannot serve as the demo's application. The text is one line with the remedy."""


@dataclass(frozen=True)
class Cast:
    """A seeded forge, and what each actor authenticates with."""

    sandbox: Sandbox
    application: str
    """Name of the application repository, without the owner."""
    default_branch: str
    code_owners: bool
    provisioner: str
    """Installation token of the App."""
    people: dict[str, TokenCredential]

    @property
    def full_name(self) -> str:
        """`owner/name` of the application repository."""
        return f"{OWNER}/{self.application}"

    def topology(self) -> Topology:
        """Staging, production and review of the application, as a team would write them."""
        return validate(
            {
                "owner": OWNER,
                "github_plan": "enterprise",
                "application": {
                    "name": self.application,
                    "existing": True,
                    "visibility": "private",
                    "default_branch": self.default_branch,
                    "code_owners": self.code_owners,
                },
                "environments": [
                    {"name": "staging", "variables": {"LOG_LEVEL": "debug"}},
                    {"name": "production", "reviewers": [{"team": "platform"}], "variables": {"LOG_LEVEL": "warning"}},
                    {"name": "review"},
                ],
            }
        )


def assemble(sandbox: Sandbox, source: Path) -> Cast:
    """A forge with an organisation, its people and the application with its whole history.

    `source` is a git repository, or a folder of files, which gets a first commit. Raises NotARepository.
    """
    seed(sandbox)
    name = _repository_name(source)
    with tempfile.TemporaryDirectory(prefix="gitops-infra-demo-") as scratch:
        repository = sandbox.add_repository(f"{OWNER}/{name}", source=_history(source, Path(scratch)))
    full_name, branch = f"{OWNER}/{name}", repository.default_branch
    sandbox.grant(full_name, f"{OWNER}/developers", "write")
    sandbox.grant(full_name, f"{OWNER}/platform", "maintain")
    people = {login: TokenCredential(sandbox.token(login)) for login in (DEVELOPER, MAINTAINER, APPROVER, ADMIN)}
    with tempfile.TemporaryDirectory(prefix="gitops-infra-demo-") as scratch:
        clone = Clone.of(sandbox.http_url(full_name), Path(scratch) / "clone", people[DEVELOPER])
        owned = any(
            clone.git("ls-tree", "--name-only", f"origin/{branch}", path)
            for path in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
        )
    return Cast(sandbox, name, branch, owned, sandbox.app_token(PROVISIONER), people)


def _repository_name(source: Path) -> str:
    name = source.resolve().name.removesuffix(".git")
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-" for letter in name)
    return kept.strip("-.")[:80] or "application"


def _history(source: Path, scratch: Path) -> Path:
    """A repository with the history to import: `source` itself, or a new one with its files."""
    if not source.is_dir():
        raise NotARepository(f"{source} is not a folder; name a git repository with --repo")
    if _is_repository(source):
        if not _has_commits(source):
            raise NotARepository(f"{source} has no commit yet; make one, or name another repository with --repo")
        return source
    if not any(path.is_file() for path in source.rglob("*")):
        raise NotARepository(f"{source} is empty; name a git repository with --repo")
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
