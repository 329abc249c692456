"""Single predictions where the forge has a rule of its own: workflow files, renames, the API, tokens that are gone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gitops_infra.plan.access import (
    SETTINGS,
    Actor,
    ActorKind,
    Guard,
    Mechanism,
    Operation,
    Prediction,
    actors,
    predict,
    sample_refs,
    secrets_of,
)
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import BypassActor, BypassKind, Plan
from gitops_infra.topology.topology import Topology

APPLICATION, STAGING = "acme/shop", "acme/shop-env-staging"
MAIN, FEATURE, ENV_STAGING = "refs/heads/main", "refs/heads/feature/x", "refs/heads/env/staging"
OWN = Actor(ActorKind.CREDENTIAL, "staging")
APP = {"isolation": "branch", "writer": {"app": 17, "key": "app"}}
BOT = {"isolation": "branch", "writer": {"user": "bot", "id": 9, "key": "bot"}}
SHARED = {"isolation": "shared", "accept_shared_bypass": True}
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n...\n-----END PGP PUBLIC KEY BLOCK-----"

Build = Callable[..., Topology]


def ask(made: Plan, actor: Actor, ref: str, operation: Operation, repository: str = APPLICATION) -> Prediction:
    return predict(made, actor, repository, ref, operation)


def words(verdict: Prediction) -> tuple[bool, str, Mechanism]:
    return verdict.allowed, verdict.rule, verdict.mechanism


@pytest.mark.parametrize("kind", [ActorKind.FEATURE_JOB, ActorKind.DEFAULT_JOB])
def test_a_jobs_token_pushes_a_branch_but_no_workflow_file(topology: Build, kind: ActorKind) -> None:
    made = plan(topology())
    assert ask(made, Actor(kind), FEATURE, Operation.PUSH_FOREIGN).allowed
    verdict = ask(made, Actor(kind), FEATURE, Operation.PUSH_WORKFLOW)
    assert words(verdict) == (False, "a job token never changes a workflow file", Mechanism.TOKEN_SCOPE)


def test_a_job_that_bypasses_the_rules_still_pushes_no_workflow_file(topology: Build) -> None:
    """Two limits, each on its own: a plan that listed the Actions App would lose one of them only."""
    made = plan(topology(staging=APP))
    staging, *others = made.environments
    writers, *rest = staging.rulesets
    actions = (BypassActor(BypassKind.INTEGRATION, 15368),)
    weak = replace(made, environments=(replace(staging, rulesets=(replace(writers, bypass=actions), *rest)), *others))
    job = Actor(ActorKind.FEATURE_JOB)
    assert ask(weak, job, ENV_STAGING, Operation.PUSH).mechanism is Mechanism.BYPASS
    assert ask(weak, job, ENV_STAGING, Operation.PUSH_WORKFLOW).mechanism is Mechanism.TOKEN_SCOPE


def test_a_rename_makes_the_new_name_and_deletes_the_old_one(topology: Build) -> None:
    """In a state repository already the new name is refused, in the application's the end of the old one."""
    inside, outside = plan(topology(staging=APP)), plan(topology())
    admin = Actor(ActorKind.ADMIN)
    assert ask(outside, admin, FEATURE, Operation.RENAME).allowed
    assert ask(inside, admin, ENV_STAGING, Operation.RENAME).rule == "gitops: staging integrity: deletion"
    locked = ask(outside, admin, ENV_STAGING, Operation.RENAME, STAGING)
    assert locked.rule == "gitops: staging locked branches: creation"


@pytest.mark.parametrize(
    ("kind", "rule", "mechanism"),
    [
        (ActorKind.DEVELOPER, "renaming the default branch takes the role admin", Mechanism.ROLE),
        (ActorKind.MAINTAINER, "renaming the default branch takes the role admin", Mechanism.ROLE),
        (ActorKind.DEFAULT_JOB, "renaming the default branch takes the role admin", Mechanism.TOKEN_SCOPE),
        (ActorKind.ADMIN, "gitops: default branch: deletion", Mechanism.RULESET),
        (ActorKind.PROVISIONER, "gitops: default branch: deletion", Mechanism.RULESET),
    ],
)
def test_the_default_branch_keeps_its_name(topology: Build, kind: ActorKind, rule: str, mechanism: Mechanism) -> None:
    verdict = ask(plan(topology()), Actor(kind), MAIN, Operation.RENAME)
    assert words(verdict) == (False, rule, mechanism)


