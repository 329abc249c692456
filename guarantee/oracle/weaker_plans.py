"""Plans that are weaker than their topology by one change: a rule, a bypass, refs, a policy.

Derived from the plan, so that everything it protects is weakened once; what a change cannot open has its reason.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gitops_infra.plan.actors import secrets_of
from gitops_infra.plan.credentials import bypass_of
from gitops_infra.plan.model import BypassActor, BypassKind, Environment, Plan, RefKind, Rules, Ruleset
from guarantee.oracle.inhabitants import PROVISIONER_APP, SOMEBODY, TEAM

ACTIONS = 15368
"""Id of the App behind every job's token."""

STRANGERS = (
    BypassActor(BypassKind.DEPLOY_KEY),
    BypassActor(BypassKind.REPOSITORY_ROLE, 4),
    BypassActor(BypassKind.INTEGRATION, ACTIONS),
    BypassActor(BypassKind.INTEGRATION, PROVISIONER_APP),
    BypassActor(BypassKind.USER, SOMEBODY),
)
"""Whom no ruleset lets through unless it says so: every key, everybody who may write, every job, an App, a person."""

MORE_STRANGERS = (
    BypassActor(BypassKind.REPOSITORY_ROLE, 2),
    BypassActor(BypassKind.REPOSITORY_ROLE, 5),
    BypassActor(BypassKind.ORGANIZATION_ADMIN),
    BypassActor(BypassKind.TEAM, TEAM),
)
"""Tried on the rulesets of one environment: they work as the others do."""

RULES = ("creation", "update", "deletion", "non_fast_forward")
PARAMETERS = ("required_checks", "required_deployments")
# What a single change cannot open, because something else holds.
EQUIVALENT = (
    ("default branch without (creation|non_fast_forward)$", "the pull request rule forbids it too"),
    ("^repository: default branch bypassed by DeployKey$", "the application has no write deploy key"),
    ("^branch: (?!moved (?!.*former)).* bypassed by DeployKey$", "the application has no write deploy key"),
    (r"^shared: one .*\(former\) bypassed by DeployKey$", "the former state repository has no key any more"),
    (r"^repository: \w+ writers bypassed by Integration 15368$", "a job's token reaches its own repository only"),
    ("^branch: moved writers bypassed by Integration 15368$", "a job's token reaches its own repository only"),
    (
        r"^shared: one writers \(former\) bypassed by Integration 15368$",
        "a job's token reaches its own repository only",
    ),
    ("(idle|gone) integrity without non_fast_forward$", "nobody moves the branch at all"),
    (r"integrity \(former\) without non_fast_forward$", "nobody moves the branch at all"),
    (
        "(gates bypassed by (User 50|Integration (15368|60))|staging gates bypassed by RepositoryRole 4)$",
        "whoever it is does not pass the writers' ruleset",
    ),
    (
        "(staging gates bypassed by User 7|production gates bypassed by Integration 100)$",
        "it moves another branch only",
    ),
)
"""Expression that a name matches, and what holds."""


@dataclass(frozen=True)
class Weaker:
    """A plan that differs from its topology's by one change."""

    layout: str
    ruleset: str
    """Name of the ruleset, without our prefix, or of what else is weaker."""
    change: str
    repository: str
    """`owner/name` in which the change shows."""
    refs: tuple[str, ...]
    """Patterns of what it concerns; for an environment, what stands in place of a ref."""
    target: RefKind | None
    """Of the ruleset."""
    plan: Plan

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.layout}: {self.ruleset.removeprefix('gitops: ')} {self.change}"

    @property
    def equivalent(self) -> str | None:
        """What else holds, so that the change opens nothing; None where it opens something."""
        return next((why for pattern, why in EQUIVALENT if re.search(pattern, self.name)), None)


@dataclass(frozen=True)
class _Change:
    """A weaker environment, and where that shows."""

    repository: str
    refs: tuple[str, ...]
    target: RefKind | None
    name: str
    change: str
    environment: Environment

    @classmethod
    def of(cls, repository: str, ruleset: Ruleset, change: str, environment: Environment, *, former: bool) -> "_Change":
        name = f"{ruleset.name} (former)" if former else ruleset.name
        return cls(repository, ruleset.include, ruleset.target, name, change, environment)


def weaker_plans(layout: str, made: Plan) -> Iterator[Weaker]:
    """The plan with one ruleset or one environment's policy weakened, wherever it is planned."""
    application = made.application.full_name
    for ruleset, change, rulesets in _one_weaker(made.application.rulesets, movers(made)):
        plan = replace(made, application=replace(made.application, rulesets=rulesets))
        yield Weaker(layout, ruleset.name, change, application, ruleset.include, ruleset.target, plan)
    for position, environment in enumerate(made.environments):
        for weak in _environment(environment, application, movers(made)):
            before, after = made.environments[:position], made.environments[position + 1 :]
            plan = replace(made, environments=(*before, weak.environment, *after))
            yield Weaker(layout, weak.name, weak.change, weak.repository, weak.refs, weak.target, plan)


