"""The one credential that may move an environment's branch."""

from collections.abc import Mapping
from typing import Any, Optional, Union

import pulumi

from gitops_infra.components.gate import known
from gitops_infra.components.inputs import Args, In, checked
from gitops_infra.forges.github.deploy_key import CredentialNames, credential
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.plan.credentials import SECRET_NAME
from gitops_infra.topology.names import variable_name
from gitops_infra.topology.problems import Problem


class BranchCredentialArgs(Args):
    """Arguments of `BranchCredential`."""

    repository: In[str]
    """Name of the repository whose CI environment holds the secret."""
    environment: In[str]
    """Name of the CI environment."""
    state_repository: In[str]
    """Name of the repository whose branch the key may move: `EnvironmentBranch.repository`, so that its rules exist
    before the key."""
    generation: Optional[int] = 1
    """Raise by one to rotate: a new key is made, the secret updated, and the old key revoked last."""
    title: Optional[In[str]] = None
    """Title of the deploy key. Default: `gitops-infra <repository> <environment> g<generation>`."""
    secret_name: Optional[str] = SECRET_NAME
    """Name of the environment secret. Default: `GITOPS_DEPLOY_KEY`."""


class BranchCredential(pulumi.ComponentResource):
    """The one credential that may move an environment's branch.

    An Ed25519 key pair: the public half as write key of the state repository, the private half as a secret of one CI
    environment, written last. Destroy revokes both, whatever else it keeps.
    """

    fingerprint: pulumi.Output[str]
    """SHA-256 fingerprint of the public key."""
    title: pulumi.Output[str]
    """Title of the deploy key on the forge."""
    secret_name: pulumi.Output[str]
    """Name of the environment secret. Known once the secret is written."""
    generation: pulumi.Output[int]
    """Generation of the key."""

    def __init__(self, name: str, args: BranchCredentialArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        """Raises ConfigurationError before anything is registered.

        What `opts.depends_on` names exists before the deploy key and the secret do.
        """
        valid = _valid(args)
        generation = valid.generation or 1
        super().__init__("gitops-infra:index:BranchCredential", name, None, itself(opts))
        title = valid.title or pulumi.Output.concat(
            "gitops-infra ", valid.repository, " ", valid.environment, f" g{generation}"
        )
        children = credential(
            Placement.of(self, name, opts, retain=False),
            CredentialNames(
                repository=valid.repository,
                environment=valid.environment,
                state_repository=valid.state_repository,
                title=title,
                secret_name=valid.secret_name or "",
                generation=generation,
            ),
        )
        self.secrets: tuple[pulumi.CustomResource, ...] = (children.secret,)
        self.fingerprint = children.key_pair.public_key_fingerprint_sha256
        self.title = children.deploy_key.title
        self.secret_name = children.secret.secret_name
        self.generation = known(generation)
        self.register_outputs(
            {
                "fingerprint": self.fingerprint,
                "title": self.title,
                "secret_name": self.secret_name,
                "generation": self.generation,
            }
        )


def _valid(args: Union[BranchCredentialArgs, Mapping[str, Any]]) -> BranchCredentialArgs:
    return checked(BranchCredentialArgs, args, _problems)


def _problems(args: BranchCredentialArgs) -> tuple[Problem, ...]:
    problems = []
    if (args.generation or 0) < 1:
        problems.append(
            Problem("generation", "generation-below-one", "generations count from 1", "Use 1, and raise it to rotate")
        )
    name = args.secret_name or ""
    refused = None if name == SECRET_NAME else variable_name(name)
    if refused is not None:
        problems.append(
            Problem("secret_name", "secret-name", f"the name of the secret {refused.reason}", refused.remedy)
        )
    return tuple(problems)
