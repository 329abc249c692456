"""The one credential that may move an environment's branch."""

from collections.abc import Mapping
from typing import Any, Optional, Union

import pulumi
from pydantic import Field

from gitops_infra.components.gate import known
from gitops_infra.components.inputs import Args, In, checked
from gitops_infra.forges.github.deploy_key import CredentialChildren, NewKey, SecretPlace, credential, given
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.passphrase import open_state
from gitops_infra.plan.credentials import SECRET_NAMES
from gitops_infra.plan.model import CredentialKind
from gitops_infra.topology import names
from gitops_infra.topology.problems import Problem


class BranchCredentialArgs(Args):
    """Arguments of `BranchCredential`."""

    repository: In[str]
    """Name of the repository whose CI environment holds the secret."""
    environment: In[str]
    """Name of the CI environment."""
    state_repository: Optional[In[str]] = None
    """Name of the repository whose branch a new deploy key may move: `EnvironmentBranch.repository`, so that its rules
    exist before the key. Exactly one of this and `private_key`."""
    private_key: Optional[In[str]] = Field(default=None, repr=False)
    """Private key of a GitHub App (PEM) or of a machine user (SSH) that may move the branch. Marked secret."""
    generation: Optional[int] = 1
    """Raise by one to rotate a deploy key: a new one is made and tried, the old one revoked last."""
    title: Optional[In[str]] = None
    """Title of the deploy key. Default: `gitops-infra <repository> <environment> g<generation>`."""
    secret_name: Optional[str] = None
    """Name of the environment secret. Default: `GITOPS_DEPLOY_KEY`, and `GITOPS_APP_KEY` for a given key."""
    ssh_url: Optional[In[str]] = None
    """Address of the repository over SSH. Given: a rotation tries the new key there before the old one is revoked."""
    known_hosts: Optional[list[str]] = None
    """Host key lines of that server, for any but github.com, whose key is known."""


class BranchCredential(pulumi.ComponentResource):
    """The one credential that may move an environment's branch.

    An Ed25519 key pair: the public half as write key of the repository, the private half as a secret of one CI
    environment, written last; or the private key of an App or machine user, as such a secret. Destroy revokes the key
    and removes the secret, whatever else it keeps.
    """

    fingerprint: pulumi.Output[Optional[str]]
    """SHA-256 fingerprint of the public key; none for a given key."""
    title: pulumi.Output[Optional[str]]
    """Title of the deploy key on the forge; none for a given key."""
    secret_name: pulumi.Output[str]
    """Name of the environment secret. Known once the secret is written."""
    generation: pulumi.Output[int]
    """Generation of the key."""

    def __init__(
        self,
        name: str,
        args: BranchCredentialArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _inside: Optional[pulumi.Resource] = None,
        _prefix: str = "",
    ) -> None:
        """Raises ConfigurationError before anything is registered. `_inside` and `_prefix` are for ours.

        What `opts.depends_on` names exists before the deploy key and the secret do.
        """
        valid = _valid(args)
        super().__init__("gitops-infra:index:BranchCredential", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=False).within(_inside)
        children = _register(place, valid, _prefix)
        key_pair, deploy_key = children.key_pair, children.deploy_key
        self.secrets: tuple[pulumi.CustomResource, ...] = (children.secret,)
        self.fingerprint = known(None) if key_pair is None else key_pair.public_key_fingerprint_sha256
        self.title = known(None) if deploy_key is None else deploy_key.title
        self.secret_name = children.secret.secret_name
        self.generation = known(valid.generation or 1)
        self.register_outputs(
            {
                "fingerprint": self.fingerprint,
                "title": self.title,
                "secret_name": self.secret_name,
                "generation": self.generation,
            }
        )


def _register(place: Placement, args: BranchCredentialArgs, prefix: str) -> CredentialChildren:
    where = SecretPlace(args.repository, args.environment, _secret_name(args))
    if args.private_key is not None:
        return given(place, where, args.private_key)
    generation = args.generation or 1
    title = args.title or pulumi.Output.concat(
        "gitops-infra ", args.repository, " ", args.environment, f" g{generation}"
    )
    key = NewKey(
        repository=args.state_repository or "",
        title=title,
        generation=generation,
        prefix=prefix,
        hosted=args.state_repository == args.repository,
        ssh_url=None if args.ssh_url is None else pulumi.Output.from_input(args.ssh_url),
        known_hosts=tuple(args.known_hosts or ()),
    )
    return credential(place, where, key)


def _secret_name(args: BranchCredentialArgs) -> str:
    kind = CredentialKind.DEPLOY_KEY if args.private_key is None else CredentialKind.APP
    return args.secret_name or SECRET_NAMES[kind]


def _valid(args: Union[BranchCredentialArgs, Mapping[str, Any]]) -> BranchCredentialArgs:
    return checked(BranchCredentialArgs, args, _problems)


def _problems(args: BranchCredentialArgs) -> tuple[Problem, ...]:
    problems = []
    if (args.generation or 0) < 1:
        problems.append(
            Problem("generation", "generation-below-one", "generations count from 1", "Use 1, and raise it to rotate")
        )
    if (args.state_repository is None) is (args.private_key is None):
        both = "both" if args.private_key is not None else "neither"
        problems.append(
            Problem(
                "branch credential",
                "new-or-given-key",
                f"{both} `state_repository` {'and' if both == 'both' else 'nor'} `private_key` "
                f"{'are' if both == 'both' else 'is'} given",
                "Give `state_repository` for a new deploy key, or the `private_key` of an App or machine user",
            )
        )
    name = args.secret_name or ""
    refused = None if name in {"", *SECRET_NAMES.values()} else names.variable_name(name)
    if refused is not None:
        problems.append(
            Problem("secret_name", "secret-name", f"the name of the secret {refused.reason}", refused.remedy)
        )
    return (*problems, *open_state())
