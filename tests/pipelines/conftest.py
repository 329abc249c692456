"""A plan with staging and production, and the real git repositories of such a delivery on disk."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.plan.build import plan
from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY-KEY\n-----END OPENSSH PRIVATE KEY-----"


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """`make_plan(visibility="private", existing=False, promotions=[...], environments=[...])`."""

    def make(
        visibility: str = "public",
        promotions: list[dict[str, Any]] | None = None,
        environments: list[dict[str, Any]] | None = None,
        **application: Any,
    ) -> Plan:
        usual = [{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform", "id": 7}]}]
        given = {
            "owner": "acme",
            "github_plan": "enterprise",
            "application": {"name": "shop", "visibility": visibility, **application},
            "environments": environments or usual,
            "promotions": promotions,
        }
        return plan(Topology.model_validate(given))

    return make


@dataclass
class Delivery:
    """Bare repositories below `root` as `owner/name.git`, and a runner that knows nothing else of the machine."""

    root: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def server(self) -> str:
        return self.root.as_uri()

    def git(self, repository: str, *args: str) -> str:
        """Standard output of git in that repository."""
        done = subprocess.run(
            ["git", "-C", str(self.root / f"{repository}.git"), *args],
            check=True,
            capture_output=True,
            text=True,
            env=self._environment(),
        )
        return done.stdout.strip()

    def create(self, repository: str) -> None:
        """An empty bare repository."""
        where = self.root / f"{repository}.git"
        where.mkdir(parents=True)
        self.git(repository, "init", "--quiet", "--bare", "--initial-branch=main", ".")

    def commit(self, branch: str = "main", message: str = "change", parents: tuple[str, ...] | None = None) -> str:
        """A new commit in the application, on top of the branch unless parents are given; its id."""
        tree = self.git("acme/shop", "hash-object", "-t", "tree", "-w", "/dev/null")
        if parents is None:
            head = self.git("acme/shop", "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
            parents = (head,) if head else ()
        flags = [flag for parent in parents for flag in ("-p", parent)]
        made = self.git("acme/shop", "commit-tree", tree, "-m", message, *flags)
        self.git("acme/shop", "update-ref", f"refs/heads/{branch}", made)
        return made

    def head(self, environment: str) -> str:
        """Commit of the environment branch, empty while it has none."""
        ref = f"refs/heads/env/{environment}"
        return self.git(f"acme/shop-env-{environment}", "for-each-ref", "--format=%(objectname)", ref)

    def run(self, script: str, environment: str = "staging", **variables: str) -> subprocess.CompletedProcess[str]:
        """The script in bash, with what a CI job would have; a variable given as "" is empty."""
        temporary = self.root / "runner temp"
        temporary.mkdir(exist_ok=True)
        given = {
            "GITHUB_SERVER_URL": self.server,
            "GITHUB_REPOSITORY": "acme/shop",
            "RUNNER_TEMP": str(temporary),
            "GITOPS_STATE_URL": f"{self.server}/acme/shop-env-{environment}.git",
            "GITOPS_DEPLOY_KEY": KEY,
            **variables,
        }
        return subprocess.run(
            ["bash"], check=False, input=script, capture_output=True, text=True, env=self._environment() | given
        )

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
        who = {f"GIT_{role}_{what}": "ana" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return clean | who | {"HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1", **self.extra}


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    """The application with one commit, and two empty state repositories."""
    made = Delivery(tmp_path / "forge")
    for name in ("shop", "shop-env-staging", "shop-env-production"):
        made.create(f"acme/{name}")
    made.commit()
    return made
