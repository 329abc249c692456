"""Who reaches an environment without moving its branch: by hand, from what GitHub and a cluster let people do."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitops_infra.plan.access import Actor, ActorKind, Control, Indirect, Operation, indirect, predict, undoers
from gitops_infra.plan.actors import SETTINGS, secrets_of
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]

APP = {"isolation": "branch", "writer": {"app": 17, "key": "app"}}
BOT = {"isolation": "branch", "writer": {"user": "bot", "id": 9, "key": "bot"}}
SHARED = {"isolation": "shared", "accept_shared_bypass": True}
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n...\n-----END PGP PUBLIC KEY BLOCK-----"


def of(made: Plan, start: str, step: str = "") -> list[Indirect]:
    """The ways of those whose name begins with these whole words, with a step that holds those."""
    ways = [way for way in indirect(made) if f"{way.who} ".startswith(f"{start} ")]
    return [way for way in ways if any(step in each for each in way.how)]


def test_everybody_who_reaches_an_environment_is_listed_once_and_in_order(topology: Build) -> None:
    made = plan(topology(staging={"cluster": "eu"}, clusters=[{"name": "eu"}]))
    assert [(way.who, way.reaches, [each.value for each in way.controls]) for way in indirect(made)] == [
        ("whoever can merge into main", ("staging",), ["review", "promotion job"]),
        ("whoever has the role write in acme/shop", ("production",), ["approval", "promotion job"]),
        ("the approvers: team platform", ("production",), ["promotion job"]),
        ("whoever has the role admin in acme/shop", ("staging", "production"), ["audit"]),
        ("whoever has the role admin in acme/shop", ("staging", "production"), ["audit"]),
        (
            "whoever has the role admin in a state repository, for its environment",
            ("staging", "production"),
            ["audit"],
        ),
        ("owners of the organisation acme", ("staging", "production"), ["audit"]),
        ("the token or App that runs `pulumi up`", ("staging", "production"), ["audit"]),
        ("whoever can read the stack's state and decrypt its secrets", ("staging", "production"), ["audit"]),
        ("whoever can merge a workflow into main", ("staging",), ["review", "audit"]),
        ("whoever can merge a workflow into main", ("production",), ["review", "approval", "audit"]),
        ("the code owners of the workflows in acme/shop", ("staging",), ["audit"]),
        ("the code owners of the workflows in acme/shop", ("production",), ["approval", "audit"]),
        ("administrators of the cluster eu", ("staging",), ["audit"]),
    ]


def test_nobody_who_administers_by_the_predictions_is_missing_from_the_list(topology: Build) -> None:
    """Whoever may edit settings, by the matrix, is found here with every environment that this opens."""
    made = plan(topology(staging=APP))
    listed = {
        ActorKind.ADMIN: of(made, "whoever has the role admin in acme/shop"),
        ActorKind.OWNER: of(made, "owners of"),
        ActorKind.PROVISIONER: of(made, "the token or App"),
    }
    for kind in ActorKind:
        if kind in {ActorKind.CREDENTIAL, ActorKind.CLUSTER_KEY, ActorKind.ROTATED_OUT}:
            continue
        edits = [
            predict(made, Actor(kind), "acme/shop", place, operation).allowed
            for place, operation in (
                (SETTINGS, Operation.EDIT_RULESET),
                (SETTINGS, Operation.ADD_KEY),
                (secrets_of("production"), Operation.EDIT_POLICY),
            )
        ]
        assert edits == [kind in listed] * 3
        if kind in listed:
            assert {name for way in listed[kind] for name in way.reaches} == {"staging", "production"}


def test_an_admin_of_the_application_reaches_branches_that_are_inside_by_their_rulesets(topology: Build) -> None:
    made = plan(topology(staging=APP, production={"retired": True}, more=[{"name": "qa", "kind": "staging", **APP}]))
    [way] = of(made, "whoever has the role admin in acme/shop", "change a ruleset of the branch")
    assert way.reaches == ("staging", "qa")
    [policy] = of(made, "whoever has the role admin in acme/shop", "admit jobs of other refs")
    assert policy.reaches == ("staging", "qa")


def test_the_admin_of_a_state_repository_is_told_of_an_environment_that_is_retired_too(topology: Build) -> None:
    """The rules still say that nobody moves it, and an admin still changes rules."""
    made = plan(topology(staging=APP, production={"retired": True}))
    [way] = of(made, "whoever has the role admin in acme/shop-env-production")
    assert (way.reaches, way.controls) == (("production",), (Control.AUDIT,))


def test_without_code_owners_any_reviewer_lets_a_workflow_in(topology: Build) -> None:
    made = plan(topology(application={"code_owners": False}))
    ways = of(made, "whoever has the role write in acme/shop, for it has no code owners")
    assert {name for way in ways for name in way.reaches} == {"staging", "production"}
    assert not of(made, "the code owners")


def test_where_no_rules_hold_no_review_is_claimed(topology: Build) -> None:
    given = topology(application={"visibility": "private"}, github_plan="free", production={"allow_degraded": True})
    made = plan(given)
    assert not any(Control.REVIEW in way.controls for way in indirect(made))
    assert not of(made, "the code owners")


@pytest.mark.parametrize(
    ("writer", "who", "step"),
    [
        (APP, "whoever manages the GitHub App 17", "make it another private key"),
        (BOT, "whoever can sign in as the machine user bot", "add an SSH key to the account"),
    ],
)
def test_whoever_makes_what_a_credential_is_made_of_moves_that_environment(
    topology: Build, writer: dict[str, object], who: str, step: str
) -> None:
    [way] = of(plan(topology(staging=writer)), who)
    assert (way.how[0], way.reaches) == (step, ("staging",))


def test_every_write_key_of_a_shared_repository_reaches_all_that_share_it(topology: Build) -> None:
    made = plan(topology(staging=SHARED, more=[{"name": "qa", "kind": "staging", **SHARED}]))
    [way] = of(made, "whoever has any write deploy key of acme/shop")
    assert (way.reaches, way.controls) == (("staging", "qa"), (Control.AUDIT,))


def test_an_agent_that_verifies_signatures_stands_in_the_way_of_whoever_holds_a_key(topology: Build) -> None:
    staging = {"cluster": "eu", "sync": {"signed_by": [KEY]}}
    made = plan(topology(staging=staging, clusters=[{"name": "eu"}]))
    by_environment = {way.reaches: way.controls for way in of(made, "whoever can read the stack's state")}
    assert by_environment == {
        ("staging",): (Control.AGENT, Control.AUDIT),
        ("production",): (Control.AUDIT,),
    }


def test_admins_skip_the_gates_where_the_price_plan_lets_them(topology: Build) -> None:
    made = plan(topology(application={"visibility": "private"}, production={"allow_degraded": True}))
    [way] = of(made, "whoever has the role admin in acme/shop", "past the protection rules")
    assert (way.reaches, way.controls) == (("staging", "production"), (Control.PROMOTION_JOB,))


@pytest.mark.parametrize(
    ("trigger", "who"),
    [
        ({"source": None, "trigger": "on_default_branch"}, "whoever can merge into main"),
        ({"source": "staging"}, "whoever has the role write in acme/shop"),
        ({"trigger": "on_release"}, "whoever can make a tag v*.*.* in acme/shop"),
    ],
)
def test_the_ordinary_way_begins_with_whoever_starts_the_promotion(
    topology: Build, trigger: dict[str, object], who: str
) -> None:
    first, *_ = indirect(plan(topology(promotions=[{"target": "production", **trigger}])))
    assert (first.who, first.reaches) == (who, ("production",))
    assert first.controls[-2:] == (Control.APPROVAL, Control.PROMOTION_JOB)


def test_administrators_of_a_cluster_are_told_in_the_outputs_too(topology: Build) -> None:
    follows = {"cluster": "eu"}
    one = undoers(plan(topology(staging=follows, clusters=[{"name": "eu"}])))
    both = undoers(plan(topology(staging=follows, production=follows, clusters=[{"name": "eu"}])))
    words = "Administrators of the cluster eu can change what runs in"
    assert one[-1] == f"{words} staging without moving its branch."
    assert both[-1] == f"{words} staging and production without moving their branches."


def test_every_sentence_of_the_outputs_belongs_to_a_way_with_steps(topology: Build) -> None:
    made = plan(topology(staging=APP, production=BOT, more=[{"name": "qa", "kind": "staging", **SHARED}]))
    said = [sentence for way in indirect(made) for sentence in way.sentences]
    assert sorted(said) == sorted(undoers(made))
    assert all(way.how for way in indirect(made))


def test_a_part_of_a_topology_is_told_without_the_environments_of_other_stacks(topology: Build) -> None:
    made = plan(topology())
    part = replace(made, environments=made.environments[:1])
    assert {name for way in indirect(part) for name in way.reaches} == {"staging"}
    [state] = of(part, "whoever has the role admin in acme/shop-env-staging")
    assert state.reaches == ("staging",)
