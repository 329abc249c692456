"""Every secret of a scene, as a canary with its homes: what was put in, and what was made meanwhile."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from ruamel.yaml import YAML

from gitops_infra.sandbox.plugins import private_keys
from guarantee.canaries import held
from guarantee.canaries.classes import BY_NAME, Place
from guarantee.canaries.scan import Canary
from guarantee.canaries.watch import ANSWERS, SCRATCH
from guarantee.canaries.wire import MARKED, call_of

STATE = "state, opened with the passphrase"
SETTINGS = "settings, opened with the passphrase"
CALLER = "environment of `pulumi`"

GITHUB, KUBERNETES, TLS = (f"pulumi:providers:{name}" for name in ("github", "kubernetes", "tls"))
CI_SECRET = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"  # noqa: S105 - a type token
WEBHOOK = "github:index/repositoryWebhook:RepositoryWebhook"
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"  # a type token
_FORMATS = ("privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8")


def canary(kind: str, name: str, values: Iterable[str], homes: Mapping[Place, Iterable[str]]) -> Canary:
    """A canary of a class. Raises ValueError for a home in a place where its class may not be."""
    everywhere: dict[Place, frozenset[str]] = {
        Place.WIRE: frozenset({MARKED}),
        Place.STATE: frozenset({STATE}),
        Place.SETTINGS: frozenset({SETTINGS}),
        Place.CALLER: frozenset({CALLER}),
        Place.SCRATCH: frozenset({SCRATCH}),
        Place.ANSWERS: frozenset({ANSWERS}),
    }
    places = BY_NAME[kind].places
    strange = homes.keys() - places
    if strange:
        raise ValueError(f"{name}: {kind} may not be in {', '.join(sorted(strange))}")
    return Canary(
        kind,
        name,
        tuple(values),
        {place: frozenset(homes[place]) if place in homes else everywhere.get(place, frozenset()) for place in places},
    )


def of_settings(secrets: Mapping[str, str]) -> Iterator[Canary]:
    """Canaries of what was put in from outside; see `scene`."""
    calls = {Place.PROVIDER: [call_of(CI_SECRET)]}
    environments = {
        "databasePassword": ("value of an environment's secret", "DATABASE_PASSWORD", "staging"),
        "brokenKey": ("private key of a machine user", "GITOPS_USER_KEY", "qa"),
        "laterPassword": ("value of an environment's secret", "DATABASE_PASSWORD", "staging"),
        "productionAppKey": ("private key of an environment's App", "GITOPS_APP_KEY", "production"),
        "qaUserKey": ("private key of a machine user", "GITOPS_USER_KEY", "qa"),
    }
    providers = {
        "provisioner token": "token that provisions",
        "provisionerAppKey": "private key of the App that provisions",
    }
    clusters = {
        "givenKubeconfig": "credential in a kubeconfig of the settings",
        "brokenKubeconfig": "credential in a kubeconfig of the settings",
        "madeKubeconfig": "credential in a kubeconfig that is an output",
    }
    for name, value in secrets.items():
        if name in environments:
            kind, secret, environment = environments[name]
            homes = calls | {Place.CI_SECRET: [held.ci_secret(secret, environment)]}
            yield canary(kind, name, [value], homes)
        elif name in providers:
            yield canary(providers[name], name, [value], {Place.PROVIDER: [call_of(GITHUB)]})
        elif name in clusters:
            proof = _proof(value)
            yield canary(clusters[name], name, proof, {Place.PROVIDER: [call_of(KUBERNETES)]})
        elif name == "passphrase":
            yield canary("passphrase", name, [value], {})
        else:
            yield canary("token that this App makes for a run", name, [value], {})


def of_state(opened: Mapping[str, Any]) -> Iterator[Canary]:
    """Canaries of what `up` has made, from an export that shows secrets."""
    for resource in opened.get("deployment", {}).get("resources") or ():
        outputs = plain(resource.get("outputs") or {})
        name = resource["urn"].rpartition("::")[2]
        if resource["type"] == PRIVATE_KEY and outputs:
            yield _of_pair(name, [outputs[key] for key in _FORMATS])
        elif resource["type"] == WEBHOOK and outputs:
            yield from _of_webhook(name, outputs)


def _of_pair(name: str, values: list[str]) -> Canary:
    """A key pair by its logical name, `shop-<environment>-<what>-key-g<generation>`."""
    environment = name.split("-")[1]
    if "-credential-" in name:
        homes: dict[Place, list[str]] = {
            Place.PROVIDER: [call_of(CI_SECRET)],
            Place.CI_SECRET: [held.ci_secret("GITOPS_DEPLOY_KEY", environment)],
        }
        return canary("write key of an environment branch", name, values, homes)
    if "-agent-read-" in name:
        space = f"shop-{environment}"
        homes = {Place.KUBERNETES_SECRET: [held.kubernetes_secret(space, "shop-git")]}
        return canary("read key of a cluster", name, values, homes)
    return canary("key that this token is made of", name, values, {})


def _of_webhook(name: str, outputs: Mapping[str, Any]) -> Iterator[Canary]:
    environment = name.split("-")[1]
    space, configuration = f"shop-{environment}", outputs["configuration"]
    repository = f"acme/{outputs['repository']}"
    calls = {Place.PROVIDER: [call_of(WEBHOOK)]}
    secrets = calls | {
        Place.WEBHOOK: [held.webhook_secret(repository)],
        Place.KUBERNETES_SECRET: [held.kubernetes_secret(space, "shop-webhook")],
    }
    yield canary("token of a webhook receiver", f"{name} secret", [configuration["secret"]], secrets)
    address = configuration["url"].rpartition("/")[2]
    homes = calls | {
        Place.WEBHOOK: [held.webhook_address(repository)],
        Place.RECEIVER: [held.receiver(space, "shop"), held.LOG_OF_RECEIVERS],
    }
    yield canary("address of a webhook receiver", f"{name} address", [address], homes)


@cache
def frames() -> tuple[str, ...]:
    """Keys that nobody uses: what they have in common with others is the format."""
    kinds = ({"algorithm": "ED25519"}, {"algorithm": "RSA"}, {"algorithm": "ECDSA", "ecdsaCurve": "P256"})
    return tuple(text for kind in kinds for text in private_keys.make(kind)[1].values() if text)


def public_halves(canaries: Iterable[Canary]) -> Iterator[str]:
    """What of private keys is public: the forge, the agent and the world may know it."""
    for value in {value for each in canaries for value in each.values if "PRIVATE KEY-----" in value}:
        with suppress(ValueError, UnsupportedAlgorithm):  # one of them is broken on purpose
            yield from _public(value)


@cache
def _public(private_key: str) -> tuple[str, ...]:
    data = private_key.encode()
    load = load_ssh_private_key if "OPENSSH" in private_key else load_pem_private_key
    public: Any = load(data, None).public_key()
    formats = ((Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), (Encoding.OpenSSH, PublicFormat.OpenSSH))
    return tuple(public.public_bytes(*each).decode() for each in formats)


def plain(value: Any) -> Any:
    """A value of an export that shows secrets, without its marks."""
    if isinstance(value, dict):
        if "plaintext" in value:
            return plain(json.loads(value["plaintext"]))
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def _proof(kubeconfig: str) -> list[str]:
    """What of a kubeconfig is secret: the signature of a token, or a client key in both of its forms."""
    user = YAML(typ="safe").load(kubeconfig)["users"][0]["user"]
    if "token" in user:
        # The rest of it is the same in every token of the cluster, or nearly.
        return [user["token"].rpartition(".")[2]]
    return [user["client-key-data"], base64.b64decode(user["client-key-data"]).decode()]
