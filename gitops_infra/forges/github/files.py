"""The files that a new repository starts with on GitHub."""

import pulumi
import pulumi_github as github

from gitops_infra.forges.github.placement import Placement
from gitops_infra.plan.model import Repository

WRITTEN_ONCE = ("content", "commitMessage", "commitAuthor", "commitEmail", "branch", "overwriteOnCreate")
"""Properties whose changes are ignored: once the branch is protected, a change has to be a pull request."""


def files(place: Placement, plan: Repository, *after: pulumi.Resource) -> tuple[github.RepositoryFile, ...]:
    """The files in a chain: two writes to one branch at the same time end in a conflict (409)."""
    chain: list[github.RepositoryFile] = []
    for file in plan.files:
        before = chain[-1:] or after
        chain.append(
            github.RepositoryFile(
                place.child(f"file-{file.key}"),
                repository=plan.name,
                branch=plan.default_branch,
                file=file.path,
                content=file.content,
                commit_message=file.message,
                overwrite_on_create=True,  # a killed run may have written it already
                opts=place.written_once(*before, ignore_changes=WRITTEN_ONCE),
            )
        )
    return tuple(chain)
