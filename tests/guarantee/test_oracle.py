"""What the oracle answers, against a table written by hand from the sentences of the design."""

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from gitops_infra.plan.access import actors
from gitops_infra.plan.actors import SETTINGS, Actor, ActorKind, Guard, Operation, secrets_of
from gitops_infra.plan.build import plan, plans
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate
from gitops_infra.topology.vocabulary import Isolation, Protection
from guarantee.oracle import oracle, places
from guarantee.oracle.oracle import Answer, Facts, Oracle, Ruling
from guarantee.oracle.parties import parties
from guarantee.oracle.places import Environments
from guarantee.oracle.topologies import PUBLIC_KEY, topologies

SHOP, STATE = "acme/shop", "acme/shop-env-staging"
STAGING = "refs/heads/env/staging"
MAIN = "refs/heads/main"
ALLOWED, DENIED, SILENT = Answer.ALLOWED, Answer.DENIED, Answer.SILENT
PLAIN = Facts()
FOREIGN = Facts(on_default=False)


def topology(application: dict[str, Any] | None = None, *more: dict[str, Any], **staging: Any) -> Topology:
    """Staging, production with approvers, and review; staging as given."""
    made = {"name": "shop", "existing": True, "visibility": "public", **(application or {})}
    environments = [
        {"name": "staging", **staging},
        {"name": "production", "reviewers": [{"user": "ana"}], "allow_degraded": True},
        {"name": "review"},
        *more,
    ]
    return validate({"owner": "acme", "github_plan": "team", "application": made, "environments": environments})


def asked(  # noqa: PLR0917 - a question has so many parts
    about: Topology,
    who: str,
    operation: Operation,
    ref: str = STAGING,
    repository: str = STATE,
    facts: Facts = PLAIN,
) -> Ruling:
    kind, _, environment = who.partition(" of ")
    known = {each.value: each for each in ActorKind}
    actor = Actor(known[who]) if who in known else Actor(known[kind], environment)
    return Oracle(about).judge(actor, repository, ref, operation, facts)


OWN = "credential of staging"
OTHER = "credential of production"


@pytest.mark.parametrize(
    ("who", "operation", "facts", "answer", "sentence"),
    [
        (OWN, Operation.CREATE, Facts(exists=False), ALLOWED, "1"),
        (OWN, Operation.PUSH, Facts(), ALLOWED, "1"),
        (OWN, Operation.PUSH_FOREIGN, FOREIGN, ALLOWED, "3"),
        (OWN, Operation.PUSH_WORKFLOW, FOREIGN, ALLOWED, "3"),
        (OWN, Operation.CREATE, Facts(exists=False, on_default=False), ALLOWED, "3"),
        (OWN, Operation.PUSH, Facts(forward=False), DENIED, "2"),
        (OWN, Operation.FORCE_PUSH, Facts(forward=False), DENIED, "2"),
        (OWN, Operation.DELETE, Facts(), DENIED, "2"),
        (OWN, Operation.RENAME, Facts(), DENIED, "2"),
        (OWN, Operation.REST_UPDATE, Facts(), DENIED, "1"),
        (OWN, Operation.MERGE_REVIEWED, FOREIGN, DENIED, "1"),
        (OTHER, Operation.PUSH, Facts(), DENIED, "1"),
        ("owner", Operation.PUSH, Facts(), DENIED, "1"),
        ("admin", Operation.REST_FORCE, Facts(forward=False), DENIED, "1"),
        ("provisioner", Operation.PUSH, Facts(), DENIED, "1"),
        ("maintainer", Operation.MERGE_REVIEWED, FOREIGN, DENIED, "1"),
        ("job of the default branch", Operation.PUSH, Facts(), DENIED, "1"),
        ("outsider", Operation.CREATE, Facts(exists=False), DENIED, "1"),
        ("expired token", Operation.READ, Facts(), DENIED, "revoked"),
        ("rotated-out credential of staging", Operation.PUSH, Facts(), DENIED, "revoked"),
        ("cluster key of staging", Operation.READ, Facts(), ALLOWED, "reading"),
        ("cluster key of staging", Operation.PUSH, Facts(), DENIED, "reading"),
        ("reader", Operation.READ, Facts(), SILENT, "reading"),
    ],
)
def test_the_branch_in_a_state_repository(
    who: str, operation: Operation, facts: Facts, answer: Answer, sentence: str
) -> None:
    ruling = asked(topology(), who, operation, facts=facts)
    assert (ruling.answer, ruling.sentence) == (answer, sentence), ruling.words


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/env/new", "refs/heads/ENV/staging", "refs/tags/v1"])
@pytest.mark.parametrize("who", [OWN, "owner", "developer"])
def test_everything_else_in_a_state_repository_is_locked(who: str, ref: str) -> None:
    for operation in (Operation.CREATE, Operation.PUSH, Operation.DELETE):
        ruling = asked(topology(), who, operation, ref)
        assert (ruling.answer, ruling.sentence) == (DENIED, "4")
    assert asked(topology(), who, Operation.PUSH, "refs/notes/commits").answer is SILENT


