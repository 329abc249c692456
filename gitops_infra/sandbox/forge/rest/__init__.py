"""The REST surface, one module per noun; each has a table `ROUTES` of (method, path template) to handler."""

from gitops_infra.sandbox.forge.rest import (
    actions,
    branches,
    collaborators,
    commits,
    contents,
    deployments,
    environments,
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
    variables,
)

TABLES = tuple(
    module.ROUTES
    for module in (
        service,
        organizations,
        teams,
        repositories,
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
