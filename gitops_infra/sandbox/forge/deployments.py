"""Which commits are deployed where: what the rule about required deployments reads.

Source: GitHub, "Available rules for rulesets" (deployments must succeed before merging), and GitHub REST, "Create a
deployment status" (`auto_inactive`).
"""

from gitops_infra.sandbox.forge.model import Deployment, Repository
from gitops_infra.sandbox.forge.store import Store

PRODUCTION = "production"
"""The environment whose older deployments stay active. GitHub's flag `production_environment` is true for this name."""


def active_environments(store: Store, repository: Repository, sha: str | None) -> set[str]:
    """Names, in lower case, of the environments where the commit's last deployment succeeded and was not replaced."""
    last = {d.environment.lower(): d.state for d in store.deployments_of(repository) if d.sha == sha}
    return {name for name, state in last.items() if state == "success"}


def supersede(store: Store, deployment: Deployment) -> None:
    """Marks what was deployed before to the same environment as `inactive`, once a deployment has succeeded.

    Not in production. A commit that was on staging is thus no proof any more when another one is on staging.
    """
    if deployment.state != "success" or deployment.environment.lower() == PRODUCTION:
        return
    repository = store.repositories[deployment.repository_id]
    for earlier in store.deployments_of(repository):
        same = earlier.environment.lower() == deployment.environment.lower() and earlier.id < deployment.id
        if same and earlier.state == "success":
            earlier.state, earlier.replaced = "inactive", True
            store.save(earlier)
