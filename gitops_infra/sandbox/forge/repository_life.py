"""A repository's life after its creation: renamed, given to another owner, removed.

Source: GitHub, "Renaming a repository", "Transferring a repository", and GitHub REST, "Transfer a repository". The old
name leads to the repository until another one takes it.
"""

import re
import shutil

from gitops_infra.sandbox.forge.model import Account, Repository
from gitops_infra.sandbox.forge.responses import Refusal, invalid
from gitops_infra.sandbox.forge.store import Store

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
OWNED = (
    "deploy_keys",
    "rulesets",
    "environments",
    "pull_requests",
    "statuses",
    "deployments",
    "pushes",
    "webhooks",
    "hook_deliveries",
)
"""Views of the store whose records belong to one repository and go with it."""


def check_name(name: str) -> None:
    """Raises Refusal 422 for a name that GitHub does not take."""
    if not NAME.fullmatch(name) or name in (".", "..") or name.lower().endswith(".git"):
        words = "The repository name can only contain ASCII letters, digits, and the characters ., -, and _"
        raise invalid("Repository", "name", words)


def taken() -> dict[str, str]:
    """The error of a name that the owner uses already."""
    message = "name already exists on this account"
    return {"resource": "Repository", "code": "custom", "field": "name", "message": message}


def claim_name(store: Store, owner: Account, name: str) -> None:
    """Ends a redirect from that name: a repository is about to have it."""
    full_name = f"{owner.login}/{name}".lower()
    for repository in store.repositories.values():
        if full_name in repository.former_names:
            repository.former_names.remove(full_name)
            store.save(repository)


def rename(store: Store, repository: Repository, name: str) -> None:
    """Gives the repository another name. Raises Refusal 422 for a bad or taken one."""
    _move(store, repository, store.accounts[repository.owner_id], name, "Validation Failed")


def transfer(store: Store, repository: Repository, owner: Account, name: str) -> None:
    """Gives the repository to another owner.

    Collaborators, deploy keys, rulesets, environments and pull requests come along. Teams of the old owner lose it,
    also as reviewers; its installations lose it. Raises Refusal 422 for a bad or taken name.
    """
    _move(store, repository, owner, name, "Repository transfer failed.")
    _forget_in_teams(store, repository)
    _forget_in_installations(store, repository)
    for environment in store.environments_of(repository):
        environment.reviewers = [reviewer for reviewer in environment.reviewers if reviewer["type"] != "Team"]
        store.save(environment)


def delete(store: Store, repository: Repository) -> None:
    """Removes the repository with everything in it; the git data goes when the transaction is on disk."""
    for view in OWNED:
        for record in [r for r in getattr(store, view).values() if r.repository_id == repository.id]:
            store.delete(record)
    _forget_in_teams(store, repository)
    _forget_in_installations(store, repository)
    store.delete(repository)
    git_dir = store.git_dir(repository)
    store.after_commit(lambda: shutil.rmtree(git_dir, ignore_errors=True))


def _move(store: Store, repository: Repository, owner: Account, name: str, failure: str) -> None:
    check_name(name)
    if store.repository(owner.login, name) not in (None, repository):
        raise Refusal(422, failure, [taken()])
    before = store.full_name(repository).lower()
    claim_name(store, owner, name)
    repository.owner_id, repository.name = owner.id, name
    if before != store.full_name(repository).lower():
        repository.former_names.append(before)
    repository.updated_at = store.now()
    store.save(repository)


def _forget_in_teams(store: Store, repository: Repository) -> None:
    for team in [t for t in store.teams.values() if repository.id in t.repositories]:
        del team.repositories[repository.id]
        store.save(team)


def _forget_in_installations(store: Store, repository: Repository) -> None:
    for installation in store.installations.values():
        if installation.repository_ids and repository.id in installation.repository_ids:
            installation.repository_ids.remove(repository.id)
            store.save(installation)
