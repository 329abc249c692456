"""The one credential that may move an environment branch, and the variables that tell where the branch is."""

from gitops_infra.plan.model import BypassActor, BypassKind, Credential, CredentialKind
from gitops_infra.topology.application import Application
from gitops_infra.topology.defaults import branch_of, identity_of, state_repository_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.vocabulary import Isolation

SECRET_NAME = "GITOPS_DEPLOY_KEY"  # noqa: S105 - the name of a secret, not its value
"""Name of the environment secret that holds a deploy key's private key."""

SECRET_NAMES = {
    CredentialKind.DEPLOY_KEY: SECRET_NAME,
    CredentialKind.APP: "GITOPS_APP_KEY",
    CredentialKind.MACHINE_USER: "GITOPS_USER_KEY",
}
"""Name of the environment secret, by what it holds the private key of."""

GITHUB_COM_HOST_KEY = "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
"""GitHub's host key, as published in "GitHub's SSH key fingerprints"."""

KNOWN_HOSTS = "GITOPS_KNOWN_HOSTS"
"""Name of the variable that holds the host key lines of the forge's SSH server."""


def credential(environment: Environment, application: Application, owner: str) -> Credential | None:
    """The credential, or None where nobody may push: review, retired, or none is wanted.

    The generation is part of the title, so that a rotation makes the new key beside the old one.
    """
    repository = state_repository_of(application.name, environment)
    if repository is None or environment.retired or environment.write_credential is False:
        return None
    full_name = f"{owner}/{repository}"
    if environment.isolation is not Isolation.BRANCH:
        generation = environment.generation or 1
        return Credential(
            CredentialKind.DEPLOY_KEY,
            full_name,
            SECRET_NAME,
            generation,
            title=f"gitops-infra {application.name} {identity_of(environment)} g{generation}",
        )
    writer = environment.writer
    if writer is None:
        return None
    kind = CredentialKind.MACHINE_USER if writer.app is None else CredentialKind.APP
    return Credential(
        kind,
        full_name,
        SECRET_NAMES[kind],
        app=writer.app,
        user=writer.user,
        user_id=writer.id,
        key=writer.key,
    )


def bypass_of(credential: Credential | None) -> BypassActor | None:
    """The bypass actor that is this credential. For a deploy key it is every write key of the repository."""
    if credential is None:
        return None
    return {
        CredentialKind.DEPLOY_KEY: BypassActor(BypassKind.DEPLOY_KEY),
        CredentialKind.APP: BypassActor(BypassKind.INTEGRATION, credential.app),
        CredentialKind.MACHINE_USER: BypassActor(BypassKind.USER, credential.user_id, credential.user),
    }[credential.kind]


def variables(
    environment: Environment, application: Application, owner: str, known_hosts: tuple[str, ...] = ()
) -> dict[str, str]:
    """The user's CI variables and, for an environment with a branch, ours; sorted by name.

    `GITOPS_STATE_REPOSITORY` is the `owner/name` of the repository that holds the branch, `GITOPS_BRANCH` the branch:
    under `repository` isolation only, elsewhere the branch is in the job's own repository. `GITOPS_KNOWN_HOSTS` pins
    an SSH server that is not github.com's.
    """
    wanted = dict(environment.variables or {})
    branch, repository = branch_of(environment), state_repository_of(application.name, environment)
    if branch is not None and repository is not None and environment.isolation is Isolation.REPOSITORY:
        wanted |= {"GITOPS_STATE_REPOSITORY": f"{owner}/{repository}", "GITOPS_BRANCH": branch}
    if branch is not None and known_hosts:
        wanted[KNOWN_HOSTS] = "\n".join(known_hosts)
    return dict(sorted(wanted.items()))