def movers(made: Plan) -> tuple[BypassActor, ...]:
    """The Apps and machine users of the plan: each is a stranger to all but its own ruleset."""
    actors = (bypass_of(each.credential) for each in made.environments)
    return tuple(actor for actor in actors if actor is not None and actor.kind is not BypassKind.DEPLOY_KEY)


def _environment(environment: Environment, application: str, own: tuple[BypassActor, ...]) -> Iterator[_Change]:
    for ruleset, change, rulesets in _one_weaker(environment.rulesets, own):
        weak = replace(environment, rulesets=rulesets)
        yield _Change.of(application, ruleset, change, weak, former=False)
    state, former = environment.state, environment.former
    if state is not None:
        for ruleset, change, rulesets in _one_weaker(state.rulesets, ()):
            weak = replace(environment, state=replace(state, rulesets=rulesets))
            yield _Change.of(state.full_name, ruleset, change, weak, former=False)
    if former is not None:
        for ruleset, change, rulesets in _one_weaker(former.rulesets, own):
            weak = replace(environment, former=replace(former, rulesets=rulesets))
            yield _Change.of(application, ruleset, change, weak, former=True)
    if former is not None and former.state is not None:
        for ruleset, change, rulesets in _one_weaker(former.state.rulesets, ()):
            kept = replace(former.state, rulesets=rulesets)
            weak = replace(environment, former=replace(former, state=kept))
            yield _Change.of(former.state.full_name, ruleset, change, weak, former=True)
    yield from _policy(environment, application)


def _policy(environment: Environment, application: str) -> Iterator[_Change]:
    where, policy, name = (secrets_of(environment.name),), environment.policy, environment.name
    for pattern in ("*", "**", "head/*", "refs/pull/*/merge"):
        if environment.branch is not None:
            wide = replace(policy, branch_patterns=(*policy.branch_patterns, pattern))
            weak = replace(environment, policy=wide)
            yield _Change(application, where, None, name, f"admits {pattern}", weak)
    if policy.approvers:
        weak = replace(environment, policy=replace(policy, approvers=(), prevent_self_review=False))
        yield _Change(application, where, None, name, "without approvers", weak)


def _one_weaker(
    rulesets: tuple[Ruleset, ...], own: tuple[BypassActor, ...]
) -> Iterator[tuple[Ruleset, str, tuple[Ruleset, ...]]]:
    """The ruleset that is weakened, how, and all of them with it."""
    for position, ruleset in enumerate(rulesets):
        for change, weak in weaker_rulesets(ruleset, own):
            yield ruleset, change, (*rulesets[:position], weak, *rulesets[position + 1 :])


def weaker_rulesets(ruleset: Ruleset, own: tuple[BypassActor, ...]) -> Iterator[tuple[str, Ruleset]]:
    """Every weakening of one ruleset by a single change: a rule dropped, a bypass added, its refs narrowed."""
    for rule in RULES:
        if getattr(ruleset.rules, rule):
            yield f"without {rule}", replace(ruleset, rules=_without(ruleset.rules, rule, empty=False))
    for rule in PARAMETERS:
        if getattr(ruleset.rules, rule):
            yield f"without {rule}", replace(ruleset, rules=_without(ruleset.rules, rule, empty=()))
    if ruleset.rules.pull_request is not None:
        yield "without pull_request", replace(ruleset, rules=replace(ruleset.rules, pull_request=None))
    more = MORE_STRANGERS if "production writers" in ruleset.name else ()
    # No job's token reaches a state repository: once is enough there to see that a bypass of it changes nothing.
    in_state = ruleset.key in {"integrity", "locked-branches", "locked-tags"}
    strangers = [each for each in STRANGERS if not (in_state and each.id == ACTIONS)]
    for actor in (*strangers, *own, *more):
        if actor not in ruleset.bypass:
            words = f"bypassed by {actor.kind.value}{'' if actor.id is None else f' {actor.id}'}"
            yield words, replace(ruleset, bypass=(*ruleset.bypass, actor))
    elsewhere = {"branch": "refs/heads/elsewhere", "tag": "refs/tags/elsewhere"}[ruleset.target.value]
    yield "on another ref", replace(ruleset, include=(elsewhere,))
    yield "with everything excluded", replace(ruleset, exclude=("~ALL",))


def _without(rules: Rules, rule: str, *, empty: Any) -> Rules:
    return replace(rules, **{rule: empty})