@pytest.mark.parametrize(
    ("who", "operation", "facts", "answer", "sentence"),
    [
        ("developer", Operation.MERGE_REVIEWED, FOREIGN, ALLOWED, "main"),
        ("developer", Operation.MERGE_REVIEWED, Facts(on_default=False, passed=False), DENIED, "main"),
        ("developer", Operation.MERGE_UNREVIEWED, FOREIGN, DENIED, "main"),
        ("owner", Operation.PUSH, FOREIGN, DENIED, "main"),
        ("admin", Operation.RENAME, Facts(), DENIED, "main"),
        ("reader", Operation.MERGE_REVIEWED, FOREIGN, SILENT, "main"),
        (OWN, Operation.PUSH, Facts(), DENIED, "1"),
    ],
)
def test_the_default_branch(who: str, operation: Operation, facts: Facts, answer: Answer, sentence: str) -> None:
    ruling = asked(topology(), who, operation, MAIN, SHOP, facts)
    assert (ruling.answer, ruling.sentence) == (answer, sentence)


APP: dict[str, Any] = {"isolation": "branch", "writer": {"app": 17, "key": "app"}}


@pytest.mark.parametrize(
    ("operation", "facts", "answer"),
    [
        (Operation.PUSH, Facts(), ALLOWED),
        (Operation.REST_UPDATE, Facts(), ALLOWED),
        (Operation.MERGE_REVIEWED, FOREIGN, SILENT),
        (Operation.PUSH_FOREIGN, Facts(on_default=False, passed=False), DENIED),
        (Operation.PUSH, Facts(passed=False), DENIED),
        (Operation.REST_FORCE, Facts(forward=False), DENIED),
    ],
)
def test_an_app_moves_its_branch_by_git_or_api_and_a_required_check_narrows_it(
    operation: Operation, facts: Facts, answer: Answer
) -> None:
    assert (
        asked(topology(None, **APP, required_checks=["build"]), OWN, operation, STAGING, SHOP, facts).answer is answer
    )


def test_other_branches_beside_a_branch_are_said_and_not_held() -> None:
    ruling = asked(topology(None, **APP), OWN, Operation.PUSH, "refs/heads/feature/x", SHOP)
    assert (ruling.answer, ruling.sentence) == (SILENT, "4")
    assert asked(topology(), OWN, Operation.PUSH, "refs/heads/feature/x", SHOP).answer is DENIED


SHARED: dict[str, Any] = {"isolation": "shared", "accept_shared_bypass": True}


def test_under_shared_every_key_moves_every_branch_and_nothing_else_does() -> None:
    about = topology(None, {"name": "qa", "kind": "staging", **SHARED}, **SHARED)
    assert asked(about, "credential of qa", Operation.PUSH, STAGING, SHOP).answer is ALLOWED
    assert asked(about, OWN, Operation.PUSH, "refs/heads/env/qa", SHOP).answer is ALLOWED
    assert asked(about, OTHER, Operation.PUSH, STAGING, SHOP).answer is DENIED
    assert asked(about, "credential of qa", Operation.DELETE, STAGING, SHOP).answer is DENIED


@pytest.mark.parametrize("given", [{"retired": True}, {"write_credential": False}])
def test_nobody_moves_what_is_retired_or_has_no_credential(given: dict[str, Any]) -> None:
    for who in ("owner", "provisioner", "maintainer"):
        assert asked(topology(None, **given), who, Operation.PUSH).sentence == "retired"


def test_nobody_moves_the_former_place_of_a_branch() -> None:
    about = topology(None, moved_from="branch")
    assert asked(about, "owner", Operation.PUSH, STAGING, SHOP).sentence == "retired"
    assert asked(about, OWN, Operation.PUSH).answer is ALLOWED
    back = topology(None, **SHARED, moved_from="repository")
    assert asked(back, OWN, Operation.PUSH, STAGING, SHOP).answer is ALLOWED
    assert asked(back, "owner", Operation.PUSH, STAGING, STATE).sentence == "retired"


def test_a_renamed_environment_keeps_its_places() -> None:
    about = topology(None, formerly="qa")
    assert asked(about, OWN, Operation.PUSH, "refs/heads/env/qa", "acme/shop-env-qa").answer is ALLOWED


@pytest.mark.parametrize(
    ("who", "environment", "approved", "answer"),
    [
        ("job of the default branch", "staging", False, ALLOWED),
        ("job of the default branch", "production", False, DENIED),
        ("job of the default branch", "production", True, ALLOWED),
        ("job of a feature branch or its pull request", "staging", True, DENIED),
        ("job of a feature branch or its pull request", "review", True, SILENT),
        ("job of a fork", "review", True, DENIED),
        ("owner", "production", True, DENIED),
        (OWN, "staging", True, DENIED),
    ],
)
def test_who_reads_a_secret(who: str, environment: str, approved: bool, answer: Answer) -> None:  # noqa: FBT001
    facts = Facts(approved=approved)
    assert asked(topology(), who, Operation.READ_SECRET, secrets_of(environment), SHOP, facts).answer is answer


