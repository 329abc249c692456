"""Every class of secret that a stack makes or takes, and the places where it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """A place where a secret may be; whatever is not one of them is a leak."""

    CALLER = "the environment of `pulumi`, and of what it starts"
    SETTINGS = "the stack's settings, encrypted"
    WIRE = "the engine's wire, marked secret"
    PROVIDER = "calls of the provider that uses it"
    STATE = "the stack's state, encrypted"
    CI_SECRET = "one secret of one CI environment"  # noqa: S105 - says where
    WEBHOOK = "the webhook, at the forge"
    KUBERNETES_SECRET = "one Kubernetes Secret"  # noqa: S105 - as above
    RECEIVER = "the status and the log of the agent's receiver"
    ANSWERS = "the GitHub provider's cache of answers, a file of its user's alone (0600)"
    SCRATCH = "a file of its user's alone (0600), gone when it was read"


OF_PROVIDER = frozenset({Place.WIRE, Place.PROVIDER, Place.STATE})
FROM_SETTINGS = OF_PROVIDER | {Place.SETTINGS}


@dataclass(frozen=True)
class SecretClass:
    """One class of secret."""

    name: str
    made_by: str
    """Who makes it, in words."""
    places: frozenset[Place]


CLASSES: tuple[SecretClass, ...] = (
    SecretClass("token that provisions", "the forge", OF_PROVIDER | {Place.CALLER}),
    SecretClass("private key of the App that provisions", "the forge", FROM_SETTINGS),
    SecretClass("token that this App makes for a run", "the provider", frozenset()),
    SecretClass("passphrase", "the user", frozenset({Place.CALLER})),
    SecretClass("value of an environment's secret", "the user", FROM_SETTINGS | {Place.CI_SECRET}),
    SecretClass("private key of an environment's App", "the forge", FROM_SETTINGS | {Place.CI_SECRET}),
    SecretClass("private key of a machine user", "the user", FROM_SETTINGS | {Place.CI_SECRET}),
    SecretClass("write key of an environment branch", "`pulumi up`", OF_PROVIDER | {Place.CI_SECRET, Place.SCRATCH}),
    SecretClass("read key of a cluster", "`pulumi up`", frozenset({Place.WIRE, Place.STATE, Place.KUBERNETES_SECRET})),
    SecretClass("credential in a kubeconfig of the settings", "the user", FROM_SETTINGS | {Place.SCRATCH}),
    SecretClass("credential in a kubeconfig that is an output", "the program", OF_PROVIDER | {Place.SCRATCH}),
    SecretClass("token of a webhook receiver", "`pulumi up`", OF_PROVIDER | {Place.KUBERNETES_SECRET, Place.WEBHOOK}),
    SecretClass("key that this token is made of", "`pulumi up`", frozenset({Place.WIRE, Place.STATE})),
    SecretClass(
        "address of a webhook receiver", "the agent", OF_PROVIDER | {Place.WEBHOOK, Place.RECEIVER, Place.ANSWERS}
    ),
)
BY_NAME: Mapping[str, SecretClass] = {each.name: each for each in CLASSES}


def table() -> str:
    """The classes as a Markdown table, for `docs/secrets.md`."""
    lines = ["| secret | made by | may be in |", "|---|---|---|"]
    for each in CLASSES:
        places = "; ".join(place for place in Place if place in each.places) or "memory alone"
        lines.append(f"| {each.name} | {each.made_by} | {places} |")
    return "\n".join(lines) + "\n"
