"""The guarantee over random topologies, and its proof that it can fail: every weakening of the rules is noticed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitops_infra.plan.access import Operation, Row, reach, rows, undoers
from gitops_infra.plan.build import plan, plans
from gitops_infra.plan.credentials import bypass_of
from gitops_infra.plan.model import (
    BypassActor,
    BypassKind,
    CredentialKind,
    Environment,
    FormerPlace,
    Plan,
    Repository,
    Ruleset,
)
from gitops_infra.topology.problems import TopologyError
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate
from gitops_infra.topology.vocabulary import Isolation, Protection

KINDS = ("staging", "production", "review")
FOREIGN = {Operation.PUSH_FOREIGN.value, Operation.PUSH_WORKFLOW.value}
MOVES = {Operation.CREATE.value, Operation.PUSH.value} | FOREIGN
MERGES = {Operation.MERGE_REVIEWED.value, Operation.MERGE_UNREVIEWED.value}
BY_APP = {Operation.REST_UPDATE.value} | MERGES
SETTINGS = {Operation.EDIT_RULESET.value, Operation.ADD_KEY.value, Operation.EDIT_POLICY.value}
ADMINS = {"admin", "owner", "provisioner"}
JOBS_OF_BRANCHES = {"job of a feature branch or its pull request", "job of the default branch"}
READING_ONLY = ("outsider", "reader", "triager", "cluster key of ", "job of a fork")
GONE = ("expired token", "revoked token", "rotated-out credential of ")
GATES = {Protection.REQUIRED_CHECKS, Protection.REQUIRED_DEPLOYMENTS}
PLANS = [("free", "public"), ("pro", "private"), ("team", "private"), ("team", "public"), ("enterprise", "internal")]


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Valid topologies of one to five environments in one to three repositories, as users write them."""
    price_plan, visibility = draw(st.sampled_from(PLANS))
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True), min_size=1, max_size=5, unique=True))
    modes = ["repository", "shared"] if price_plan == "pro" else ["repository", "branch", "shared"]
    environments = [draw(_environment(name, position, modes)) for position, name in enumerate(names)]
    if environments[-1]["isolation"] != "repository" and draw(st.booleans()):
        environments[-1]["required_deployments"] = [names[0]]
    bots = [{"user": one["writer"]["user"], "role": "write"} for one in environments if "user" in one.get("writer", {})]
    more = draw(st.lists(st.sampled_from(["lib", "web"]), max_size=2, unique=True))
    repositories = [
        {
            "name": name,
            "existing": draw(st.booleans()),
            "visibility": visibility,
            "linear_history": draw(st.booleans()),
            "required_reviews": draw(st.integers(1, 6)),
            "required_checks": draw(st.sampled_from([[], ["build"]])),
            "grants": bots,
        }
        for name in ("shop", *more)
    ]
    given_ = {
        "owner": "acme",
        "owner_kind": "user" if price_plan == "pro" else "organization",
        "github_plan": price_plan,
        "application": repositories[0],
        "repositories": repositories[1:],
        "environments": environments,
        "clusters": [{"name": "eu"}] if any("cluster" in one for one in environments) else [],
    }
    try:
        return validate(given_)
    except TopologyError as error:
        assume(condition=not {problem.code for problem in error.problems} <= RARE)
        raise


RARE = {"bad-environment-name", "unknown-environment", "deployment-that-never-comes"}
"""A reserved name was drawn, or a required deployment to an environment that has none; any other refusal is a fault."""


@st.composite
def _environment(draw: st.DrawFn, name: str, position: int, modes: list[str]) -> dict[str, Any]:
    kind = name if name in KINDS else draw(st.sampled_from(KINDS))
    made: dict[str, Any] = {"name": name, "kind": kind, "isolation": "repository", "allow_degraded": True}
    if kind == "production":
        made["reviewers"] = [{"user": "ana"}]
    if kind == "review":
        return made
    isolation = draw(st.sampled_from(modes))
    writers = [{"app": 100 + position}, {"user": f"bot{position}"}, {"user": f"bot{position}", "id": 7 + position}]
    made |= {"isolation": isolation} | draw(
        st.fixed_dictionaries(
            {},
            optional={
                "branch": st.sampled_from([f"env/{name}", f"live-{name}", f"deploy/{name}/x"]),
                "retired": st.booleans(),
                "write_credential": st.booleans(),
                "generation": st.integers(1, 9),
                "wait_minutes": st.integers(0, 43200),
                "cluster": st.just("eu"),
                "formerly": st.just(f"old-{name}"),
                "moved_from": st.sampled_from(["branch", "shared"] if isolation == "repository" else ["repository"]),
            },
        )
    )
    if isolation == "branch":
        made["writer"] = {**draw(st.sampled_from(writers)), "key": f"key-{position}"}
    if isolation == "shared":
        made["accept_shared_bypass"] = True
    if isolation != "repository":
        made["required_checks"] = draw(st.sampled_from([[], ["build"]]))
    return made


