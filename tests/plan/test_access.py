"""The predictions against a table written by hand from the guarantee, not from the rules that are to give it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitops_infra.plan.access import (
    Actor,
    ActorKind,
    Mechanism,
    Operation,
    Prediction,
    Reach,
    actors,
    matrix,
    predict,
    reach,
    secrets_of,
    undoers,
)
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import BypassActor, BypassKind, Plan, Rules
from gitops_infra.plan.predictor import matches
from gitops_infra.topology.topology import Topology

APPLICATION, STAGING, PRODUCTION = "acme/shop", "acme/shop-env-staging", "acme/shop-env-production"
MAIN, FEATURE, TAG, NOTES = "refs/heads/main", "refs/heads/feature/x", "refs/tags/v1.0.0", "refs/notes/commits"
ENV_STAGING, ENV_PRODUCTION = "refs/heads/env/staging", "refs/heads/env/production"

KEY_STAGING, KEY_PRODUCTION = "credential of staging", "credential of production"
WRITERS = {"developer", "maintainer", "admin", "owner"}
JOBS = {"job of a feature branch or its pull request", "job of the default branch"}
PUSHES = {Operation.PUSH, Operation.PUSH_FOREIGN, Operation.CREATE}

# Sentences 1 to 4 of the guarantee: only E's credential moves E's branch, forward only, and nothing else. A ref that
# is missing here lets nobody do anything. Notes are the one thing that no rule covers.
ALLOWED = {
    (STAGING, ENV_STAGING): {operation: {KEY_STAGING} for operation in PUSHES},
    (PRODUCTION, ENV_PRODUCTION): {operation: {KEY_PRODUCTION} for operation in PUSHES},
    (APPLICATION, MAIN): {Operation.MERGE_REVIEWED: WRITERS | JOBS},
    (APPLICATION, FEATURE): {
        operation: WRITERS | JOBS for operation in Operation if operation not in {Operation.READ, Operation.READ_SECRET}
    },
    (APPLICATION, TAG): dict.fromkeys(
        (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE), WRITERS | JOBS
    ),
}
for repository, key in ((APPLICATION, None), (STAGING, KEY_STAGING), (PRODUCTION, KEY_PRODUCTION)):
    ALLOWED[repository, NOTES] = {
        operation: WRITERS | (JOBS if key is None else {key})
        for operation in (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE)
    }

SECRETS = {
    "staging": {"job of the default branch"},
    "production": {"job of the default branch"},
    "review": {"job of a feature branch or its pull request"},
}


@pytest.fixture
def made(topology: Callable[..., Topology]) -> Plan:
    return plan(topology())


def test_the_matrix_says_what_the_guarantee_says(made: Plan) -> None:
    rows = matrix(made)
    wrong = []
    for row in rows:
        if row.operation == Operation.READ:
            expected = not row.actor.startswith("credential") or row.repository.endswith(row.actor.split()[-1])
        elif row.operation == Operation.READ_SECRET:
            expected = row.actor in SECRETS[row.ref.removeprefix("environment/")]
        else:
            allowed = ALLOWED.get((row.repository, row.ref), {})
            expected = row.actor in allowed.get(Operation(row.operation), set())
        if row.allowed is not expected:
            wrong.append(row)
    assert wrong == []
    assert len({(row.actor, row.repository, row.ref, row.operation) for row in rows}) == len(rows) == 1001


def test_a_private_repository_is_read_by_its_people_its_jobs_and_its_key_only(
    topology: Callable[..., Topology],
) -> None:
    made = plan(topology(application={"visibility": "private"}, production={"allow_degraded": True}))
    readers = {
        row.actor for row in matrix(made) if row.operation == "read" and row.repository == STAGING and row.allowed
    }
    assert readers == WRITERS | {"reader", KEY_STAGING}


@pytest.mark.parametrize(
    ("actor", "repository", "ref", "operation", "expected"),
    [
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            STAGING,
            ENV_STAGING,
            Operation.PUSH,
            Prediction(allowed=True, rule="gitops: staging writers: update", mechanism=Mechanism.BYPASS),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            STAGING,
            ENV_STAGING,
            Operation.FORCE_PUSH,
            Prediction(allowed=False, rule="gitops: staging integrity: non_fast_forward", mechanism=Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            STAGING,
            ENV_STAGING,
            Operation.DELETE,
            Prediction(allowed=False, rule="gitops: staging integrity: deletion", mechanism=Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            STAGING,
            TAG,
            Operation.CREATE,
            Prediction(allowed=False, rule="gitops: staging locked tags: creation", mechanism=Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            PRODUCTION,
            ENV_PRODUCTION,
            Operation.PUSH,
            Prediction(
                allowed=False,
                rule="a deploy key authenticates to its own repository only",
                mechanism=Mechanism.KEY_SCOPE,
            ),
        ),
        (
            Actor(ActorKind.OWNER),
            PRODUCTION,
            ENV_PRODUCTION,
            Operation.PUSH,
            Prediction(allowed=False, rule="gitops: production writers: update", mechanism=Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.DEVELOPER),
            APPLICATION,
            MAIN,
            Operation.MERGE_UNREVIEWED,
            Prediction(allowed=False, rule="gitops: default branch: pull_request", mechanism=Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.READER),
            APPLICATION,
            FEATURE,
            Operation.PUSH,
            Prediction(allowed=False, rule="role read", mechanism=Mechanism.ROLE),
        ),
        (
            Actor(ActorKind.FORK_JOB),
            APPLICATION,
            FEATURE,
            Operation.CREATE,
            Prediction(
                allowed=False,
                rule="a job token of this repository, at most read",
                mechanism=Mechanism.TOKEN_SCOPE,
            ),
        ),
        (
            Actor(ActorKind.DEFAULT_JOB),
            APPLICATION,
            secrets_of("production"),
            Operation.READ_SECRET,
            Prediction(
                allowed=True,
                rule="production: jobs of main only, after approval by platform",
                mechanism=Mechanism.POLICY,
            ),
        ),
        (
            Actor(ActorKind.ADMIN),
            APPLICATION,
            secrets_of("production"),
            Operation.READ_SECRET,
            Prediction(
                allowed=False,
                rule="GitHub gives the value of a secret to jobs only",
                mechanism=Mechanism.WRITE_ONLY,
            ),
        ),
    ],
)
def test_a_prediction_names_what_decides(  # noqa: PLR0917
    made: Plan, actor: Actor, repository: str, ref: str, operation: Operation, expected: Prediction
) -> None:
    assert predict(made, actor, repository, ref, operation) == expected


def test_a_required_check_forbids_a_push_of_what_has_not_passed_it(topology: Callable[..., Topology]) -> None:
    made = plan(topology(application={"required_checks": ["build"]}))
    [default_branch] = made.application.rulesets
    alone = replace(default_branch, rules=Rules(required_checks=("build",)))
    checked = replace(made, application=replace(made.application, rulesets=(alone,)))
    developer = Actor(ActorKind.DEVELOPER)
    assert predict(checked, developer, APPLICATION, MAIN, Operation.PUSH).allowed
    verdict = predict(checked, developer, APPLICATION, MAIN, Operation.PUSH_FOREIGN)
    assert verdict == Prediction(
        allowed=False, rule="gitops: default branch: required_checks", mechanism=Mechanism.RULESET
    )


def test_a_released_tag_can_be_made_and_then_stays(topology: Callable[..., Topology]) -> None:
    made = plan(topology(promotions=[{"target": "production", "trigger": "on_release"}]))
    tag = "refs/tags/v1.1.1"
    possible = {
        row.operation for row in matrix(made) if row.ref == tag and row.repository == APPLICATION and row.allowed
    }
    assert possible == {"create"}


def test_where_github_enforces_no_rulesets_every_writer_moves_the_branch(topology: Callable[..., Topology]) -> None:
    """The prediction is honest about a plan that validation would have refused."""
    made = plan(topology(github_plan="free", staging={"state_visibility": "private"}))
    [staging, production, _] = reach(made)
    assert set(staging.movers) == WRITERS | {KEY_STAGING}
    assert production.movers == (KEY_PRODUCTION,)


def test_the_short_report_names_the_one_mover_of_each_environment(made: Plan) -> None:
    assert reach(made) == (
        Reach("staging", (KEY_STAGING,), (), ("job of the default branch",)),
        Reach("production", (KEY_PRODUCTION,), (), ("job of the default branch",)),
        Reach("review", (), (), ("job of a feature branch or its pull request",)),
    )


def test_nobody_moves_a_retired_environment(topology: Callable[..., Topology]) -> None:
    [staging, *_] = reach(plan(topology(staging={"retired": True})))
    assert (staging.movers, staging.breakers) == ((), ())


def test_everybody_who_can_undo_the_rules_is_listed(topology: Callable[..., Topology]) -> None:
    grants = [{"role": "admin", "team": "leads"}, {"role": "write", "team": "devs"}, {"role": "admin", "user": "ana"}]
    assert undoers(plan(topology(application={"grants": grants}))) == (
        "Whoever has the role admin in acme/shop can change its rulesets and environments.",
        "The team leads has that role by this topology.",
        "The user ana has that role by this topology.",
        f"Whoever has the role admin in {STAGING} and {PRODUCTION} can change the rulesets there.",
        "Owners of the organisation acme have the role admin everywhere.",
        "The token or App that runs `pulumi up` makes the rules and can remove them.",
        "Whoever can read the stack's state and decrypt its secrets holds the private keys of staging and production.",
        "Whoever can merge a workflow into main can have it use the key of staging: no approval is required.",
    )


def test_what_remains_writable_beside_branches_in_the_application_is_listed(topology: Callable[..., Topology]) -> None:
    """The worst of `branch` isolation, and of `shared` what makes it degraded."""
    shared = {"kind": "staging", "isolation": "shared", "accept_shared_bypass": True}
    app = {"isolation": "branch", "writer": {"app": 17, "key": "app"}}
    more = [{"name": "one", **shared}, {"name": "two", **shared}]
    sentences = undoers(plan(topology(production=app, more=more)))
    assert (
        "The credentials of production, one and two can write every branch and tag of acme/shop that no rule protects."
    ) in sentences
    assert "Every write deploy key of acme/shop, whoever made it, moves the branches of one and two." in sentences
    assert any(sentence.startswith("Whoever manages the GitHub App 17 can make it another") for sentence in sentences)


def test_an_app_merges_into_the_branch_that_it_moves_and_breaks_nothing_with_that(
    topology: Callable[..., Topology],
) -> None:
    """A merge goes forward too. An SSH key merges nothing, and everybody else neither."""
    app = {"isolation": "branch", "writer": {"app": 17, "key": "app"}}
    made = plan(topology(staging=app))
    mergers = {row.actor for row in matrix(made) if row.ref == ENV_STAGING and "merge" in row.operation and row.allowed}
    assert mergers == {KEY_STAGING}
    [staging, *_] = reach(made)
    assert (staging.movers, staging.breakers) == ((KEY_STAGING,), ())


@pytest.mark.parametrize(
    ("bypass", "movers"),
    [
        (BypassActor(BypassKind.TEAM, 3), WRITERS),
        (BypassActor(BypassKind.USER, 5, "somebody"), WRITERS),
        (BypassActor(BypassKind.INTEGRATION, 99), set()),
        (BypassActor(BypassKind.ORGANIZATION_ADMIN), {"owner"}),
    ],
)
def test_a_bypass_that_the_plan_does_not_make_is_read_as_the_worst_case(
    made: Plan, bypass: BypassActor, movers: set[str]
) -> None:
    """Whoever may write may be in that team, or be that user."""
    staging, *others = made.environments
    writers, *rest = staging.state.rulesets
    opened = replace(staging.state, rulesets=(replace(writers, bypass=(bypass,)), *rest))
    weak = replace(made, environments=(replace(staging, state=opened), *others))
    assert set(reach(weak)[0].movers) == movers


def test_admins_who_can_skip_the_gates_are_listed(topology: Callable[..., Topology]) -> None:
    given = topology(application={"visibility": "private"}, production={"allow_degraded": True}, owner_kind="user")
    sentences = undoers(plan(given))
    assert "The user acme has the role admin everywhere." in sentences
    assert "An admin can start a job of production past its protection rules." in sentences


@pytest.mark.parametrize(
    ("actor", "repository", "ref", "operation", "error"),
    [
        (Actor(ActorKind.ADMIN), "acme/other", MAIN, Operation.PUSH, KeyError),
        (Actor(ActorKind.ADMIN), APPLICATION, TAG, Operation.MERGE_REVIEWED, ValueError),
        (Actor(ActorKind.ADMIN, "staging"), APPLICATION, MAIN, Operation.PUSH, ValueError),
        (Actor(ActorKind.CREDENTIAL), APPLICATION, MAIN, Operation.PUSH, ValueError),
        (Actor(ActorKind.CREDENTIAL, "qa"), APPLICATION, MAIN, Operation.PUSH, ValueError),
        (Actor(ActorKind.CREDENTIAL, "review"), APPLICATION, MAIN, Operation.PUSH, ValueError),
        (Actor(ActorKind.DEFAULT_JOB), APPLICATION, "staging", Operation.READ_SECRET, ValueError),
        (Actor(ActorKind.DEFAULT_JOB), STAGING, secrets_of("staging"), Operation.READ_SECRET, ValueError),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(  # noqa: PLR0917
    made: Plan, actor: Actor, repository: str, ref: str, operation: Operation, error: type[Exception]
) -> None:
    with pytest.raises(error):
        predict(made, actor, repository, ref, operation)


@pytest.mark.parametrize(
    ("pattern", "ref", "expected"),
    [
        ("~ALL", MAIN, True),
        (MAIN, MAIN, True),
        (MAIN, "refs/heads/main/x", False),
        (MAIN, "refs/heads/Main", False),
        ("refs/heads/*", MAIN, True),
        ("refs/heads/*", FEATURE, False),
        ("refs/heads/**/*", FEATURE, True),
        ("refs/heads/env.staging", "refs/heads/env-staging", False),
        ("refs/tags/v?", "refs/tags/v1", True),
        ("refs/tags/v?", "refs/tags/v/", False),
    ],
)
def test_a_pattern_matches_as_githubs_fnmatch_does(*, pattern: str, ref: str, expected: bool) -> None:
    assert matches(pattern, ref) is expected


def test_every_actor_asks_once(made: Plan) -> None:
    names = [str(actor) for actor in actors(made)]
    assert len(set(names)) == len(names) == 11
