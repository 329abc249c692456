"""Branches in an existing repository that have the name of an environment's branch."""

from collections.abc import Iterator, Mapping

from gitops_infra.audit.findings import Finding, error
from gitops_infra.audit.scene import Scene, of_repository
from gitops_infra.plan.model import Environment

PART_OF_DEFAULT = ("ahead", "identical")
"""How the default branch stands to a branch that is part of it. Source: GitHub REST, "Compare two commits"."""


def check(scene: Scene, environment: Environment) -> Iterator[Finding]:
    """The finding that a branch could never be moved forward to a commit of the default branch."""
    live, repository = scene.live(), scene.application
    if live is None or environment.branch is None or environment.repository != repository.full_name:
        return
    default = str(live.get("default_branch"))
    if not scene.reader.get("/repos/{}/{}/branches/{}", repository.owner, repository.name, environment.branch).ok:
        return
    answer = scene.reader.get(
        "/repos/{}/{}/compare/{}", repository.owner, repository.name, f"{environment.branch}...{default}", per_page=1
    )
    status = answer.data.get("status") if answer.ok and isinstance(answer.data, Mapping) else None
    if status is not None and status not in PART_OF_DEFAULT:
        yield error(
            of_repository(repository),
            "branch-diverged",
            f"the branch `{environment.branch}` is there already with commits that are not in `{default}`, so no "
            f"promotion to {environment.name} can move it forward",
            f"Delete it, merge it into `{default}`, or give {environment.name} another `branch`",
        )
