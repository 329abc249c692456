"""The people, the App and the repository that the demo plays with."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops_infra.sandbox.application import add_application
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.daemon import ORGANIZATION as OWNER
from gitops_infra.sandbox.forge.daemon import PROVISIONER, seed
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

CONFIG_MAP = "shop"
"""Name of the ConfigMap in which a release can be seen: the example application's."""

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
    has_manifests: bool
    """Whether the application has a ConfigMap for each environment, as the example has. Else the demo adds one."""

    @property
    def full_name(self) -> str:
        """`owner/name` of the application repository."""
        return f"{OWNER}/{self.application}"

    def manifests(self, environment: str, release: str) -> dict[str, str]:
        """Files of a change that tells of the release in that environment's ConfigMap, by path."""
        told = {"GREETING": f"welcome to {environment}", "RELEASE": release}
        data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}, "data": told}
        name = "configmap.yaml" if self.has_manifests else "release.yaml"
        return {f"{self._folder}/{environment}/{name}": f"{json.dumps(data, indent=2)}\n"}

    @property
    def _folder(self) -> str:
        return "deploy" if self.has_manifests else "gitops-infra-demo"

    def topology(self, clusters: Mapping[str, str] | None = None) -> Topology:
        """Staging, production and review of the application, as a team would write them.

        `clusters` gives the address of the webhook receivers by cluster: each environment is in the one of its name.
        """
        staging, production = ({"manifests": f"{self._folder}/{name}"} for name in ("staging", "production"))
        if clusters is not None:
            staging, production = {**staging, "cluster": "staging"}, {**production, "cluster": "production"}
        return validate(
            {
                "owner": OWNER,
                "github_plan": "enterprise",
                "known_hosts": [self.sandbox.known_hosts],
                "clusters": [{"name": name, "receiver_url": url} for name, url in (clusters or {}).items()],
                "application": {
                    "name": self.application,
                    "existing": True,
                    "visibility": "private",
                    "default_branch": self.default_branch,
                    "code_owners": self.code_owners,
                },
                "environments": [
                    {"name": "staging", "variables": {"LOG_LEVEL": "debug"}, **staging},
                    {
                        "name": "production",
                        "reviewers": [{"team": "platform"}],
                        "variables": {"LOG_LEVEL": "warning"},
                        **production,
                    },
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

        def has(path: str) -> bool:
            return bool(clone.git("ls-tree", "--name-only", f"origin/{branch}", path))

        owned = any(has(path) for path in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"))
        example = all(has(f"deploy/{each}/configmap.yaml") for each in ("staging", "production"))
    return Cast(sandbox, name, branch, owned, sandbox.app_token(PROVISIONER), people, example)
