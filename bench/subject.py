"""The one topology that is measured, at any size."""

from dataclasses import dataclass
from typing import Any

OWNER = "acme"
APPLICATION = "shop"
DEVELOPER, APPROVER, TEAM = "dana", "rita", "platform"


@dataclass(frozen=True)
class Subject:
    """`environments` of them: staging `e1`, `e2`, ... and, as the last one, production with one reviewer.

    The application exists already. Each environment has 17 resources, of which 4 are components.
    """

    environments: int
    approver_id: int | None = 7
    """Numeric id of the reviewer; None: a team without an id, which each run has to look up."""

    @property
    def stagings(self) -> list[str]:
        """Names of all environments but production."""
        return [f"e{number}" for number in range(1, self.environments)]

    @property
    def topology(self) -> dict[str, Any]:
        """As a user of the components writes it."""
        reviewer = {"team": TEAM} if self.approver_id is None else {"user": APPROVER, "id": self.approver_id}
        return {
            "owner": OWNER,
            "github_plan": "enterprise",
            "application": {"name": APPLICATION, "existing": True, "visibility": "private", "code_owners": True},
            "environments": [
                *({"name": name, "kind": "staging"} for name in self.stagings),
                {"name": "production", "reviewers": [reviewer]},
            ],
        }
