"""The people, the App and the repository that the demo plays with."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.application import add_application
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.daemon import ORGANIZATION as OWNER
from gitops_infra.sandbox.forge.daemon import PROVISIONER, seed
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

DEVELOPER, MAINTAINER, APPROVER, ADMIN = "dana", "mara", "rita", "olivia"
"""Dana writes, Mara reviews and merges, Rita approves production, Olivia owns the organisation."""


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
    repository = add_application(sandbox, source)
    name, branch = repository.name, repository.default_branch
    full_name = f"{OWNER}/{name}"
    people = {login: TokenCredential(sandbox.token(login)) for login in (DEVELOPER, MAINTAINER, APPROVER, ADMIN)}
    with tempfile.TemporaryDirectory(prefix="gitops-infra-demo-") as scratch:
        clone = Clone.of(sandbox.http_url(full_name), Path(scratch) / "clone", people[DEVELOPER])
        owned = any(
            clone.git("ls-tree", "--name-only", f"origin/{branch}", path)
            for path in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
        )
    return Cast(sandbox, name, branch, owned, sandbox.app_token(PROVISIONER), people)