def allowed_movers(made: Plan, environment: Environment) -> set[str]:
    """Who may move the branch, by the guarantee: the environment's credential, under `shared` all keys beside it."""
    if environment.credential is None:
        return set()
    if environment.isolation is not Isolation.SHARED:
        return {f"credential of {environment.name}"}
    return {
        f"credential of {each.name}"
        for each in made.environments
        if each.isolation is Isolation.SHARED and each.credential is not None
    }


def allowed_moves(made: Plan, environment: Environment) -> set[str]:
    """How the movers may move it: forward. An App may merge too, which is forward; a gate stops what has not passed."""
    gates = set(made.enforcement[environment.name].requested) & GATES
    moves = MOVES - FOREIGN if gates else set(MOVES)
    if environment.credential is None or environment.credential.kind is not CredentialKind.APP:
        return moves
    return (moves | BY_APP) - (MERGES if Protection.REQUIRED_DEPLOYMENTS in gates else set())


def old_places(made: Plan) -> set[tuple[str, str]]:
    """Repository and ref of every branch that is kept where it was before its isolation changed."""
    return {
        (each.former.state.full_name if each.former.state else made.application.full_name, each.ref)
        for each in made.environments
        if each.former is not None and each.ref is not None
    }


def everywhere(row: Row) -> bool | None:
    """Whether the guarantee lets that happen wherever it is tried; None: that hangs on the place."""
    if row.operation == Operation.READ.value:
        return not row.actor.startswith(GONE)
    if row.operation == Operation.READ_SECRET.value:
        return row.actor in JOBS_OF_BRANCHES
    if row.operation in SETTINGS:
        return row.actor in ADMINS
    if row.actor.startswith((*READING_ONLY, *GONE)):
        return False
    if row.operation == Operation.PUSH_WORKFLOW.value and row.actor in JOBS_OF_BRANCHES:
        return False
    return True if row.ref.startswith("refs/notes/") else None


def violations(made: Plan) -> Iterator[str]:
    """What the guarantee forbids and the predictions allow."""
    application = made.application.full_name
    branches = {(each.repository, each.ref): each for each in made.environments if each.ref is not None}
    outside = {f"credential of {each.name}" for each in made.environments if each.isolation is Isolation.REPOSITORY}
    former, main = old_places(made), (application, f"refs/heads/{made.application.default_branch}")
    for row in rows(made):
        expected = everywhere(row)
        if not row.allowed or expected:
            continue
        place, what = (row.repository, row.ref), f"{row.actor}: {row.operation} {row.ref} of {row.repository}"
        if place in branches and expected is None:
            moves = allowed_moves(made, branches[place])
            if row.actor not in allowed_movers(made, branches[place]) or row.operation not in moves:
                yield what
        elif (
            expected is False
            or place in former
            or row.repository != application
            or row.actor in outside
            or (place == main and row.operation != Operation.MERGE_REVIEWED)
        ):
            yield what
    for each, environment in zip(reach(made), made.environments, strict=True):
        if environment.branch is not None and set(each.secret_readers) - {"job of the default branch"}:
            yield f"{each.secret_readers} read secrets of {each.environment}"


@settings(max_examples=100, deadline=None)
@given(topologies())
def test_only_the_credential_of_an_environment_moves_its_branch_and_it_moves_nothing_else(topology: Topology) -> None:
    """In every repository of the topology; under `shared` isolation all keys of the repository do, and no others."""
    for made in plans(topology):
        assert list(violations(made)) == []
        for each, environment in zip(reach(made), made.environments, strict=True):
            assert (set(each.movers), each.breakers) == (allowed_movers(made, environment), ())


@settings(max_examples=100, deadline=None)
@given(topologies())
def test_an_app_or_machine_user_moves_the_branch_of_no_other_environment(topology: Topology) -> None:
    for made in plans(topology):
        for each in reach(made):
            named = {mover.removeprefix("credential of ") for mover in each.movers}
            others = named - {each.environment}
            assert {made.environment(name).isolation for name in others} <= {Isolation.SHARED}


