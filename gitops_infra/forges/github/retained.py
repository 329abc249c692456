"""What destroy keeps, in the form that `pulumi import` takes back."""

from collections.abc import Callable, Iterable

import pulumi
import pulumi_github as github


def _ruleset(_: str, resource: github.RepositoryRuleset) -> pulumi.Output[str]:
    return pulumi.Output.concat(resource.repository, ":", resource.id)


def _file(_: str, resource: github.RepositoryFile) -> pulumi.Output[str]:
    return pulumi.Output.concat(resource.repository, ":", resource.file, ":", resource.branch)


def _webhook(_: str, resource: github.RepositoryWebhook) -> pulumi.Output[str]:
    return pulumi.Output.concat(resource.repository, "/", resource.id)


def _alerts(_: str, resource: github.RepositoryVulnerabilityAlerts) -> pulumi.Output[str]:
    # Not its id in the state, which is the repository's number.
    return resource.repository


# Every other type is imported by the id that it has in the state. Source: the provider's import sections.
IMPORT_ID: dict[type[pulumi.CustomResource], Callable[..., pulumi.Output[str]]] = {
    github.RepositoryRuleset: _ruleset,
    github.RepositoryFile: _file,
    github.RepositoryVulnerabilityAlerts: _alerts,
    github.RepositoryWebhook: _webhook,
}


def import_id(owner: str, resource: pulumi.CustomResource) -> pulumi.Output[str]:
    """The id by which `pulumi import` finds the resource."""
    rule = IMPORT_ID.get(type(resource))
    return resource.id if rule is None else rule(owner, resource)


def retained(owner: str, resources: Iterable[pulumi.CustomResource]) -> pulumi.Output[list[dict[str, str]]]:
    """Type, logical name and import id of each resource, in the order given."""
    return pulumi.Output.all(
        *[
            pulumi.Output.all(
                type=resource.pulumi_resource_type,
                name=resource.pulumi_resource_name,
                id=import_id(owner, resource),
            )
            for resource in resources
        ]
    )
