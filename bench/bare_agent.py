"""What an agent does at the least, by hand: list, fetch one commit, apply. It has no rights to lose and keeps no books.

The client is connected and knows the kinds before anything is timed, as Flux does; git is a process, as for any script.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.dynamic import DynamicClient

from gitops_infra.sandbox.client import KeyCredential

_MANAGER = "bench-bare"


class BareAgent:
    """Applies one folder of one branch to one namespace whenever it is told."""

    def __init__(  # noqa: PLR0913, PLR0917 - by position in one place; each is one thing that it is told
        self,
        connected: client.ApiClient,
        url: str,
        ref: str,
        key: KeyCredential,
        path: str,
        namespace: str,
        place: Path,
    ) -> None:
        self._url, self._ref, self._path, self._namespace = url, ref, path, namespace
        self._repository, keys = place / "repository", place / "keys"
        keys.mkdir(parents=True, mode=0o700)
        self._environment = os.environ | key.environment(keys) | {"GIT_TERMINAL_PROMPT": "0"}
        self._applied = ""
        self._git("init", "--quiet", "--bare", str(self._repository), at=place)
        self._kinds: Any = DynamicClient(connected)  # type: ignore[no-untyped-call]
        for kind in ("ConfigMap", "Service", "ServiceAccount"):
            self._kinds.resources.get(api_version="v1", kind=kind)

    def run(self) -> None:
        """Looks at the branch, and applies it if it moved."""
        sha = self._git("ls-remote", self._url, self._ref).split()[0]
        if sha == self._applied:
            return
        self._git("fetch", "--quiet", "--depth=1", "--no-tags", self._url, sha)
        for name in self._git("ls-tree", "--name-only", sha, f"{self._path}/").splitlines():
            self._apply(json.loads(self._git("cat-file", "blob", f"{sha}:{name}")))
        self._applied = sha

    def _apply(self, found: dict[str, Any]) -> None:
        resource = self._kinds.resources.get(api_version=found["apiVersion"], kind=found["kind"])
        self._kinds.server_side_apply(
            resource, body=found, namespace=self._namespace, field_manager=_MANAGER, force_conflicts=True
        )

    def _git(self, *arguments: str, at: Path | None = None) -> str:
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=at or self._repository, env=self._environment, capture_output=True, text=True, check=True
        )
        return done.stdout
