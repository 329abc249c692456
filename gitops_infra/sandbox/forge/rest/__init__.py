"""The REST surface, one module per noun; each has a table `ROUTES` of (method, path template) to handler."""

from gitops_infra.sandbox.forge.rest import (
    actions,
    apps,
    branches,
    collaborators,
    commits,
    contents,
    deployments,
    environments,
    installations,
    keys,
    labels,
    organizations,
    pulls,
    references,
    repositories,
    rulesets,
    secrets,
    service,
    statuses,
    teams,
    templates,
    variables,
)

TABLES = tuple(
    module.ROUTES
    for module in (
        service,
        apps,
        installations,
        organizations,
        teams,
        repositories,
        templates,
        collaborators,
        keys,
        rulesets,
        environments,
        secrets,
        variables,
        references,
        branches,
        commits,
        contents,
        labels,
        actions,
        pulls,
        statuses,
        deployments,
    )
)
