"""GitHub Apps that move environment branches, checked with their own keys where those can be read."""

from collections.abc import Callable, Iterable, Iterator

from gitops_infra.audit.checks.writers import AppWriter, app_findings
from gitops_infra.audit.findings import Finding, error, info
from gitops_infra.plan.model import Credential, CredentialKind, Plan

KeyReader = Callable[[str], str | None]
"""Configuration key -> the private key, or None where the stack's configuration gives none."""

Place = tuple[str, int, str]


def apps(plans: Iterable[Plan]) -> dict[Place, tuple[str, ...]]:
    """(environment, App id, configuration key) -> the repositories whose branch it moves."""
    found: dict[Place, tuple[str, ...]] = {}
    for plan in plans:
        for environment in plan.environments:
            place = _place(environment.name, environment.credential)
            if place is not None:
                found[place] = (*found.get(place, ()), plan.application.full_name)
    return found


def check(place: Place, repositories: tuple[str, ...], read: KeyReader | None, base_url: str) -> Iterator[Finding]:
    """Findings about one App. `read` None: there is no stack to read its key from, and that is said."""
    environment, app, key = place
    where = f"GitHub App {app} of environment {environment}"
    if read is None:
        yield info(
            where, "writer-not-checked", f"its key `{key}` is in a stack's configuration: give --stack to check it"
        )
        return
    pem = read(key)
    if pem is None:
        yield error(
            where,
            "writer-key-absent",
            f"the stack's configuration gives no value for `{key}`",
            f"Run `gitops-infra app create {environment}`, or `pulumi config set --secret {key} < FILE`",
        )
        return
    yield from app_findings(AppWriter(app, pem, repositories, environment, key), base_url)


def _place(environment: str, credential: Credential | None) -> Place | None:
    if credential is None or credential.kind is not CredentialKind.APP:
        return None
    if credential.app is None or credential.key is None:
        return None
    return environment, credential.app, credential.key
