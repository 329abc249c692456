"""The credential of one environment branch on GitHub: a write deploy key, and the environment secret that holds it."""

from dataclasses import dataclass

import pulumi
import pulumi_github as github
import pulumi_tls as tls

from gitops_infra.forges.github.placement import Placement

ALGORITHM = "ED25519"


@dataclass(frozen=True)
class CredentialChildren:
    """What one credential is made of, in the order of registration."""

    key_pair: tls.PrivateKey
    deploy_key: github.RepositoryDeployKey
    secret: github.ActionsEnvironmentSecret


@dataclass(frozen=True)
class CredentialNames:
    """Where a credential goes and what it is called there."""

    repository: pulumi.Input[str]
    """Repository that has the CI environment."""
    environment: pulumi.Input[str]
    state_repository: pulumi.Input[str]
    """Repository whose branch the key may move."""
    title: pulumi.Input[str]
    secret_name: pulumi.Input[str]
    generation: int


def credential(place: Placement, names: CredentialNames) -> CredentialChildren:
    """A new key pair, its public half on the state repository, and then its private half in the environment.

    The generation is part of the logical names of key pair and deploy key, not of the secret: raising it makes a
    new key, then updates the secret in place, and only then are the old ones deleted.
    """
    key_pair = tls.PrivateKey(place.child(f"key-g{names.generation}"), algorithm=ALGORITHM, opts=place.at_once())
    deploy_key = github.RepositoryDeployKey(
        place.child(f"deploy-key-g{names.generation}"),
        repository=names.state_repository,
        title=names.title,
        key=key_pair.public_key_openssh.apply(str.strip),
        read_only=False,
        opts=place.revoked(),
    )
    private_key: pulumi.Output[str] = pulumi.Output.secret(key_pair.private_key_openssh)
    secret = github.ActionsEnvironmentSecret(
        place.child("secret"),
        repository=names.repository,
        environment=names.environment,
        secret_name=names.secret_name,
        value=private_key,
        # Last: whoever reads the secret holds a key that works.
        opts=place.revoked(deploy_key),
    )
    return CredentialChildren(key_pair, deploy_key, secret)
