"""Variables and secrets of one environment's CI jobs."""

from collections.abc import Mapping
from typing import Any, Optional, Union

import pulumi
from pydantic import Field

from gitops_infra.components.gate import known
from gitops_infra.components.inputs import Args, In, checked
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.github.variable import variables
from gitops_infra.forges.passphrase import open_state
from gitops_infra.plan.credentials import KNOWN_HOSTS, SECRET_NAMES
from gitops_infra.topology.names import variable_name
from gitops_infra.topology.problems import Problem, path

OURS = ("GITOPS_STATE_REPOSITORY", "GITOPS_BRANCH", KNOWN_HOSTS, *SECRET_NAMES.values())
"""Names with our prefix that the plan itself sets; any other one is refused."""


class CiVariablesArgs(Args):
    """Arguments of `CiVariables`."""

    repository: In[str]
    """Name of the repository that has the CI environment."""
    environment: In[str]
    """Name of the CI environment."""
    variables: Optional[dict[str, In[str]]] = None
    """Variables by name. Anyone who can read the repository's settings can read them."""
    secrets: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Secrets by name. Each value is marked secret, also one that is passed as a plain string."""


class CiVariables(pulumi.ComponentResource):
    """Variables and secrets that only jobs of one environment can read.

    Secrets are deleted by destroy, whatever else it keeps.
    """

    variable_names: pulumi.Output[list[str]]
    """Names of the variables, sorted."""
    secret_names: pulumi.Output[list[str]]
    """Names of the secrets, sorted."""

    def __init__(
        self,
        name: str,
        args: CiVariablesArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _inside: Optional[pulumi.Resource] = None,
    ) -> None:
        """Raises ConfigurationError before anything is registered. `_inside` is for `DeploymentEnvironment`.

        What `opts.depends_on` names exists before the variables and secrets do: name the environment's deployment
        policies there, or use `DeploymentEnvironment`, which does.
        """
        valid = _valid(args)
        super().__init__("gitops-infra:index:CiVariables", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=False).within(_inside)
        children = variables(
            place,
            repository=valid.repository,
            environment=valid.environment,
            variables=valid.variables or {},
            secrets=valid.secrets or {},
        )
        self.retained: tuple[pulumi.CustomResource, ...] = tuple(children.variables.values()) if place.retain else ()
        self.secrets: tuple[pulumi.CustomResource, ...] = tuple(children.secrets.values())
        self.variable_names = known(list(children.variables))
        self.secret_names = known(list(children.secrets))
        self.register_outputs({"variable_names": self.variable_names, "secret_names": self.secret_names})


def _valid(args: Union[CiVariablesArgs, Mapping[str, Any]]) -> CiVariablesArgs:
    return checked(CiVariablesArgs, args, _problems)


def _problems(args: CiVariablesArgs) -> tuple[Problem, ...]:
    groups = {"variables": args.variables or {}, "secrets": args.secrets or {}}
    problems = [
        Problem(
            path(group, name), f"{group[:-1]}-name", f"the name of the {group[:-1]} {refused.reason}", refused.remedy
        )
        for group, values in groups.items()
        for name in values
        if name not in OURS and (refused := variable_name(name)) is not None
    ]
    both = {name.upper() for name in groups["variables"]} & {name.upper() for name in groups["secrets"]}
    problems += [
        Problem(
            path("secrets", name),
            "variable-and-secret",
            f"'{name}' is both a variable and a secret",
            "Keep one of them: jobs would read the public one by mistake",
        )
        for name in sorted(groups["secrets"])
        if name.upper() in both
    ]
    return (*problems, *(open_state() if args.secrets else ()))
