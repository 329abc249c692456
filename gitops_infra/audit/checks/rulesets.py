"""Rulesets that are there already: of a name that the plan uses, in the way of a writer, or turned off."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_infra.audit.findings import Finding, error, owned_elsewhere, warning
from gitops_infra.audit.scene import Scene, of_repository
from gitops_infra.plan.credentials import bypass_of
from gitops_infra.plan.model import BypassKind, Environment
from gitops_infra.plan.refs import matches
from gitops_infra.plan.resources import ResourceKind

REFUSES = ("creation", "update", "pull_request", "merge_queue")
"""Rules that no push of a promotion can satisfy."""

MAY_REFUSE = (
    "code_scanning",
    "commit_author_email_pattern",
    "commit_message_pattern",
    "committer_email_pattern",
    "required_deployments",
    "required_linear_history",
    "required_signatures",
    "required_status_checks",
    "workflows",
)
"""Rules that a push satisfies when the commits of the default branch do. Source: GitHub REST, "Rules"."""

DEFAULT_BRANCH = "~DEFAULT_BRANCH"


def check(scene: Scene) -> Iterator[Finding]:
    """Findings about the rulesets of an existing repository, also those that its organisation lays on it."""
    if scene.live() is None:
        return
    listed = scene.listed("rulesets", includes_parents="true")
    planned = {ruleset.name for ruleset in scene.application.rulesets}
    for entry in listed:
        own = entry.get("source_type", "Repository") == "Repository"
        name = str(entry.get("name"))
        known = (scene.application.name.lower(), name.lower()) in scene.known.rulesets
        if own and name in planned:
            yield from _ours(scene, entry) if known else _taken(scene, name)
        elif not (own and known):
            yield from _foreign(scene, entry)


def _taken(scene: Scene, name: str) -> Iterator[Finding]:
    where, owner = of_repository(scene.application), scene.owners.of(ResourceKind.RULESET, scene.application.name, name)
    if owner is not None:
        yield owned_elsewhere(where, f"the ruleset `{name}`", owner)
        return
    yield error(where, "ruleset-exists", f"a ruleset named `{name}` is there already", "Rename or delete the old one")


def _ours(scene: Scene, entry: Mapping[str, Any]) -> Iterator[Finding]:
    if entry.get("enforcement") != "active":
        yield error(
            of_repository(scene.application),
            "ruleset-off",
            f"this stack's ruleset `{entry.get('name')}` is set to `{entry.get('enforcement')}` and forbids nothing",
            "Run `pulumi up --refresh`, which makes it active again",
        )


def _foreign(scene: Scene, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """A ruleset of somebody else that governs an environment's branch and does not let its writer pass."""
    held = [each for each in scene.plan.environments if each.repository == scene.application.full_name]
    if not held or entry.get("enforcement") != "active" or entry.get("target") != "branch":
        return
    # The list has neither conditions nor rules.
    answer = scene.reader.get(
        "/repos/{}/{}/rulesets/{}", scene.application.owner, scene.application.name, str(entry.get("id"))
    )
    if not answer.ok or not isinstance(answer.data, Mapping):
        return
    detail = answer.data
    rules = {str(rule.get("type")) for rule in detail.get("rules") or ()}
    for environment in held:
        if environment.credential is None or not governs(detail, environment.ref or ""):
            continue
        if passes(detail, environment):
            continue
        yield from _in_the_way(scene, environment, detail, rules)


def _in_the_way(
    scene: Scene, environment: Environment, detail: Mapping[str, Any], rules: set[str]
) -> Iterator[Finding]:
    where = of_repository(scene.application)
    subject = f"the ruleset `{detail.get('name')}`{_of_whom(scene, detail)} governs {environment.branch} too"
    remedy = f"Exclude {environment.branch} from it, or let the writer of {environment.name} bypass it"
    if certain := sorted(rules & {*REFUSES}):
        reason = f"{subject}, and its rules ({', '.join(certain)}) refuse every promotion to {environment.name}"
        yield error(where, "ruleset-in-the-way", reason, remedy)
    elif possible := sorted(rules & {*MAY_REFUSE}):
        reason = f"{subject}, and its rules ({', '.join(possible)}) can refuse a promotion to {environment.name}"
        yield warning(where, "ruleset-in-the-way", reason, remedy)


def _of_whom(scene: Scene, detail: Mapping[str, Any]) -> str:
    """Whose it is: of the organisation, of another stack, or nobody's that is known."""
    if detail.get("source_type", "Repository") != "Repository":
        return f" of {detail.get('source')}"
    stack = scene.owners.of(ResourceKind.RULESET, scene.application.name, str(detail.get("name")))
    return f" of stack {stack}" if stack else ""


def governs(detail: Mapping[str, Any], ref: str) -> bool:
    """Whether it names the ref. The branch of an environment is never the default branch."""
    names = (detail.get("conditions") or {}).get("ref_name") or {}
    include, exclude = ([str(each) for each in names.get(key) or ()] for key in ("include", "exclude"))

    def named(patterns: list[str]) -> bool:
        return any(pattern != DEFAULT_BRANCH and matches(pattern, ref) for pattern in patterns)

    return named(include) and not named(exclude)


def passes(detail: Mapping[str, Any], environment: Environment) -> bool:
    """Whether the environment's writer is in the bypass list. A user whose id is not declared counts as any user."""
    actor = bypass_of(environment.credential)
    return actor is not None and any(
        entry.get("actor_type") == actor.kind
        and (actor.kind is BypassKind.DEPLOY_KEY or actor.id is None or entry.get("actor_id") == actor.id)
        and entry.get("bypass_mode", "always") != "pull_request"
        for entry in detail.get("bypass_actors") or ()
    )