@settings(max_examples=100, deadline=None)
@given(topologies())
def test_what_is_shared_is_reported_wherever_it_is_asked(topology: Topology) -> None:
    for made in plans(topology):
        for environment in made.environments:
            report = made.enforcement[environment.name]
            isolated = Protection.ISOLATED_CREDENTIAL
            if environment.isolation is Isolation.SHARED and environment.credential is not None:
                assert isolated in report.requested
                assert isolated not in report.achieved
                assert any(sentence.startswith("Every write deploy key of") for sentence in undoers(made))
            elif environment.credential is not None:
                assert isolated in report.achieved


@settings(max_examples=100, deadline=None)
@given(topologies())
def test_a_renamed_environment_keeps_its_places_and_a_moved_one_its_old_branch(topology: Topology) -> None:
    for made in plans(topology):
        for wanted, environment in zip(topology.environments, made.environments, strict=True):
            if wanted.formerly is not None and wanted.branch is None:
                before = wanted.model_copy(update={"name": wanted.formerly, "formerly": None})
                old = plan(
                    topology.model_copy(
                        update={
                            "application": topology.application.model_copy(update={"name": made.application.name}),
                            "repositories": None,
                            "promotions": [],
                            "environments": [before],
                        }
                    )
                ).environment(wanted.formerly)
                assert (old.repository, old.ref) == (environment.repository, environment.ref)
        places = old_places(made)
        found = [row for row in rows(made) if (row.repository, row.ref) in places] if places else []
        assert {(row.repository, row.ref) for row in found} == places
        assert {row.operation for row in found if row.allowed} <= {Operation.READ.value}


@settings(max_examples=50, deadline=None)
@given(topologies())
def test_what_is_achieved_was_asked_for_and_every_gap_has_its_sentence(topology: Topology) -> None:
    for made in plans(topology):
        for report in made.enforcement.values():
            assert set(report.achieved) <= set(report.requested)
            assert len(report.why) >= len(report.requested) - len(report.achieved)


def weaker_rulesets(ruleset: Ruleset, strangers: tuple[BypassActor, ...]) -> Iterator[tuple[str, Ruleset]]:
    """Every weakening of one ruleset by a single change: a rule dropped, a bypass added, its refs narrowed."""
    for rule in ("creation", "update", "deletion", "non_fast_forward"):
        if getattr(ruleset.rules, rule):
            yield f"without {rule}", replace(ruleset, rules=replace(ruleset.rules, **{rule: False}))
    for rule in ("required_checks", "required_deployments"):
        if getattr(ruleset.rules, rule):
            yield f"without {rule}", replace(ruleset, rules=replace(ruleset.rules, **{rule: ()}))
    if ruleset.rules.pull_request is not None:
        yield "without pull_request", replace(ruleset, rules=replace(ruleset.rules, pull_request=None))
    for actor in (
        BypassActor(BypassKind.DEPLOY_KEY),
        BypassActor(BypassKind.REPOSITORY_ROLE, 4),
        BypassActor(BypassKind.REPOSITORY_ROLE, 2),
        BypassActor(BypassKind.REPOSITORY_ROLE, 5),
        BypassActor(BypassKind.ORGANIZATION_ADMIN),
        BypassActor(BypassKind.INTEGRATION, 15368),
        BypassActor(BypassKind.TEAM, 3),
        BypassActor(BypassKind.USER, 5, "somebody"),
        *strangers,
    ):
        if actor not in ruleset.bypass:
            words = f"bypassed by {actor.kind.value} {actor.id}"
            yield words, replace(ruleset, bypass=(*ruleset.bypass, actor))
    yield "on another ref", replace(ruleset, include=("refs/heads/elsewhere",))
    yield "with everything excluded", replace(ruleset, exclude=("~ALL",))


STATE = ("writers", "integrity", "locked branches", "locked tags")
PEOPLE = {f"RepositoryRole {number}" for number in (2, 4, 5)} | {"OrganizationAdmin None", "Team 3", "User 5"}
JOBS, KEYS, APP, BOT = "Integration 15368", "DeployKey None", "Integration 101", "User 102"

# What a single weakening cannot open, because something else holds: ruleset, change, and what holds.
ALWAYS = {
    ("default branch", "without creation"): "pull_request forbids a creation too",
    ("default branch", "without non_fast_forward"): "pull_request forbids a force push too",
}
HARMLESS = {
    **ALWAYS,
    ("default branch", f"bypassed by {KEYS}"): "the application has no deploy key",
    **{
        (f"{name} {ruleset}", f"bypassed by {JOBS}"): "a job's token reaches its own repository only"
        for name in ("staging", "production")
        for ruleset in STATE
    },
}
HARMLESS_INSIDE = {
    **ALWAYS,
    **{
        (f"{name} {ruleset}", f"bypassed by {who}"): "it has no access to a state repository"
        for name in ("one", "old")
        for ruleset in STATE
        for who in (JOBS, APP, BOT)
    },
    **{(f"one {ruleset}", f"bypassed by {KEYS}"): "the old state repository has no key any more" for ruleset in STATE},
    **{
        (f"{name} integrity", "without non_fast_forward"): "nobody moves the branch at all"
        for name in ("one", "old", "gone")
    },
    **{
        (f"{name} gates", f"bypassed by {who}"): "whoever it is does not bypass the writers' ruleset"
        for name, other in (("staging", BOT), ("production", APP))
        for who in {*PEOPLE, JOBS, KEYS, other}
    },
}