def test_where_the_price_plan_has_no_approvals_the_oracle_asks_for_none() -> None:
    """It must be reported in their place: see below."""
    private = topology({"visibility": "private"})
    facts = Facts(approved=False)
    who, secrets = "job of the default branch", secrets_of("production")
    assert asked(private, who, Operation.READ_SECRET, secrets, SHOP, facts).answer is ALLOWED


def test_settings_are_for_those_who_are_listed() -> None:
    people = (ActorKind.READER, ActorKind.MAINTAINER, ActorKind.ADMIN, ActorKind.OWNER, ActorKind.PROVISIONER)
    able = {kind for kind in people if asked(topology(), kind.value, Operation.ADD_KEY, SETTINGS).answer is ALLOWED}
    assert able == {ActorKind.ADMIN, ActorKind.OWNER, ActorKind.PROVISIONER}


def test_a_release_tag_is_made_freely_and_then_stays() -> None:
    by_release = [
        {"target": "staging"},
        {"target": "production", "source": "staging", "trigger": "on_release", "tags": "v*"},
    ]
    about = validate({**topology().model_dump(mode="json", by_alias=True), "promotions": by_release})
    assert asked(about, "developer", Operation.CREATE, "refs/tags/v1", SHOP).answer is SILENT
    assert asked(about, "owner", Operation.PUSH, "refs/tags/v1", SHOP).sentence == "release"
    assert asked(about, "owner", Operation.PUSH, "refs/tags/nightly", SHOP).answer is SILENT


def test_a_foreign_commit_is_left_to_the_job_the_audit_and_an_agent_that_verifies() -> None:
    assert asked(topology(), OWN, Operation.PUSH_FOREIGN, facts=FOREIGN).guards == (Guard.PROMOTION_JOB, Guard.AUDIT)
    cluster = {"cluster": "east", "sync": {"signed_by": [PUBLIC_KEY]}}
    given_ = topology().model_dump(mode="json", by_alias=True, exclude_none=True)
    given_["clusters"] = [{"name": "east"}]
    given_["environments"][0] |= cluster
    verified = asked(validate(given_), OWN, Operation.PUSH_FOREIGN, facts=FOREIGN)
    assert set(verified.guards) == {Guard.PROMOTION_JOB, Guard.AGENT, Guard.AUDIT}


@settings(max_examples=150, deadline=None)
@given(topologies())
def test_what_the_price_plan_cannot_hold_is_reported_and_never_called_achieved(about: Topology) -> None:
    known = Environments(about)
    for made in plans(about):
        lacking = known.not_held(made.application.visibility)
        for name, report in made.enforcement.items():
            lost = lacking & set(report.requested) - STATE_PROTECTIONS
            assert not lost & set(report.achieved), name
            assert len(report.why) >= len(lost)
            shared = made.environment(name).isolation is Isolation.SHARED
            assert not (shared and Protection.ISOLATED_CREDENTIAL in report.achieved)


STATE_PROTECTIONS = {Protection.ISOLATED_CREDENTIAL, Protection.FORWARD_ONLY, Protection.LOCKED_REPOSITORY}
"""Held in the repository of the branch, which may be of another visibility; rulesets exist wherever one is accepted."""


def test_a_private_repository_on_the_free_plan_holds_nothing_and_all_of_it_is_reported() -> None:
    """`validate` refuses it; were it let through, no protection may be called achieved."""
    given_ = topology().model_dump(mode="json", by_alias=True)
    given_["github_plan"], given_["application"]["visibility"] = "free", "private"
    given_["environments"][1]["allow_degraded"] = True
    free = validate(given_, tolerate={"private-on-free"})
    assert Environments(free).not_held(free.application.visibility) == set(Protection)  # type: ignore[arg-type]
    assert all(report.achieved == () for report in plan(free).enforcement.values())


@settings(max_examples=100, deadline=None)
@given(topologies())
def test_everybody_whom_the_plan_knows_tries_something(about: Topology) -> None:
    """Derived twice: by the plan, and from the topology alone."""
    everybody = {party.actor for party in parties(Environments(about))}
    assert everybody == {actor for made in plans(about) for actor in actors(made)}


def test_the_oracle_knows_nothing_of_the_plan_but_its_vocabulary() -> None:
    for module in (oracle, places):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name for name in taken if name and name.startswith("gitops_infra.plan")} == {"gitops_infra.plan.actors"}
        assert not any(name and name.startswith(("gitops_infra.forges", "gitops_infra.sandbox")) for name in taken)
