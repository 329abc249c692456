"""Variables and secrets of a CI environment on GitHub."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_github as github

from gitops_infra.forges.github.placement import Placement


@dataclass(frozen=True)
class VariableChildren:
    """Variables and secrets, by name."""

    variables: dict[str, github.ActionsEnvironmentVariable]
    secrets: dict[str, github.ActionsEnvironmentSecret]


def variables(
    place: Placement,
    *,
    repository: pulumi.Input[str],
    environment: pulumi.Input[str],
    variables: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, pulumi.Input[str]],
) -> VariableChildren:
    """The variables and secrets of one environment. A secret's value is marked secret here, whatever the caller did."""
    return VariableChildren(
        variables={
            name: github.ActionsEnvironmentVariable(
                place.child(f"variable-{name}"),
                repository=repository,
                environment=environment,
                variable_name=name,
                value=value,
                opts=place.options(),
            )
            for name, value in sorted(variables.items())
        },
        secrets={
            name: github.ActionsEnvironmentSecret(
                place.child(f"secret-{name}"),
                repository=repository,
                environment=environment,
                secret_name=name,
                value=pulumi.Output.secret(value),
                opts=place.revoked(),
            )
            for name, value in sorted(secrets.items())
        },
    )
