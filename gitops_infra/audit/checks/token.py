"""The token: of the advised kind, with the scopes that the plan needs."""

from collections.abc import Iterator

from gitops_infra.audit.findings import Finding, error, warning
from gitops_infra.audit.scene import Scene
from gitops_infra.topology.vocabulary import Visibility


def check(scene: Scene) -> Iterator[Finding]:
    """Findings about the token itself. What it may do in one repository is that repository's check."""
    login = scene.identity.login
    if login is not None and scene.makes_keys:
        yield warning(
            "token",
            "personal-token",
            f"it is a personal token of {login}, and deploy keys made with it die with it",
            "Provision with a GitHub App installation token",
        )
    if scene.identity.scopes is None:
        return
    needed = tuple(_scopes(scene))
    for scope in needed:
        if not scene.identity.has_scope(scope):
            yield error(
                "token",
                "missing-permission",
                f"it lacks the scope `{scope}`",
                f"Make a token with the scopes {', '.join(f'`{name}`' for name in needed)}",
            )


def _scopes(scene: Scene) -> Iterator[str]:
    repositories = [scene.plan.application, *(e.state for e in scene.plan.environments if e.state)]
    public = all(repository.visibility is Visibility.PUBLIC for repository in repositories)
    yield "public_repo" if public else "repo"
    if any(file.path.startswith(".github/workflows/") for file in scene.plan.application.files):
        yield "workflow"
    if any(True for _ in scene.teams()):
        yield "read:org"
    # `repo` includes the webhooks of repositories, `public_repo` does not.
    if scene.makes_webhooks and public and not scene.identity.has_scope("repo"):
        yield "admin:repo_hook"
