"""Everything that a plan generates for protection, by name: what at least one weakening must be made for each of."""

from collections.abc import Iterator

from gitops_infra.audit.verification.rule_differences import planned_rules
from gitops_infra.plan.model import Environment, Plan, PullRequestRule, Repository, Ruleset

PARAMETERS = {
    "required_approving_review_count": "approvals",
    "require_code_owner_review": "code_owner_review",
    "dismiss_stale_reviews_on_push": "dismiss_stale_reviews",
    "require_last_push_approval": "last_push_approval",
}
"""Parameter of a pull-request rule at GitHub -> field of the plan's."""


def protections(plan: Plan) -> Iterator[str]:
    """The name of each."""
    for repository in plan.repositories:
        for ruleset in repository.rulesets:
            yield from _of_ruleset(repository.full_name, ruleset)
        yield from _of_repository(plan, repository)
    for each in plan.environments:
        yield from _of_environment(each)


def in_ruleset(full_name: str, ruleset: str, part: str = "") -> str:
    """A ruleset, or with `part` one rule, parameter or pattern of it."""
    return f"{full_name}: ruleset {ruleset}{f': {part}' if part else ''}"


def in_repository(full_name: str, part: str) -> str:
    """A setting of a repository."""
    return f"{full_name}: {part}"


def in_environment(name: str, part: str) -> str:
    """A part of an environment: its policy, its secret, its key, its place in a cluster."""
    return f"environment {name}: {part}"


def _of_ruleset(full_name: str, ruleset: Ruleset) -> Iterator[str]:
    yield in_ruleset(full_name, ruleset.name)
    yield in_ruleset(full_name, ruleset.name, "bypass")
    yield in_ruleset(full_name, ruleset.name, "refs")
    for rule in planned_rules(ruleset.rules):
        yield in_ruleset(full_name, ruleset.name, rule)
    if ruleset.rules.pull_request is not None:
        yield from (in_ruleset(full_name, ruleset.name, name) for name in _asked(ruleset.rules.pull_request))


def _asked(rule: PullRequestRule) -> Iterator[str]:
    return (name for name, field in PARAMETERS.items() if getattr(rule, field))


def _of_repository(plan: Plan, repository: Repository) -> Iterator[str]:
    full_name, is_state = repository.full_name, repository.full_name != plan.application.full_name
    yield in_repository(full_name, "keys")
    if is_state or not repository.existing:
        yield in_repository(full_name, "visibility")
    if is_state:
        yield in_repository(full_name, "roles")
    actions = repository.actions
    if actions is None:
        return
    if not actions.enabled:
        yield in_repository(full_name, "Actions off")
        return
    if actions.sha_pinning:
        yield in_repository(full_name, "SHA pinning")
    if actions.patterns is not None:
        yield in_repository(full_name, "allowed actions")
    if actions.read_only_token:
        yield in_repository(full_name, "read-only workflow token")


def _of_environment(environment: Environment) -> Iterator[str]:
    name, policy = environment.name, environment.policy
    yield in_environment(name, "branch policy")
    if policy.approvers:
        yield in_environment(name, "reviewers")
    if policy.prevent_self_review:
        yield in_environment(name, "no self-review")
    if policy.wait_minutes:
        yield in_environment(name, "wait timer")
    if not policy.admins_bypass:
        yield in_environment(name, "no admin bypass")
    if environment.credential is not None:
        yield in_environment(name, "credential in its secret alone")
        yield in_environment(name, "rotation")
    if environment.secrets:
        yield in_environment(name, "secrets in the environment alone")
    if environment.delivery is not None:
        for part in ("read-only key", "role", "role binding", "source", "account of the agent"):
            yield in_environment(name, part)
