"""An environment of the same name: what is in it would be overwritten, or stay and stand open."""

from collections.abc import Iterator

from gitops_infra.audit.findings import Finding, error, owned_elsewhere
from gitops_infra.audit.scene import Scene, of_environment
from gitops_infra.plan.model import Environment
from gitops_infra.plan.resources import ResourceKind
from gitops_infra.topology.environment import Environment as WantedEnvironment


def check(scene: Scene, wanted: WantedEnvironment, planned: Environment) -> Iterator[Finding]:
    """Findings about one environment of an existing repository, unless the stack made it."""
    if scene.live() is None:
        return
    name = planned.name.lower()
    # GitHub compares environment names without case.
    live = {str(entry.get("name")).lower() for entry in scene.listed("environments", key="environments")}
    repository = scene.application.name
    if name not in live or (repository.lower(), name) in scene.known.environments:
        return
    where = of_environment(scene, planned)
    owner = scene.owners.of(ResourceKind.ENVIRONMENT, repository, planned.name)
    if owner is not None:
        yield owned_elsewhere(where, "it", owner)
        return
    yield from _variables(scene, planned)
    yield from _policies(scene, planned)
    if not wanted.adopt:
        yield error(
            where,
            "environment-exists",
            "it is there already, and its reviewers and branch policy would be overwritten",
            f"Set `adopt: true` of {planned.name} to take it over, or choose another name",
        )
    yield from _secrets(scene, planned, adopted=bool(wanted.adopt))


def _secrets(scene: Scene, planned: Environment, *, adopted: bool) -> Iterator[Finding]:
    live = {str(entry.get("name")).upper() for entry in _inside(scene, planned, "secrets", "secrets")}
    for name in [*([planned.credential.secret_name] if planned.credential else []), *planned.secrets]:
        if name.upper() not in live:
            continue
        owner = scene.owners.of(ResourceKind.SECRET, scene.application.name, planned.name, name)
        if owner is not None:
            yield owned_elsewhere(of_environment(scene, planned), f"the secret `{name}`", owner)
        elif not adopted:
            yield error(
                of_environment(scene, planned),
                "secret-exists",
                f"a secret `{name}` is there already and would be overwritten",
                f"Set `adopt: true` of {planned.name} to take it over, or rename or delete the old one",
            )


def _variables(scene: Scene, planned: Environment) -> Iterator[Finding]:
    live = {str(entry.get("name")).upper() for entry in _inside(scene, planned, "variables", "variables")}
    for name in planned.variables:
        if name.upper() not in live:
            continue
        owner = scene.owners.of(ResourceKind.VARIABLE, scene.application.name, planned.name, name)
        if owner is not None:
            yield owned_elsewhere(of_environment(scene, planned), f"the variable `{name}`", owner)
        else:
            # Unlike an environment or a secret, a variable is refused when it is made a second time.
            yield error(
                of_environment(scene, planned),
                "variable-exists",
                f"a variable `{name}` is there already, and GitHub refuses to make it again",
                "Delete it: `pulumi up` writes it anew",
            )


def _policies(scene: Scene, planned: Environment) -> Iterator[Finding]:
    """Patterns beside the planned ones: the provider neither sees nor removes them, and they let other jobs in."""
    live = _inside(scene, planned, "deployment-branch-policies", "branch_policies")
    for pattern in sorted({str(entry.get("name")) for entry in live} - set(planned.policy.branch_patterns)):
        yield error(
            of_environment(scene, planned),
            "policy-exists",
            f"it admits jobs of `{pattern}` already, who could read its secrets",
            "Delete that deployment branch policy",
        )


def _inside(scene: Scene, planned: Environment, part: str, key: str) -> tuple[dict[str, object], ...]:
    return tuple(dict(entry) for entry in scene.listed(f"environments/{{}}/{part}", planned.name, key=key))
