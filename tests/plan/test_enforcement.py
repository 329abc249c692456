from collections.abc import Callable
from itertools import product

import pytest

from gitops_infra.plan.build import plan
from gitops_infra.plan.enforcement import enforcement
from gitops_infra.topology.application import Application
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import OwnerKind, PricePlan, Protection, Visibility

BRANCH = {
    "isolated_credential",
    "forward_only",
    "locked_repository",
    "secret_in_environment",
    "reviewed_default_branch",
}
GATES = {"required_reviewers", "prevent_self_review", "no_admin_bypass"}

# What GitHub holds, written by hand: nothing, the branch rules, or the branch rules and the gates.
HOLDS = {
    ("free", "public"): BRANCH | GATES,
    ("free", "private"): set(),
    ("free", "internal"): set(),
    ("pro", "public"): BRANCH | GATES,
    ("pro", "private"): BRANCH,
    ("pro", "internal"): set(),
    ("team", "public"): BRANCH | GATES,
    ("team", "private"): BRANCH,
    ("team", "internal"): set(),
    ("enterprise", "public"): BRANCH | GATES,
    ("enterprise", "private"): BRANCH | GATES,
    ("enterprise", "internal"): BRANCH | GATES,
}

NO_RULE = (
    "That only commits of main reach '{}' is checked by the promotion job and not by GitHub, which has no such rule."
)
NOTES = (
    "The credential of '{0}' can write refs of shop-env-{0} that are neither branches nor tags, such as refs/notes/*: "
    "no ruleset covers them."
)
NO_OWNERS = (
    "There are no code owners: nobody in particular must review changes of .github/ and of the manifests, any reviewer "
    "of a pull request to main will do."
)
ONE_PERSON = "The repositories belong to a user account: that one person can lift every rule."


@pytest.mark.parametrize(
    ("price_plan", "visibility", "owner_kind", "owned", "name"),
    list(product(PricePlan, Visibility, OwnerKind, (True, False), ("staging", "production"))),
)
def test_every_price_plan_visibility_owner_kind_and_ownership(
    *, price_plan: PricePlan, visibility: Visibility, owner_kind: OwnerKind, owned: bool, name: str
) -> None:
    application = Application(name="shop", existing=True, visibility=visibility, code_owners=owned)
    reviewers = [{"user": "ana"}] if name == "production" else None
    environment = Environment.model_validate({"name": name, "reviewers": reviewers})
    report = enforcement(environment, application, owner_kind=owner_kind, price_plan=price_plan)

    asked = BRANCH | (GATES if name == "production" else set()) | ({"code_owners"} if owned else set())
    held = HOLDS[price_plan.value, visibility.value]
    achieved = asked & (held | ({"code_owners"} if held else set()))
    assert {each.value for each in report.requested} == asked
    assert {each.value for each in report.achieved} == achieved
    assert report.degraded is (asked != achieved)

    missing = report.why[: len(asked - achieved)]
    assert {sentence.split(":")[0] for sentence in missing} == asked - achieved
    limits = [NO_RULE.format(name), NOTES.format(name)]
    limits += [] if owned else [NO_OWNERS]
    limits += [ONE_PERSON] if owner_kind is OwnerKind.USER else []
    assert list(report.why[len(missing) :]) == limits


def test_a_missing_protection_is_explained_by_where_github_offers_it(topology: Callable[..., Topology]) -> None:
    made = plan(topology(application={"visibility": "private"}, production={"allow_degraded": True}))
    assert made.enforcement["production"].why[0] == (
        "required_reviewers: GitHub offers it for public repositories, and private ones on Enterprise; "
        "this is the price plan team with a repository that is private."
    )


def test_the_branch_rules_hang_on_the_state_repository_and_the_gates_on_the_application(
    topology: Callable[..., Topology],
) -> None:
    report = plan(topology(github_plan="free", staging={"state_visibility": "private"})).enforcement["staging"]
    lost = {Protection.ISOLATED_CREDENTIAL, Protection.FORWARD_ONLY, Protection.LOCKED_REPOSITORY}
    assert set(report.requested) - set(report.achieved) == lost


def test_staging_asks_for_what_the_topology_asks_for(topology: Callable[..., Topology]) -> None:
    asked = {"reviewers": [{"user": "ana"}], "wait_minutes": 5}
    report = plan(topology(staging=asked)).enforcement["staging"]
    assert {each.value for each in report.requested} - BRANCH == {
        "code_owners",
        "required_reviewers",
        "prevent_self_review",
        "wait_timer",
    }
    assert report.requested == report.achieved


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reviewers": []}, "required_reviewers: `reviewers` names nobody."),
        (
            {"prevent_self_review": False},
            "prevent_self_review: it needs `reviewers`, and `prevent_self_review` must not be false.",
        ),
    ],
)
def test_production_always_asks_for_approval_by_somebody_else(
    topology: Callable[..., Topology], change: dict[str, object], reason: str
) -> None:
    report = plan(topology(production={**change, "allow_degraded": True})).enforcement["production"]
    assert report.why[0] == reason
    assert report.degraded


def test_review_says_who_reads_its_secrets(topology: Callable[..., Topology]) -> None:
    report = plan(topology()).enforcement["review"]
    assert report.requested == report.achieved == (Protection.SECRET_IN_ENVIRONMENT,)
    assert report.why == (
        (
            "Whoever may push a branch of shop can read the secrets of 'review' with a pull request of their own; it "
            "has no credential that can write to git."
        ),
    )


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"retired": True}, "it is retired"), ({"write_credential": False}, "`write_credential` is false")],
)
def test_without_a_credential_production_needs_nobody_to_approve(
    topology: Callable[..., Topology], change: dict[str, bool], cause: str
) -> None:
    report = plan(topology(production={**change, "reviewers": []})).enforcement["production"]
    kept = (Protection.FORWARD_ONLY, Protection.LOCKED_REPOSITORY, Protection.SECRET_IN_ENVIRONMENT)
    assert report.requested == report.achieved == kept
    assert report.why == (f"Nobody may move env/production: {cause}, so 'production' has no credential.",)
