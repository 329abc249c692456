"""A guarded environment made by REST, without the engine: `acme/shop` and its state repository `acme/state`."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh
import httpx
import pytest
from nacl.public import PublicKey, SealedBox

from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing import Actor

STATE, BRANCH = "acme/state", "env/production"
PRODUCTION = Actor.environment("acme/shop", "production")

Bypass = tuple[str, int | None]
KEYS: Bypass = ("DeployKey", None)


def actors(*bypass: Bypass) -> list[dict[str, Any]]:
    """Bypass actors as REST takes them."""
    return [{"actor_type": kind, "actor_id": number, "bypass_mode": "always"} for kind, number in bypass]


@dataclass
class Shop:
    """The forge as olivia, who owns it, changes it."""

    forge: Sandbox
    http: httpx.Client

    def send(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, f"/repos/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def key(self, title: str, *, read_only: bool = False, private: str | None = None, repository: str = STATE) -> str:
        """Adds a deploy key; its private half."""
        pair = asyncssh.import_private_key(private) if private else asyncssh.generate_private_key("ssh-ed25519")
        public = pair.export_public_key("openssh").decode()
        self.send("POST", f"{repository}/keys", title=title, key=public, read_only=read_only)
        return pair.export_private_key("openssh").decode()

    def secret(self, name: str, value: str, place: str = "environments/production/secrets") -> None:
        key = self.send("GET", f"acme/shop/{place}/public-key")
        sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
        body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
        self.send("PUT", f"acme/shop/{place}/{name}", **body)

    def environment(self, name: str, *policies: str, reviewers: Sequence[str] = (), **settings: Any) -> None:
        """An environment with these branch patterns (none: any ref may) and teams of `acme` as reviewers."""
        teams = {team.slug: team.id for team in self.forge.store.teams.values()}
        self.send(
            "PUT",
            f"acme/shop/environments/{name}",
            reviewers=[{"type": "Team", "id": teams[slug]} for slug in reviewers],
            deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True}
            if policies
            else None,
            **{"prevent_self_review": False, **settings},
        )
        record = self.forge.store.environment(self.forge.repository("acme/shop"), name)
        present = {policy["name"] for policy in record.policies} if record else set()
        for policy in policies:
            if policy not in present:
                self.policy(name, policy)

    def policy(self, environment: str, name: str, kind: str = "branch") -> None:
        self.send("POST", f"acme/shop/environments/{environment}/deployment-branch-policies", name=name, type=kind)

    def change_ruleset(self, name: str, repository: str = STATE, **changes: Any) -> None:
        found = self.send("GET", f"{repository}/rulesets")
        number = next(each["id"] for each in found if each["name"] == name)
        self.send("PUT", f"{repository}/rulesets/{number}", **changes)

    def ruleset(
        self,
        name: str,
        *rules: str | dict[str, Any],
        bypass: Sequence[Bypass] = (),
        include: Sequence[str] = (f"refs/heads/{BRANCH}",),
        exclude: Sequence[str] = (),
        target: str = "branch",
        repository: str = STATE,
    ) -> int:
        made = self.send(
            "POST",
            f"{repository}/rulesets",
            name=name,
            target=target,
            enforcement="active",
            conditions={"ref_name": {"include": list(include), "exclude": list(exclude)}},
            rules=[{"type": rule} if isinstance(rule, str) else rule for rule in rules],
            bypass_actors=actors(*bypass),
        )
        return int(made["id"])


@pytest.fixture
def bare_shop(forge: Sandbox) -> Iterator[Shop]:
    """Two repositories without any protection: `acme/shop` with a first commit, `acme/state` empty."""
    for name, initialised in (("acme/shop", True), (STATE, False)):
        forge.add_repository(name, auto_init=initialised)
        forge.grant(name, "acme/developers", "write")
        forge.grant(name, "acme/platform", "maintain")
    headers = {"Authorization": f"Bearer {forge.token('olivia')}"}
    with httpx.Client(base_url=forge.api_url, headers=headers, trust_env=False, timeout=20) as http:
        yield Shop(forge, http)


@pytest.fixture
def shop(bare_shop: Shop) -> Shop:
    """The same with one environment, as `gitops_infra` guards it: rulesets, one write key, the key as a secret."""
    bare_shop.ruleset("writers", "creation", "update", bypass=[KEYS])
    bare_shop.ruleset("integrity", "deletion", "non_fast_forward")
    bare_shop.environment(
        "production", "main", reviewers=["platform"], prevent_self_review=True, can_admins_bypass=False
    )
    bare_shop.secret("DEPLOY_KEY", bare_shop.key("production"))
    return bare_shop
