"""The one credential that may move an environment branch, and the variables that tell where the branch is."""

from gitops_infra.plan.model import Credential
from gitops_infra.topology.application import Application
from gitops_infra.topology.defaults import branch_of, state_repository_of
from gitops_infra.topology.environment import Environment

SECRET_NAME = "GITOPS_DEPLOY_KEY"  # noqa: S105 - the name of a secret, not its value
"""Name of the environment secret that holds the private key."""


def credential(environment: Environment, application: Application) -> Credential | None:
    """The credential, or None where nobody may push: review, retired, or none is wanted.

    The generation is part of the title, so that a rotation makes the new key beside the old one.
    """
    if branch_of(environment) is None or environment.retired or environment.write_credential is False:
        return None
    generation = environment.generation or 1
    return Credential(
        title=f"gitops-infra {application.name} {environment.name} g{generation}",
        secret_name=SECRET_NAME,
        generation=generation,
    )


def variables(environment: Environment, application: Application, owner: str) -> dict[str, str]:
    """The user's CI variables and, for an environment with a branch, ours; sorted by name.

    `GITOPS_STATE_REPOSITORY` is the `owner/name` of the repository that holds the branch, `GITOPS_BRANCH` the branch.
    """
    wanted = dict(environment.variables or {})
    branch, repository = branch_of(environment), state_repository_of(application.name, environment)
    if branch is not None and repository is not None:
        wanted |= {"GITOPS_STATE_REPOSITORY": f"{owner}/{repository}", "GITOPS_BRANCH": branch}
    return dict(sorted(wanted.items()))
