"""The kinds of owner upstream's tests know, and what each is in the sandbox."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """`GH_TEST_AUTH_MODE` of upstream's tests: whose repositories they make, on which price plan."""

    ORGANIZATION = "organization"
    INDIVIDUAL = "individual"
    TEAM = "team"
    ENTERPRISE = "enterprise"


class Client(StrEnum):
    """Which HTTP client of the provider is used: its setting `legacy_client`, here by `GITHUB_LEGACY_CLIENT`."""

    LEGACY = "legacy"
    NEW = "new"


@dataclass(frozen=True)
class Owner:
    """Who owns the repositories of a mode. Upstream counts `team` and `enterprise` as paid, the others as free."""

    login: str
    price_plan: str
    organization: bool = True


OWNERS = {
    Mode.ORGANIZATION: Owner("acme", "free"),
    Mode.INDIVIDUAL: Owner("olivia", "free", organization=False),
    Mode.TEAM: Owner("acme", "team"),
    Mode.ENTERPRISE: Owner("acme", "enterprise"),
}

REST = {Mode.TEAM: Mode.ORGANIZATION, Mode.ENTERPRISE: Mode.TEAM}
"""Mode -> the mode below it: only what did not pass there (skipped without a paid plan, or failed) runs in it."""
