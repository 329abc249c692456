"""The last chapter before the teardown: the live system against the plan, and a change that nobody planned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncssh
import httpx

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.verify import Verification, verify
from gitops_infra.sandbox.demo.cast import ADMIN, DEVELOPER
from gitops_infra.sandbox.demo.failure import DemoFailed
from gitops_infra.sandbox.demo.story import Story

ROLE, EXTRA_KEY = "state-writer", "write-key-extra"
"""Codes of the findings that must come up."""


class Audit:
    """Verifies what the story has made, and shows that the audit sees more than Pulumi."""

    def __init__(self, story: Story, kubeconfigs: Kubeconfigs) -> None:
        self.story, self.screen, self.kubeconfigs = story, story.screen, kubeconfigs

    def tell(self) -> None:
        """Everything, in order. Raises DemoFailed when the audit finds too much or too little."""
        self.screen.chapter("Verify: forge and clusters as they are, against the plan, by reading only")
        states = [each.state.full_name for each in self.story.plan.environments if each.state is not None]
        with self.screen.step("gitops-infra verify") as notes:
            found = self._reported({ROLE}, f"the role that {DEVELOPER} was given in the state repositories")
            notes.append(f"{len(found.failing)} findings: the role that {DEVELOPER} was given for the pushes above")
        self.screen.say(str(found.failing[0]))
        with self._api() as http, self.screen.step(f"{ADMIN}, an owner, takes it away"):
            for state in states:
                http.delete(f"/repos/{state}/collaborators/{DEVELOPER}").raise_for_status()
        with self.screen.step("gitops-infra verify") as notes:
            found = self._reported(set(), "nothing")
            looked = ", ".join(f"{count} {what}" for what, count in found.looked_at.items())
            notes.append(f"{looked}: nothing to report")
        for each in found.unverifiable:
            self.screen.say(str(each))
        with self._extra_key():
            with self.screen.step("up --refresh") as notes:
                changes = self.story.up(refresh=True).summary.resource_changes or {}
                if set(changes) - {"same"}:
                    raise DemoFailed(f"a refresh saw an extra key, which providers do not: {changes}")
                notes.append("sees nothing: the provider looks at its own keys only")
            with self.screen.step("gitops-infra verify") as notes:
                found = self._reported({EXTRA_KEY}, "an extra write key")
                notes.append(str(found.failing[0].severity))
            self.screen.say(str(found.failing[0]))
        with self.screen.step("the key is deleted, gitops-infra verify") as notes:
            self._reported(set(), "nothing")
            notes.append("nothing to report again")

    def _reported(self, codes: set[str], what: str) -> Verification:
        """The outcome of an audit that must report exactly these codes."""
        found = self._verified()
        if {finding.code for finding in found.failing} != codes:
            raise DemoFailed(
                f"the audit must report {what}, and does: {'; '.join(map(str, found.failing)) or 'nothing'}"
            )
        return found

    def _verified(self) -> Verification:
        token = self.story.cast.people[ADMIN].token
        with GitHubReader(token, self.story.sandbox.url, remember=True) as reader:
            return verify(self.story.topology, reader, kubeconfigs=self.kubeconfigs)

    @contextmanager
    def _extra_key(self) -> Iterator[None]:
        """Production's state repository with one write key more, by the hand of an owner."""
        state = self.story.plan.environment("production").state
        if state is None:
            raise DemoFailed("production has no state repository")
        public = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
        keys = f"/repos/{state.full_name}/keys"
        with self._api() as http:
            with self.screen.step(f"{ADMIN} adds a write key to {state.full_name}"):
                body: dict[str, Any] = {"title": "backup", "key": public, "read_only": False}
                added = http.post(keys, json=body).raise_for_status().json()
            try:
                yield
            finally:
                http.delete(f"{keys}/{added['id']}").raise_for_status()

    def _api(self) -> httpx.Client:
        """The forge's API, as an owner."""
        headers = {"Authorization": f"Bearer {self.story.cast.people[ADMIN].token}"}
        return httpx.Client(base_url=self.story.sandbox.api_url, headers=headers, trust_env=False)
