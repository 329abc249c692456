"""The guarantee over random topologies, and its proof that it can fail: every weakening of the rules is noticed."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_infra.plan.access import Operation, matrix, reach
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import BypassActor, BypassKind, Plan, Ruleset
from gitops_infra.topology.topology import Topology

KINDS = ("staging", "production", "review")
MOVES = {Operation.CREATE.value, Operation.PUSH.value, Operation.PUSH_FOREIGN.value}
READS = {Operation.READ.value, Operation.READ_SECRET.value}


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Topologies of one to five environments, as users write them."""
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), min_size=1, max_size=5, unique=True))
    environments = []
    for name in names:
        kind = name if name in KINDS else draw(st.sampled_from(KINDS))
        given_: dict[str, object] = {"name": name, "kind": kind, "allow_degraded": True}
        if kind != "review":
            given_ |= draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "branch": st.sampled_from([f"env/{name}", f"live-{name}", f"deploy/{name}/x"]),
                        "retired": st.booleans(),
                        "write_credential": st.booleans(),
                        "generation": st.integers(1, 9),
                        "reviewers": st.just([{"user": "ana"}]),
                        "wait_minutes": st.integers(0, 43200),
                    },
                )
            )
        environments.append(given_)
    price_plan, visibility = draw(
        st.sampled_from(
            [
                ("free", "public"),
                ("pro", "private"),
                ("team", "private"),
                ("team", "public"),
                ("enterprise", "internal"),
            ]
        )
    )
    application = {
        "name": "shop",
        "existing": draw(st.booleans()),
        "visibility": visibility,
        "linear_history": draw(st.booleans()),
        "required_reviews": draw(st.integers(1, 6)),
        "required_checks": draw(st.sampled_from([[], ["build"]])),
    }
    return Topology.model_validate(
        {"owner": "acme", "github_plan": price_plan, "application": application, "environments": environments}
    )


def violations(made: Plan) -> Iterator[str]:
    """What the guarantee forbids and the predictions allow."""
    branches = {
        (each.state.full_name, each.ref): each.name for each in made.environments if each.state is not None and each.ref
    }
    for row in matrix(made):
        if not row.allowed or row.operation in READS or row.ref.startswith("refs/notes/"):
            continue
        owner = branches.get((row.repository, row.ref))
        if owner is not None and (row.actor != f"credential of {owner}" or row.operation not in MOVES):
            yield f"{row.actor}: {row.operation} {row.ref}"
        elif (owner is None and row.repository != made.application.full_name) or (
            owner is None and row.actor.startswith("credential")
        ):
            yield f"{row.actor}: {row.operation} {row.ref} of {row.repository}"
        elif row.ref == f"refs/heads/{made.application.default_branch}" and row.operation != Operation.MERGE_REVIEWED:
            yield f"{row.actor}: {row.operation} {row.ref}"
    for each, environment in zip(reach(made), made.environments, strict=True):
        if environment.branch is not None and set(each.secret_readers) - {"job of the default branch"}:
            yield f"{each.secret_readers} read secrets of {each.environment}"


@settings(max_examples=100, deadline=None)
@given(topologies())
def test_only_the_credential_of_an_environment_moves_its_branch_and_it_moves_nothing_else(topology: Topology) -> None:
    made = plan(topology)
    assert list(violations(made)) == []
    for each, environment in zip(reach(made), made.environments, strict=True):
        expected = () if environment.credential is None else (f"credential of {environment.name}",)
        assert (each.movers, each.breakers) == (expected, ())


@settings(max_examples=50, deadline=None)
@given(topologies())
def test_what_is_achieved_was_asked_for_and_every_gap_has_its_sentence(topology: Topology) -> None:
    for report in plan(topology).enforcement.values():
        assert set(report.achieved) <= set(report.requested)
        assert len(report.why) >= len(report.requested) - len(report.achieved)


def weaker_rulesets(ruleset: Ruleset) -> Iterator[tuple[str, Ruleset]]:
    """Every weakening of one ruleset by a single change: a rule dropped, a bypass added, its refs narrowed."""
    for rule in ("creation", "update", "deletion", "non_fast_forward"):
        if getattr(ruleset.rules, rule):
            yield f"without {rule}", replace(ruleset, rules=replace(ruleset.rules, **{rule: False}))
    if ruleset.rules.pull_request is not None:
        yield "without pull_request", replace(ruleset, rules=replace(ruleset.rules, pull_request=None))
    for kind, number in (
        (BypassKind.DEPLOY_KEY, None),
        (BypassKind.REPOSITORY_ROLE, 4),
        (BypassKind.REPOSITORY_ROLE, 2),
        (BypassKind.REPOSITORY_ROLE, 5),
        (BypassKind.ORGANIZATION_ADMIN, None),
        (BypassKind.INTEGRATION, 15368),
    ):
        actor = BypassActor(kind, number)
        if actor not in ruleset.bypass:
            yield f"bypassed by {kind.value} {number}", replace(ruleset, bypass=(*ruleset.bypass, actor))
    yield "on another ref", replace(ruleset, include=("refs/heads/elsewhere",))
    yield "with everything excluded", replace(ruleset, exclude=("~ALL",))


# What a single weakening cannot open, because something else holds.
HARMLESS = {
    ("default-branch", "without creation"): "pull_request forbids a creation too",
    ("default-branch", "without non_fast_forward"): "pull_request forbids a force push too",
    ("default-branch", "bypassed by DeployKey None"): "the application has no deploy key",
    **{
        (
            key,
            "bypassed by Integration 15368",
        ): "a job token of the application reaches no state repository, where Actions is off"
        for key in ("writers", "integrity", "locked-branches", "locked-tags")
    },
}


def weaker_plans(made: Plan) -> Iterator[tuple[tuple[str, str], Plan]]:
    """The plan with one ruleset of one repository weakened by a single change."""
    for repository in (made.application, *(each.state for each in made.environments if each.state)):
        for position, ruleset in enumerate(repository.rulesets):
            for change, weaker in weaker_rulesets(ruleset):
                changed = list(repository.rulesets)
                changed[position] = weaker
                weak = replace(repository, rulesets=tuple(changed))
                yield (
                    (ruleset.key, change),
                    replace(
                        made,
                        application=weak if repository is made.application else made.application,
                        environments=tuple(
                            replace(each, state=weak) if each.state is repository else each
                            for each in made.environments
                        ),
                    ),
                )


def test_every_single_weakening_of_the_rules_breaks_the_guarantee(topology: Callable[..., Topology]) -> None:
    survivors, killed = {}, 0
    for change, weak in weaker_plans(plan(topology())):
        if list(violations(weak)):
            killed += 1
        else:
            survivors[change] = None
    assert set(survivors) == set(HARMLESS)
    assert killed >= 60


@pytest.mark.parametrize("pattern", ["*", "feature", "refs/pull/*/merge", "**"])
def test_a_wider_deployment_policy_breaks_the_guarantee(topology: Callable[..., Topology], pattern: str) -> None:
    made = plan(topology())
    staging, *others = made.environments
    policy = replace(staging.policy, branch_patterns=("main", pattern))
    weak = replace(made, environments=(replace(staging, policy=policy), *others))
    assert list(violations(weak))
