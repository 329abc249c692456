"""What a stack made already, read from its exported state."""

from collections.abc import Mapping
from typing import Any

from gitops_infra.audit.scene import Known

REPOSITORY = "github:index/repository:Repository"
ENVIRONMENT = "github:index/repositoryEnvironment:RepositoryEnvironment"
RULESET = "github:index/repositoryRuleset:RepositoryRuleset"


def read_known(document: Mapping[str, Any]) -> Known:
    """Names of repositories, environments and rulesets in a document of `pulumi stack export`."""
    resources = (document.get("deployment") or {}).get("resources") or ()

    def names(kind: str, *keys: str) -> frozenset[tuple[str, ...]]:
        return frozenset(
            tuple(str(entry.get("inputs", {}).get(key, "")).lower() for key in keys)
            for entry in resources
            if entry.get("type") == kind
        )

    return Known(
        repositories=frozenset(name for (name,) in names(REPOSITORY, "name")),
        environments=frozenset((first, second) for first, second in names(ENVIRONMENT, "repository", "environment")),
        rulesets=frozenset((first, second) for first, second in names(RULESET, "repository", "name")),
    )
