"""Pushes to one environment's branch, with that environment's own credential, by real git over SSH."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.manifests import files
from bench.subject import APPLICATION, APPROVER, OWNER
from gitops_infra.sandbox.client import Clone, KeyCredential
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox


@dataclass(frozen=True)
class Push:
    """One push, in seconds since the epoch."""

    release: str
    start: float
    """When `git push` was started."""
    accepted: float
    """When the forge took it."""


class Branch:
    """The branch of one environment, and who may move it."""

    def __init__(self, forge: Sandbox, environment: str, folder: Path) -> None:
        """Asks for what a job of the environment gets. `folder` is for the clone."""
        granted = forge.job(
            repository=f"{OWNER}/{APPLICATION}",
            event="push",
            ref="refs/heads/main",
            environment=environment,
            actor=APPROVER,
        )
        if not isinstance(granted, JobGrant):
            raise TypeError(f"no job of {environment}: {granted}")
        self.environment = environment
        self.ref = f"refs/heads/{granted.variables['GITOPS_BRANCH']}"
        self.url = forge.ssh_url(granted.variables["GITOPS_STATE_REPOSITORY"])
        self.key = KeyCredential(granted.secrets["GITOPS_DEPLOY_KEY"], forge.known_hosts)
        self._forge = forge
        self._clone = Clone.empty(folder / environment)
        self._head: str | None = None
        self._releases = 0

    def push(self) -> Push:
        """One more release. The commit is made before the clock starts."""
        self._releases += 1
        release = f"{self.environment}-{self._releases}"
        commit = self._clone.commit(self._head, release, files(self.environment, release))
        start = time.time()
        outcome = self._clone.push(self.url, f"{commit}:{self.ref}", self.key)
        if not outcome.allowed:
            raise RuntimeError(f"the push to {self.environment} was refused: {outcome.message}")
        self._head = commit
        accepted = next(one.at for one in reversed(self._forge.pushes) if one.after == commit)
        return Push(release, start, accepted)
