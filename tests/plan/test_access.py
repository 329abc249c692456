"""The predictions against a table written by hand from the guarantee, not from the rules that are to give it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitops_infra.plan.access import (
    SETTINGS,
    Actor,
    ActorKind,
    Guard,
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
from gitops_infra.plan.refs import matches
from gitops_infra.topology.topology import Topology

APPLICATION, STAGING, PRODUCTION = "acme/shop", "acme/shop-env-staging", "acme/shop-env-production"
MAIN, FEATURE, TAG, NOTES = "refs/heads/main", "refs/heads/feature/x", "refs/tags/v1.0.0", "refs/notes/commits"
ENV_STAGING, ENV_PRODUCTION = "refs/heads/env/staging", "refs/heads/env/production"

KEY_STAGING, KEY_PRODUCTION = "credential of staging", "credential of production"
ADMINS = {"admin", "owner", "provisioner"}
WRITERS = {"developer", "maintainer"} | ADMINS
JOBS = {"job of a feature branch or its pull request", "job of the default branch"}
GONE = {"expired token", "revoked token", "rotated-out credential of staging"}
PUSHES = {Operation.PUSH, Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW, Operation.CREATE}
ANY_REF = (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE)
SETTINGS_OF_REPOSITORY = {Operation.EDIT_RULESET, Operation.ADD_KEY}
OF_NO_BRANCH = {Operation.READ, Operation.READ_SECRET, Operation.EDIT_POLICY} | SETTINGS_OF_REPOSITORY

# Sentences 1 to 4 of the guarantee: only E's credential moves E's branch, forward only, and nothing else. A ref that
# is missing here lets nobody do anything. Notes are the one thing that no rule covers.
ALLOWED = {
    (STAGING, ENV_STAGING): {operation: {KEY_STAGING} for operation in PUSHES},
    (PRODUCTION, ENV_PRODUCTION): {operation: {KEY_PRODUCTION} for operation in PUSHES},
    (APPLICATION, MAIN): {Operation.MERGE_REVIEWED: WRITERS | JOBS},
    (APPLICATION, FEATURE): {
        # A job's token never changes a workflow file, on whatever branch.
        operation: WRITERS if operation is Operation.PUSH_WORKFLOW else WRITERS | JOBS
        for operation in Operation
        if operation not in OF_NO_BRANCH
    },
    (APPLICATION, TAG): dict.fromkeys((*ANY_REF, Operation.REST_UPDATE, Operation.REST_FORCE), WRITERS | JOBS),
}
for repository, key in ((APPLICATION, None), (STAGING, KEY_STAGING), (PRODUCTION, KEY_PRODUCTION)):
    ALLOWED[repository, NOTES] = dict.fromkeys(ANY_REF, WRITERS | (JOBS if key is None else {key}))
    # Whoever administers a repository can change its settings: listed, and found by the audit.
    ALLOWED[repository, SETTINGS] = dict.fromkeys(SETTINGS_OF_REPOSITORY, ADMINS)
for environment in ("staging", "production", "review"):
    ALLOWED[APPLICATION, secrets_of(environment)] = {Operation.EDIT_POLICY: ADMINS}

SECRETS = {
    "staging": {"job of the default branch"},
    "production": {"job of the default branch"},
    "review": {"job of a feature branch or its pull request"},
}


def denied(rule: str, mechanism: Mechanism) -> Prediction:
    """What the forge itself refuses."""
    return Prediction(allowed=False, rule=rule, mechanism=mechanism, guards=(Guard.FORGE,))


@pytest.fixture
def made(topology: Callable[..., Topology]) -> Plan:
    """Staging was rotated once, and a cluster follows it."""
    return plan(topology(staging={"generation": 2, "cluster": "eu"}, clusters=[{"name": "eu"}]))


def test_the_matrix_says_what_the_guarantee_says(made: Plan) -> None:
    rows = matrix(made)
    wrong = []
    for row in rows:
        if row.operation == Operation.READ:
            expected = row.actor not in GONE  # all three repositories are public
        elif row.operation == Operation.READ_SECRET:
            expected = row.actor in SECRETS[row.ref.removeprefix("environment/")]
        else:
            allowed = ALLOWED.get((row.repository, row.ref), {})
            expected = row.actor in allowed.get(Operation(row.operation), set())
        if row.allowed is not expected:
            wrong.append(row)
    assert wrong == []
    assert len({(row.actor, row.repository, row.ref, row.operation) for row in rows}) == len(rows) == 210 * 17


def test_whoever_holds_the_line_is_named_in_every_cell(made: Plan) -> None:
    """By hand as well: the forge where it denies; else the audit for settings and for foreign commits of the key."""
    foreign = {Operation.PUSH_FOREIGN.value, Operation.PUSH_WORKFLOW.value}
    for row in matrix(made):
        if not row.allowed:
            expected = ("forge",)
        elif row.operation in {*SETTINGS_OF_REPOSITORY, Operation.EDIT_POLICY}:
            expected = ("audit",)
        elif row.ref in {ENV_STAGING, ENV_PRODUCTION} and row.operation in foreign:
            expected = ("promotion job", "audit")
        else:
            expected = ()
        assert (row, row.guards) == (row, expected)


def test_a_private_repository_is_read_by_its_people_its_jobs_and_its_key_only(
    topology: Callable[..., Topology],
) -> None:
    made = plan(
        topology(
            application={"visibility": "private"},
            staging={"cluster": "eu", "generation": 2},
            production={"allow_degraded": True, "cluster": "eu"},
            clusters=[{"name": "eu"}],
        )
    )
    readers = {
        row.actor for row in matrix(made) if row.operation == "read" and row.repository == STAGING and row.allowed
    }
    assert readers == WRITERS | {"reader", "triager", KEY_STAGING, "cluster key of staging"}


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
            denied("gitops: staging integrity: non_fast_forward", Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            STAGING,
            ENV_STAGING,
            Operation.DELETE,
            denied("gitops: staging integrity: deletion", Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            STAGING,
            TAG,
            Operation.CREATE,
            denied("gitops: staging locked tags: creation", Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.CREDENTIAL, "staging"),
            PRODUCTION,
            ENV_PRODUCTION,
            Operation.PUSH,
            denied("a deploy key authenticates to its own repository only", Mechanism.KEY_SCOPE),
        ),
        (
            Actor(ActorKind.OWNER),
            PRODUCTION,
            ENV_PRODUCTION,
            Operation.PUSH,
            denied("gitops: production writers: update", Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.DEVELOPER),
            APPLICATION,
            MAIN,
            Operation.MERGE_UNREVIEWED,
            denied("gitops: default branch: pull_request", Mechanism.RULESET),
        ),
        (
            Actor(ActorKind.READER),
            APPLICATION,
            FEATURE,
            Operation.PUSH,
            denied("role read", Mechanism.ROLE),
        ),
        (
            Actor(ActorKind.FORK_JOB),
            APPLICATION,
            FEATURE,
            Operation.CREATE,
            denied("a job token of this repository, at most read", Mechanism.TOKEN_SCOPE),
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
            denied("GitHub gives the value of a secret to jobs only", Mechanism.WRITE_ONLY),
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
    assert verdict == denied("gitops: default branch: required_checks", Mechanism.RULESET)


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
        (BypassActor(BypassKind.TEAM, 3), WRITERS - {"provisioner"}),
        (BypassActor(BypassKind.USER, 5, "somebody"), WRITERS - {"provisioner"}),
        # The App that provisions may be any that is none of the plan's; the Actions App is known.
        (BypassActor(BypassKind.INTEGRATION, 99), {"provisioner"}),
        (BypassActor(BypassKind.INTEGRATION, 15368), set()),
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
        (Actor(ActorKind.ADMIN), STAGING, secrets_of("staging"), Operation.EDIT_POLICY, ValueError),
        (Actor(ActorKind.ADMIN), APPLICATION, secrets_of("qa"), Operation.EDIT_POLICY, ValueError),
        (Actor(ActorKind.ADMIN), APPLICATION, MAIN, Operation.EDIT_RULESET, ValueError),
        (Actor(ActorKind.ADMIN), APPLICATION, MAIN, Operation.ADD_KEY, ValueError),
        (Actor(ActorKind.ADMIN), APPLICATION, TAG, Operation.RENAME, ValueError),
        (Actor(ActorKind.CLUSTER_KEY), APPLICATION, MAIN, Operation.READ, ValueError),
        (Actor(ActorKind.CLUSTER_KEY, "production"), PRODUCTION, ENV_PRODUCTION, Operation.READ, ValueError),
        (Actor(ActorKind.ROTATED_OUT, "qa"), APPLICATION, MAIN, Operation.READ, ValueError),
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
    assert len(set(names)) == len(names) == 17
