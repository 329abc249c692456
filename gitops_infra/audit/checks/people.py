"""Users and teams that the topology names: there, visible to the token, and with the access that their part needs."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gitops_infra.audit.findings import Finding, error, missing_permission
from gitops_infra.audit.scene import Scene
from gitops_infra.plan.model import Approver, Credential, CredentialKind, Environment
from gitops_infra.topology.rules.application import WRITING

WRITERS = ("write", "admin")
"""Words of `permission` for who may push; GitHub says `write` for the role maintain as well."""


def names(scene: Scene) -> Iterator[Finding]:
    """A finding per place that names somebody who does not exist: the forge drops unknown reviewers silently."""
    for where, login in dict.fromkeys(scene.users()):
        if scene.reader.get("/users/{}", login).status == HTTPStatus.NOT_FOUND:
            yield error(where, "user-absent", f"the forge has no user `{login}`", "Correct the login")
    for where, slug in dict.fromkeys(scene.teams()):
        status = scene.reader.get("/orgs/{}/teams/{}", scene.plan.owner, slug).status
        if status == HTTPStatus.FORBIDDEN:
            yield missing_permission(f"organisation {scene.plan.owner}", "members", "read")
        elif status == HTTPStatus.NOT_FOUND:
            yield error(
                where,
                "team-absent",
                f"{scene.plan.owner} has no team `{slug}` that the token can see",
                "Correct the slug (the last part of the team's address), or let the token read members",
            )


def reviewers(scene: Scene, environment: Environment) -> Iterator[Finding]:
    """Reviewers who cannot read the repository: GitHub refuses the environment with 422."""
    granted = {(grant.team or grant.user or "").casefold() for grant in scene.application.access}
    for approver in environment.policy.approvers:
        name = approver.team or approver.user
        if name is None or name.casefold() in granted or not _without_access(scene, approver):
            continue
        kind = "team" if approver.team else "user"
        yield error(
            f"reviewers of environment {environment.name}",
            "reviewer-without-access",
            f"the {kind} `{name}` cannot read {scene.application.full_name}, and GitHub refuses such a reviewer",
            "Add it under `grants` of the application with `role: read` or a stronger one",
        )


def _without_access(scene: Scene, approver: Approver) -> bool:
    """Whether the forge says so for certain; what cannot be read is not judged."""
    repository = scene.application
    if scene.live() is None:
        # Of a new repository, a team gets what the topology says; a user may have more by the organisation.
        made = repository.name.lower() in scene.known.repositories
        return approver.team is not None and not repository.existing and not made
    if approver.team is not None:
        team = scene.reader.get("/orgs/{}/teams/{}", scene.plan.owner, approver.team)
        held = scene.reader.get(
            "/orgs/{}/teams/{}/repos/{}/{}", scene.plan.owner, approver.team, repository.owner, repository.name
        )
        return team.ok and held.status == HTTPStatus.NOT_FOUND
    held = scene.reader.get(
        "/repos/{}/{}/collaborators/{}/permission", repository.owner, repository.name, str(approver.user)
    )
    return held.ok and isinstance(held.data, Mapping) and held.data.get("permission") == "none"


def machine_user(scene: Scene, environment: Environment) -> Iterator[Finding]:
    """The machine user of the environment: the one that is meant, and able to push."""
    credential = environment.credential
    if credential is None or credential.kind is not CredentialKind.MACHINE_USER or credential.user is None:
        return
    where = f"writer of environment {environment.name}"
    answer = scene.reader.get("/users/{}", credential.user)
    if not answer.ok or not isinstance(answer.data, Mapping):
        return  # `names` says so
    yield from _other_id(where, credential, answer.data)
    yield from _cannot_push(scene, where, credential.user)


def _other_id(where: str, credential: Credential, user: Mapping[str, Any]) -> Iterator[Finding]:
    """A login that was given up can be taken by anybody, a number cannot."""
    if credential.user_id is not None and user.get("id") != credential.user_id:
        yield error(
            where,
            "user-id",
            f"`{credential.user}` has the id {user.get('id')}, the topology says {credential.user_id}",
            "Find out whose account that is before you correct `id` or `user`",
        )


def _cannot_push(scene: Scene, where: str, login: str) -> Iterator[Finding]:
    repository = scene.application
    granted = any(
        (grant.user or "").casefold() == login.casefold() and grant.role in WRITING for grant in repository.access
    )
    if granted or scene.live() is None:
        return
    answer = scene.reader.get("/repos/{}/{}/collaborators/{}/permission", repository.owner, repository.name, login)
    held = str(answer.data.get("permission")) if answer.ok and isinstance(answer.data, Mapping) else None
    if answer.status == HTTPStatus.NOT_FOUND:
        held = "none"
    if held is not None and held not in WRITERS:
        told = "is no collaborator of" if held == "none" else f"has only the role {held} in"
        yield error(
            where,
            "writer-without-access",
            f"`{login}` {told} {repository.full_name}: a bypass lifts a rule, it gives no access",
            f"Add it under `grants` with `role: write`, and let {login} accept the invitation",
        )