@pytest.mark.parametrize(
    "operation",
    [
        Operation.REST_UPDATE,
        Operation.REST_FORCE,
        Operation.RENAME,
        Operation.MERGE_REVIEWED,
        Operation.MERGE_UNREVIEWED,
    ],
)
def test_an_ssh_key_does_nothing_by_the_api(topology: Build, operation: Operation) -> None:
    """The machine user has the role write in the application, and what the environment holds is its SSH key."""
    made, refusal = plan(topology(staging=BOT)), (False, "an SSH key has no access to the API", Mechanism.KEY_SCOPE)
    assert words(ask(made, OWN, FEATURE, operation)) == refusal
    assert words(ask(plan(topology()), OWN, ENV_STAGING, operation, STAGING)) == refusal


def test_an_app_moves_its_branch_by_the_api_too_and_only_forward(topology: Build) -> None:
    made = plan(topology(staging=APP))
    assert ask(made, OWN, ENV_STAGING, Operation.REST_UPDATE).mechanism is Mechanism.BYPASS
    forced = ask(made, OWN, ENV_STAGING, Operation.REST_FORCE)
    assert words(forced) == (False, "gitops: staging integrity: non_fast_forward", Mechanism.RULESET)


@pytest.mark.parametrize(
    ("actor", "rule"),
    [
        (Actor(ActorKind.EXPIRED), "the token has expired"),
        (Actor(ActorKind.REVOKED), "the token was revoked"),
        (Actor(ActorKind.ROTATED_OUT, "staging"), "the credential was replaced, and is revoked"),
    ],
)
def test_what_the_forge_does_not_know_any_more_reads_not_even_what_is_public(
    topology: Build, actor: Actor, rule: str
) -> None:
    made, refusal = plan(topology(staging={"generation": 2})), (False, rule, Mechanism.AUTHENTICATION)
    for operation in Operation:
        ref = {
            Operation.READ_SECRET: secrets_of("staging"),
            Operation.EDIT_POLICY: secrets_of("staging"),
            Operation.EDIT_RULESET: SETTINGS,
            Operation.ADD_KEY: SETTINGS,
        }.get(operation, MAIN)
        assert words(ask(made, actor, ref, operation)) == refusal


def test_a_clusters_key_reads_the_repository_of_its_branch_and_writes_nothing(topology: Build) -> None:
    application, production = {"visibility": "private"}, {"allow_degraded": True}
    made = plan(topology(application, {"cluster": "eu"}, production, clusters=[{"name": "eu"}]))
    key = Actor(ActorKind.CLUSTER_KEY, "staging")
    own = "a read-only deploy key of acme/shop-env-staging"
    assert words(ask(made, key, ENV_STAGING, Operation.READ, STAGING)) == (True, own, Mechanism.KEY_SCOPE)
    assert words(ask(made, key, ENV_STAGING, Operation.PUSH, STAGING)) == (False, own, Mechanism.KEY_SCOPE)
    others = "a deploy key authenticates to its own repository only"
    assert words(ask(made, key, MAIN, Operation.READ)) == (False, others, Mechanism.KEY_SCOPE)


def test_what_is_public_is_read_by_whoever_the_forge_knows(topology: Build) -> None:
    """A key of another repository included: it may not write there, and reading is everybody's."""
    made = plan(topology())
    for actor in (OWN, Actor(ActorKind.OUTSIDER), Actor(ActorKind.FORK_JOB), Actor(ActorKind.ADMIN)):
        verdict = ask(made, actor, MAIN, Operation.READ)
        assert words(verdict) == (True, "the repository is public", Mechanism.NOTHING)
    assert not ask(made, OWN, MAIN, Operation.PUSH).allowed


@pytest.mark.parametrize(
    ("actor", "rule"),
    [
        (Actor(ActorKind.OUTSIDER), "settings take the role admin"),
        (Actor(ActorKind.TRIAGER), "settings take the role admin"),
        (Actor(ActorKind.MAINTAINER), "settings take the role admin"),
        (Actor(ActorKind.DEFAULT_JOB), "settings take the role admin"),
        (OWN, "settings take the role admin"),
    ],
)
def test_settings_are_for_administrators(topology: Build, actor: Actor, rule: str) -> None:
    made = plan(topology())
    assert ask(made, actor, SETTINGS, Operation.EDIT_RULESET).rule == rule
    assert ask(made, actor, SETTINGS, Operation.ADD_KEY).rule == rule
    assert ask(made, actor, secrets_of("staging"), Operation.EDIT_POLICY).rule == rule