Weaker = Iterator[tuple[tuple[str, str], Any]]
"""Name of the ruleset and the change, and whatever holds the ruleset, with it."""


def weaker_plans(made: Plan) -> Weaker:
    """The plan with one ruleset, wherever it is planned, weakened by a single change."""
    actors = (bypass_of(each.credential) for each in made.environments)
    strangers = tuple(actor for actor in actors if actor is not None and actor.kind is not BypassKind.DEPLOY_KEY)
    for change, application in _weaker(made.application, strangers):
        yield change, replace(made, application=application)
    for position, environment in enumerate(made.environments):
        for change, weak in _weaker_environment(environment, strangers):
            yield change, replace(made, environments=_with(made.environments, position, weak))


def _weaker(holder: Environment | FormerPlace | Repository, strangers: tuple[BypassActor, ...]) -> Weaker:
    """Whatever holds rulesets, with one of them weakened."""
    for position, ruleset in enumerate(holder.rulesets):
        for change, weak in weaker_rulesets(ruleset, strangers):
            rulesets = (*holder.rulesets[:position], weak, *holder.rulesets[position + 1 :])
            yield (ruleset.name.removeprefix("gitops: "), change), replace(holder, rulesets=rulesets)


def _weaker_environment(environment: Environment, strangers: tuple[BypassActor, ...]) -> Weaker:
    yield from _weaker(environment, strangers)
    for change, state in _weaker(environment.state, strangers) if environment.state else ():
        yield change, replace(environment, state=state)
    former = environment.former
    for change, weak in _weaker(former, strangers) if former else ():
        yield change, replace(environment, former=weak)
    for change, state in _weaker(former.state, strangers) if former and former.state else ():
        yield change, replace(environment, former=replace(former, state=state))


def _with(environments: tuple[Environment, ...], position: int, one: Environment) -> tuple[Environment, ...]:
    return (*environments[:position], one, *environments[position + 1 :])


def survivors_of(made: Plan) -> tuple[set[tuple[str, str]], int]:
    """The changes that break nothing, and how many break something."""
    survivors, killed = set(), 0
    for change, weak in weaker_plans(made):
        if next(violations(weak), None):
            killed += 1
        else:
            survivors.add(change)
    return survivors, killed


def test_every_single_weakening_of_the_rules_breaks_the_guarantee(topology: Callable[..., Topology]) -> None:
    survivors, killed = survivors_of(plan(topology()))
    assert survivors == set(HARMLESS)
    assert killed >= 80


def test_every_single_weakening_of_the_rules_inside_the_application_breaks_it_too(
    topology: Callable[..., Topology],
) -> None:
    shared = {"kind": "staging", "isolation": "shared", "accept_shared_bypass": True}
    bot = {"writer": {"user": "bot", "id": 102, "key": "bot"}, "required_deployments": ["staging"]}
    made = plan(
        topology(
            staging={"isolation": "branch", "writer": {"app": 101, "key": "app"}, "required_checks": ["build"]},
            production={"isolation": "branch", **bot},
            more=[
                {"name": "one", **shared, "moved_from": "repository"},
                {"name": "two", **shared},
                {"name": "old", "kind": "staging", "moved_from": "branch"},
                {"name": "gone", "kind": "staging", "isolation": "branch", "retired": True},
            ],
            promotions=[],
        )
    )
    assert list(violations(made)) == []
    survivors, killed = survivors_of(made)
    assert survivors == set(HARMLESS_INSIDE)
    assert killed >= 250


@pytest.mark.parametrize("pattern", ["*", "feature", "refs/pull/*/merge", "**"])
def test_a_wider_deployment_policy_breaks_the_guarantee(topology: Callable[..., Topology], pattern: str) -> None:
    made = plan(topology())
    staging, *others = made.environments
    policy = replace(staging.policy, branch_patterns=("main", pattern))
    weak = replace(made, environments=(replace(staging, policy=policy), *others))
    assert list(violations(weak))
