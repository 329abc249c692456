"""The repositories: there or not there, as declared, and with room for what the plan makes in them."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.findings import Finding, error, missing_permission
from gitops_infra.audit.scene import Scene
from gitops_infra.plan.model import Environment, Repository

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
CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in its order."""


def check(scene: Scene) -> Iterator[Finding]:
    """Findings about the application and every state repository."""
    application = scene.plan.application
    if application.existing:
        yield from _existing(scene, application)
    else:
        yield from _new(scene, application, "Set `existing: true` to protect it as it is, or choose another name")
    for environment in scene.plan.environments:
        if environment.state is not None:
            yield from _new(
                scene,
                environment.state,
                f"Choose another `state_repository` for {environment.name}, or remove the old one if nothing uses it",
            )


def _new(scene: Scene, repository: Repository, remedy: str) -> Iterator[Finding]:
    if repository.name.lower() in scene.known.repositories:
        return
    if scene.reader.get("/repos/{}/{}", repository.owner, repository.name).ok:
        yield error(_where(repository), "repository-exists", "it is there already, and the topology makes it", remedy)


def _existing(scene: Scene, repository: Repository) -> Iterator[Finding]:
    answer = scene.reader.get("/repos/{}/{}", repository.owner, repository.name)
    if not answer.ok or not isinstance(answer.data, dict):
        yield error(
            _where(repository),
            "repository-absent",
            "it does not exist, or the token cannot see it",
            "Correct the name, give the App or token access to it, or leave out `existing` to make it",
        )
        return
    live: dict[str, Any] = answer.data
    yield from _identity(repository, live)
    permissions = tuple(_permissions(scene, repository, live))
    yield from permissions
    if scene.topology.application.code_owners:
        yield from _code_owners(scene, repository, str(live.get("default_branch")))
    yield from _rulesets(scene, repository)
    yield from _environments(scene, repository)


def _identity(repository: Repository, live: dict[str, Any]) -> Iterator[Finding]:
    where = _where(repository)
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
    visibility = live.get("visibility") or ("private" if live.get("private") else "public")
    if visibility != repository.visibility:
        yield error(
            where,
            "visibility",
            f"it is {visibility}, the topology says {repository.visibility}",
            f"Set `visibility: {visibility}`",
        )


def _permissions(scene: Scene, repository: Repository, live: dict[str, Any]) -> Iterator[Finding]:
    if scene.identity.login is not None and (live.get("permissions") or {}).get("admin") is False:
        yield error(
            _where(repository),
            "missing-permission",
            f"the token lacks the permission administration: {scene.identity.login} is not an administrator",
            "Use a token of an administrator, or an App with the permission administration (write)",
        )
        return
    if scene.identity.scopes is not None:
        return
    environment = scene.plan.environments[0].name
    for permission, level, path in PROBES:
        answer = scene.reader.get(path, repository.owner, repository.name, environment, per_page=1)
        if answer.status == HTTPStatus.FORBIDDEN:
            yield missing_permission(_where(repository), permission, level)


def _code_owners(scene: Scene, repository: Repository, branch: str) -> Iterator[Finding]:
    for path in CODEOWNERS:
        if scene.reader.get("/repos/{}/{}/contents/" + path, repository.owner, repository.name, ref=branch).ok:
            return
    yield error(
        _where(repository),
        "no-code-owners",
        f"the topology says that it has a CODEOWNERS file, and there is none on `{branch}`",
        "Add `.github/CODEOWNERS` (`gitops-infra render` prints one), or set `code_owners: false`",
    )


def _rulesets(scene: Scene, repository: Repository) -> Iterator[Finding]:
    path = "/repos/{}/{}/rulesets"
    listing = scene.reader.pages(path, repository.owner, repository.name, includes_parents="false")
    live = {str(entry.get("name")) for entry in listing.entries}
    for ruleset in repository.rulesets:
        if ruleset.name in live and (repository.name.lower(), ruleset.name.lower()) not in scene.known.rulesets:
            yield error(
                _where(repository),
                "ruleset-exists",
                f"a ruleset named `{ruleset.name}` is there already",
                "Rename or delete the old one",
            )


def _environments(scene: Scene, repository: Repository) -> Iterator[Finding]:
    listing = scene.reader.pages("/repos/{}/{}/environments", repository.owner, repository.name, key="environments")
    # GitHub compares environment names without case.
    live = {str(entry.get("name")).lower() for entry in listing.entries}
    for wanted, planned in zip(scene.topology.environments, scene.plan.environments, strict=True):
        name = planned.name.lower()
        if name not in live or (repository.name.lower(), name) in scene.known.environments:
            continue
        yield from _variables(scene, repository, planned)
        yield from _policies(scene, repository, planned)
        if wanted.adopt:
            continue
        yield error(
            f"environment {planned.name} of {repository.full_name}",
            "environment-exists",
            "it is there already, and its reviewers and branch policy would be overwritten",
            f"Set `adopt: true` of {planned.name} to take it over, or choose another name",
        )
        yield from _secrets(scene, repository, planned)


def _secrets(scene: Scene, repository: Repository, planned: Environment) -> Iterator[Finding]:
    path = "/repos/{}/{}/environments/{}/secrets"
    listing = scene.reader.pages(path, repository.owner, repository.name, planned.name, key="secrets")
    live = {str(entry.get("name")).upper() for entry in listing.entries}
    wanted = [*([planned.credential.secret_name] if planned.credential else []), *planned.secrets]
    for name in wanted:
        if name.upper() in live:
            yield error(
                f"environment {planned.name} of {repository.full_name}",
                "secret-exists",
                f"a secret `{name}` is there already and would be overwritten",
                f"Set `adopt: true` of {planned.name} to take it over, or rename or delete the old one",
            )


def _variables(scene: Scene, repository: Repository, planned: Environment) -> Iterator[Finding]:
    path = "/repos/{}/{}/environments/{}/variables"
    listing = scene.reader.pages(path, repository.owner, repository.name, planned.name, key="variables")
    live = {str(entry.get("name")).upper() for entry in listing.entries}
    for name in planned.variables:
        if name.upper() in live:
            # Unlike an environment or a secret, a variable is refused when it is made a second time.
            yield error(
                f"environment {planned.name} of {repository.full_name}",
                "variable-exists",
                f"a variable `{name}` is there already, and GitHub refuses to make it again",
                "Delete it: `pulumi up` writes it anew",
            )


def _policies(scene: Scene, repository: Repository, planned: Environment) -> Iterator[Finding]:
    """Patterns beside the planned ones: the provider neither sees nor removes them, and they let other jobs in."""
    path = "/repos/{}/{}/environments/{}/deployment-branch-policies"
    listing = scene.reader.pages(path, repository.owner, repository.name, planned.name, key="branch_policies")
    for pattern in sorted({str(entry.get("name")) for entry in listing.entries} - set(planned.policy.branch_patterns)):
        yield error(
            f"environment {planned.name} of {repository.full_name}",
            "policy-exists",
            f"it admits jobs of `{pattern}` already, who could read its secrets",
            "Delete that deployment branch policy",
        )


def _where(repository: Repository) -> str:
    return f"repository {repository.full_name}"
