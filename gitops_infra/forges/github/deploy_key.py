"""The credential of one environment branch on GitHub: a private key as an environment secret, and what it opens."""

import re
from dataclasses import dataclass

import pulumi
import pulumi_github as github
import pulumi_tls as tls

from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.github.key_check import prove
from gitops_infra.forges.github.placement import Placement
from gitops_infra.topology.problems import Problem

ALGORITHM = "ED25519"

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n.+\n-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True)
class CredentialChildren:
    """What one credential is made of, in the order of registration. A given key has neither pair nor deploy key."""

    key_pair: tls.PrivateKey | None
    deploy_key: github.RepositoryDeployKey | None
    secret: github.ActionsEnvironmentSecret


@dataclass(frozen=True)
class SecretPlace:
    """Where a private key goes and what it is called there."""

    repository: pulumi.Input[str]
    """Repository that has the CI environment."""
    environment: pulumi.Input[str]
    name: str
    """Name of the environment secret."""


@dataclass(frozen=True)
class NewKey:
    """A deploy key to be made."""

    repository: pulumi.Input[str]
    """Repository whose branch it may move."""
    title: pulumi.Input[str]
    generation: int
    prefix: str = ""
    """Of the logical names: another kind of place gets another key, made before the old one is revoked."""
    hosted: bool = False
    """Whether that repository is also the one of the CI environment: it then goes with it."""
    ssh_url: pulumi.Output[str | None] | None = None
    """Where the key must open the repository before an older one is revoked; None: not tried."""
    known_hosts: tuple[str, ...] = ()
    read_only: bool = False
    """True: it reads the repository and can change nothing in it."""


def credential(place: Placement, where: SecretPlace, key: NewKey) -> CredentialChildren:
    """A new key pair, its public half on the repository, and then its private half in the environment.

    The generation is part of the logical names of key pair and deploy key, not of the secret: raising it makes a
    new key, tries it, then updates the secret in place, and only then are the old ones deleted. A key that does not
    open the repository ends the update there, with the old one in use.
    """
    key_pair, deploy_key = made(place, key)
    private_key: pulumi.Output[str] = pulumi.Output.secret(key_pair.private_key_openssh)
    # Last: whoever reads the secret holds a key that works.
    secret = _secret(place, "secret", where, private_key, deploy_key, hooks=_proof(place, key, private_key))
    return CredentialChildren(key_pair, deploy_key, secret)


def made(place: Placement, key: NewKey) -> tuple[tls.PrivateKey, github.RepositoryDeployKey]:
    """A new key pair and its public half on the repository. Both names carry the generation."""
    suffix = f"{key.prefix}key-g{key.generation}"
    key_pair = tls.PrivateKey(place.child(suffix), algorithm=ALGORITHM, opts=place.at_once())
    # A state repository may stay when the application's is deleted: a key that went with the latter would still work.
    there = place if key.hosted else place.within(None)
    deploy_key = github.RepositoryDeployKey(
        place.child(f"{key.prefix}deploy-key-g{key.generation}"),
        repository=key.repository,
        title=key.title,
        # None where `pulumi up --target` leaves the pair out.
        key=key_pair.public_key_openssh.apply(lambda text: text and text.strip()),
        read_only=key.read_only,
        opts=there.revoked(),
    )
    return key_pair, deploy_key


def given(place: Placement, where: SecretPlace, private_key: pulumi.Input[str]) -> CredentialChildren:
    """The private key of an App or machine user in the environment. The program fails for what is no private key."""
    checked: pulumi.Output[str] = pulumi.Output.secret(private_key).apply(lambda text: _checked(text, where.name))
    return CredentialChildren(None, None, _secret(place, "given-secret", where, checked))


def _secret(
    place: Placement,
    name: str,
    where: SecretPlace,
    value: pulumi.Output[str],
    *after: pulumi.Resource,
    hooks: pulumi.ResourceHookBinding | None = None,
) -> github.ActionsEnvironmentSecret:
    return github.ActionsEnvironmentSecret(
        place.child(name),
        repository=where.repository,
        environment=where.environment,
        secret_name=where.name,
        value=value,
        opts=place.revoked(*after, hooks=hooks),
    )


def _proof(place: Placement, key: NewKey, private_key: pulumi.Output[str]) -> pulumi.ResourceHookBinding | None:
    """Tries a later generation before the secret gets it. The first one has nothing that it could put out of use.

    A hook of the secret and not of the deploy key, which is made once: an `up` that is repeated after a failure would
    find the key made, try nothing, and revoke the old one.
    """
    if key.ssh_url is None or key.generation == 1:
        return None
    found: dict[str, str | None] = {}
    # Resolved before the hook runs: the deploy key is made of the pair, and later than the repository.
    pulumi.Output.all(private_key, key.ssh_url).apply(lambda values: found.update(key=values[0], url=values[1]))

    async def try_it(_: pulumi.ResourceHookArgs) -> None:
        if found.get("url") and found.get("key"):
            await prove(str(found["url"]), str(found["key"]), key.known_hosts)

    name = place.child(f"{key.prefix}key-g{key.generation}-opens-the-repository")
    return pulumi.ResourceHookBinding(before_update=[pulumi.ResourceHook(name, try_it)])


def no_private_key(text: str, where: str, key: str = "<key>") -> Problem | None:
    """The problem that the value of the configuration key is no private key, if so. It does not hold the value."""
    if _PRIVATE_KEY.search(text.replace("\r\n", "\n")):
        return None
    return Problem(
        where=where,
        code="no-private-key",
        reason="its value is no private key in PEM or OpenSSH form",
        remedy=f"Store the whole file: `pulumi config set --secret {key} < private-key.pem`",
    )


def _checked(text: str, secret: str) -> str:
    problem = no_private_key(text, f"secret {secret}")
    if problem is not None:
        raise ConfigurationError([problem])
    return text
