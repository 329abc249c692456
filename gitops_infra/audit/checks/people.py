"""Users and teams that the topology names: there, and visible to the token."""

from collections.abc import Iterator
from http import HTTPStatus

from gitops_infra.audit.findings import Finding, error, missing_permission
from gitops_infra.audit.scene import Scene


def check(scene: Scene) -> Iterator[Finding]:
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