def test_what_the_price_plan_does_not_have_cannot_be_edited_or_read(topology: Build) -> None:
    """Deploy keys are there on every plan: who adds one moves the branch."""
    private = {"visibility": "private"}
    made = plan(topology(application=private, github_plan="free", production={"allow_degraded": True}))
    admin, missing = Actor(ActorKind.ADMIN), "the price plan has no {} for the repository"
    rulesets = ask(made, admin, SETTINGS, Operation.EDIT_RULESET)
    policy = ask(made, admin, secrets_of("staging"), Operation.EDIT_POLICY)
    secret = ask(made, Actor(ActorKind.DEFAULT_JOB), secrets_of("staging"), Operation.READ_SECRET)
    assert words(rulesets) == (False, missing.format("rulesets"), Mechanism.PRICE_PLAN)
    assert words(policy) == words(secret) == (False, missing.format("environments"), Mechanism.PRICE_PLAN)
    assert ask(made, admin, SETTINGS, Operation.ADD_KEY, STAGING).allowed


def test_where_no_rules_hold_the_default_branch_is_still_not_deleted_but_renamed_by_an_admin(topology: Build) -> None:
    made = plan(
        topology(application={"visibility": "private"}, github_plan="free", production={"allow_degraded": True})
    )
    admin, developer = Actor(ActorKind.ADMIN), Actor(ActorKind.DEVELOPER)
    deleted = ask(made, admin, MAIN, Operation.DELETE)
    assert words(deleted) == (False, "the forge deletes no default branch", Mechanism.DEFAULT_BRANCH)
    assert ask(made, admin, FEATURE, Operation.DELETE).allowed
    assert ask(made, admin, MAIN, Operation.RENAME).allowed
    assert not ask(made, developer, MAIN, Operation.RENAME).allowed


def guards(made: Plan, actor: Actor, operation: Operation, repository: str = STAGING) -> tuple[Guard, ...]:
    verdict = ask(made, actor, ENV_STAGING, operation, repository)
    assert verdict.allowed
    return verdict.guards


def test_a_foreign_commit_of_the_own_credential_is_left_to_the_job_the_agent_and_the_audit(topology: Build) -> None:
    def made(**sync: Any) -> Plan:
        return plan(topology(staging={"cluster": "eu", "sync": sync}, clusters=[{"name": "eu"}]))

    assert guards(made(), OWN, Operation.PUSH_FOREIGN) == (Guard.PROMOTION_JOB, Guard.AUDIT)
    signed = made(signed_by=[KEY])
    for operation in (Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW):
        assert guards(signed, OWN, operation) == (Guard.PROMOTION_JOB, Guard.AGENT, Guard.AUDIT)
    assert guards(signed, OWN, Operation.PUSH) == ()


def test_another_environments_shared_key_is_held_back_by_its_job_alone(topology: Build) -> None:
    made = plan(topology(staging=SHARED, more=[{"name": "qa", "kind": "staging", **SHARED}]))
    other = Actor(ActorKind.CREDENTIAL, "qa")
    assert guards(made, other, Operation.PUSH, APPLICATION) == (Guard.PROMOTION_JOB,)
    assert guards(made, other, Operation.PUSH_FOREIGN, APPLICATION) == (Guard.PROMOTION_JOB, Guard.AUDIT)
    assert guards(made, OWN, Operation.PUSH, APPLICATION) == ()


def test_nobody_holds_back_a_developer_where_no_rules_hold(topology: Build) -> None:
    """A commit that is not of the default branch is at least found."""
    made = plan(topology(github_plan="free", staging={"state_visibility": "private"}))
    developer = Actor(ActorKind.DEVELOPER)
    assert guards(made, developer, Operation.PUSH) == guards(made, developer, Operation.FORCE_PUSH) == ()
    assert guards(made, developer, Operation.PUSH_FOREIGN) == (Guard.AUDIT,)


def test_the_actors_of_environments_are_those_that_there_are(topology: Build) -> None:
    made = plan(
        topology(
            staging={"cluster": "eu", "generation": 3},
            production=APP,
            clusters=[{"name": "eu"}],
            more=[{"name": "qa", "kind": "staging", "write_credential": False}],
        )
    )
    assert [str(actor) for actor in actors(made) if actor.environment] == [
        "credential of staging",
        "credential of production",
        "cluster key of staging",
        "rotated-out credential of staging",
    ]


@pytest.mark.parametrize(
    ("branch", "beside"),
    [
        ("env/staging", ["env/new", "ENV/staging", "env/staging-x"]),
        ("live", ["new", "LIVE", "live-x"]),
        ("4/2", ["4/new", "4/2-x"]),
    ],
)
def test_names_that_a_careless_pattern_would_take_for_the_branch_are_asked_too(
    topology: Build, branch: str, beside: list[str]
) -> None:
    made = plan(topology(staging={"branch": branch}))
    refs = sample_refs(made, made.repositories[1])
    assert refs[:3] == (f"refs/heads/{branch}", FEATURE, "refs/heads/env/production")
    assert refs[3:] == (*(f"refs/heads/{name}" for name in beside), "refs/tags/v1.0.0", "refs/notes/commits")
