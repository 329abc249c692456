"""The repositories: there or not there, as declared, and open to the token."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.findings import Finding, error, missing_permission, owned_elsewhere
from gitops_infra.audit.ownership import marked
from gitops_infra.audit.scene import Scene, of_repository
from gitops_infra.plan.model import Environment, Repository
from gitops_infra.plan.resources import ResourceKind

PROBES = (
    ("administration", "write", "/repos/{}/{}/keys"),
    ("contents", "write", "/repos/{}/{}/commits"),
    ("actions", "read", "/repos/{}/{}/environments"),
    ("environments", "write", "/repos/{}/{}/environments/{}/variables"),
)
"""Permission, the level that is needed, and a read that GitHub answers with 403 without it.

Reading shows that a permission was given, not that it may write. `workflows` guards no read at all. Secrets and
variables of an environment fall under `environments`; `secrets` and `variables` are those of the repository.
Source: GitHub docs, permissions required for GitHub Apps.
"""


WEBHOOKS = ("repository_hooks", "write", "/repos/{}/{}/hooks")
"""The same, where a cluster is told of pushes."""


def application(scene: Scene) -> Iterator[Finding]:
    """Findings about the application repository itself."""
    repository = scene.application
    if not repository.existing:
        remedy = "Set `existing: true` to protect it as it is, or choose another name"
        yield from _new(scene, repository, remedy)
        return
    live = scene.live()
    if live is None:
        yield error(
            of_repository(repository),
            "repository-absent",
            "it does not exist, or the token cannot see it",
            "Correct the name, give the App or token access to it, or leave out `existing` to make it",
        )
        return
    yield from _identity(repository, live)
    yield from _import(scene, repository, live)
    yield from _permissions(scene, repository, live)


def state(scene: Scene, environment: Environment) -> Iterator[Finding]:
    """Findings about the state repository of the environment, which the plan makes."""
    if environment.state is not None:
        remedy = f"Choose another `state_repository` for {environment.name}, or remove the old one if nothing uses it"
        yield from _new(scene, environment.state, remedy)


def _new(scene: Scene, repository: Repository, remedy: str) -> Iterator[Finding]:
    if repository.name.lower() in scene.known.repositories:
        return
    answer = scene.reader.get("/repos/{}/{}", repository.owner, repository.name)
    if not answer.ok:
        return
    where = of_repository(repository)
    mark = marked(answer.data.get("description")) if isinstance(answer.data, Mapping) else None
    if mark is not None and mark == scene.known.stack:
        yield error(
            where,
            "repository-not-in-state",
            f"it was made by this stack ({mark}), whose state does not have it",
            f"Run `gitops-infra resume --stack {mark.rpartition('/')[2]}` after a killed `pulumi up`, or "
            "`gitops-infra adopt` after a destroy that kept it",
        )
        return
    owner = mark or scene.owners.of(ResourceKind.REPOSITORY, repository.name)
    if owner is not None:
        yield owned_elsewhere(where, "it", owner)
        return
    yield error(where, "repository-exists", "it is there already, and the topology makes it", remedy)


def _identity(repository: Repository, live: Mapping[str, Any]) -> Iterator[Finding]:
    where = of_repository(repository)
    full_name = str(live.get("full_name", repository.full_name))
    if full_name.lower() != repository.full_name.lower():
        yield error(where, "repository-moved", f"it is {full_name} now", "Write the new name")
    if live.get("archived"):
        yield error(where, "repository-archived", "it is archived: nothing in it can be changed", "Unarchive it")
    if live.get("default_branch") != repository.default_branch:
        yield error(
            where,
            "default-branch",
            f"its default branch is `{live.get('default_branch')}`, the topology says `{repository.default_branch}`",
            f"Set `default_branch: {live.get('default_branch')}`",
        )
    visibility = visibility_of(live)
    if visibility != repository.visibility:
        yield error(
            where,
            "visibility",
            f"it is {visibility}, the topology says {repository.visibility}",
            f"Set `visibility: {visibility}`",
        )


def visibility_of(live: Mapping[str, Any]) -> str:
    """Visibility in the forge's word; old servers tell only whether it is private."""
    return str(live.get("visibility") or ("private" if live.get("private") else "public"))


def _import(scene: Scene, repository: Repository, live: Mapping[str, Any]) -> Iterator[Finding]:
    """Pulumi imports a resource only where every property that the program names is as it is on the forge."""
    if not repository.imported or repository.name.lower() in scene.known.repositories:
        return
    named = {"name": repository.name, "description": repository.description}
    for key, wanted in named.items():
        there = str(live.get(key) or "")
        if wanted is not None and wanted != there:
            yield error(
                of_repository(repository),
                "import-differs",
                f"its {key} is {there!a}, the topology says {wanted!a}, and Pulumi imports only what is the same",
                f"Write {there!a}, or leave `{key}` out; once `pulumi up` has imported it, it can be changed here"
                if key == "description"
                else f"Write `name: {there}`",
            )


def _permissions(scene: Scene, repository: Repository, live: Mapping[str, Any]) -> Iterator[Finding]:
    if scene.identity.login is not None and (live.get("permissions") or {}).get("admin") is False:
        yield error(
            of_repository(repository),
            "missing-permission",
            f"the token lacks the permission administration: {scene.identity.login} is not an administrator",
            "Use a token of an administrator, or an App with the permission administration (write)",
        )
        return
    if scene.identity.scopes is not None:
        return
    environment = next((each.name for each in (*scene.plan.environments, *scene.others)), "")
    for permission, level, path in (*PROBES, *((WEBHOOKS,) if scene.makes_webhooks else ())):
        answer = scene.reader.get(path, repository.owner, repository.name, environment, per_page=1)
        # Webhooks that may not be seen are no webhooks to GitHub.
        hidden = (permission, answer.status) == (WEBHOOKS[0], HTTPStatus.NOT_FOUND)
        if answer.status == HTTPStatus.FORBIDDEN or hidden:
            yield missing_permission(of_repository(repository), permission, level)
