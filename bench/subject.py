"""The one topology that is measured, at any size."""

from dataclasses import dataclass
from typing import Any

OWNER = "acme"
APPLICATION = "shop"
DEVELOPER, APPROVER, TEAM = "dana", "rita", "platform"
PRODUCTION = "production"


@dataclass(frozen=True)
class Subject:
    """`environments` of them: staging `e1`, `e2`, ... and, as the last one, production with one reviewer.

    The application exists already. Each environment has 17 resources, of which 4 are components (without Apps).
    """

    environments: int
    approver_id: int | None = 7
    """Numeric id of the reviewer; None: a team without an id, which each run has to look up."""
    rotated: bool = False
    """Whether the first environment has the second generation of its key: the one change that is measured."""
    apps: tuple[int, ...] = ()
    """Ids of one GitHub App for each environment, in order: isolation `branch`. Empty: isolation `repository`."""

    @property
    def stagings(self) -> list[str]:
        """Names of all environments but production."""
        return [f"e{number}" for number in range(1, self.environments)]

    @property
    def names(self) -> list[str]:
        """Names of all environments, in order."""
        return [*self.stagings, PRODUCTION]

    def approver(self, environment: str) -> int | None:
        """Id of its reviewer; None where there is none."""
        return self.approver_id if environment == PRODUCTION else None

    def generation(self, environment: str) -> int:
        """Generation of its key."""
        return 2 if self.rotated and environment == self.names[0] else 1

    @property
    def config_keys(self) -> list[str]:
        """Keys of the stack's configuration that hold the private keys of the Apps."""
        return [config_key(name) for name, _ in zip(self.names, self.apps, strict=False)]

    @property
    def topology(self) -> dict[str, Any]:
        """As a user of the components writes it."""
        reviewer = {"team": TEAM} if self.approver_id is None else {"user": APPROVER, "id": self.approver_id}
        own: dict[str, dict[str, Any]] = {name: {"kind": "staging"} for name in self.stagings}
        own[PRODUCTION] = {"reviewers": [reviewer]}
        if self.rotated:
            own[self.names[0]]["generation"] = 2
        for name, app in zip(self.names, self.apps, strict=False):
            own[name] |= {"isolation": "branch", "writer": {"app": app, "key": config_key(name)}}
        return {
            "owner": OWNER,
            "github_plan": "enterprise",
            "application": {"name": APPLICATION, "existing": True, "visibility": "private", "code_owners": True},
            "environments": [{"name": name, **settings} for name, settings in own.items()],
        }


def config_key(environment: str) -> str:
    """Key of the stack's configuration with the private key of the environment's App."""
    return f"{environment}Key"
