from collections.abc import Callable
from itertools import product

import pytest

from gitops_infra.plan.build import plan
from gitops_infra.plan.enforcement import enforcement
from gitops_infra.topology.application import Application
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import TopologyError
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import OwnerKind, PricePlan, Protection, Visibility

# What each kind asks for, from the sentences of the guarantee: who, how and nothing else (the branch), what its jobs
# read (the secret), that only reviewed changes come there, and for production that somebody else approves.
BRANCH = {
    "isolated_credential",
    "forward_only",
    "locked_repository",
    "secret_in_environment",
    "reviewed_default_branch",
}
GATES = {"required_reviewers", "prevent_self_review", "no_admin_bypass"}
ASKED = {"staging": BRANCH, "production": BRANCH | GATES, "review": {"secret_in_environment"}}

# What GitHub has, written by hand: nothing; rulesets and environments; or approvals as well.
RULES, APPROVALS = "rules", "approvals"
HOLDS = {
    ("free", "public"): {RULES, APPROVALS},
    ("free", "private"): set(),
    ("free", "internal"): set(),
    ("pro", "public"): {RULES, APPROVALS},
    ("pro", "private"): {RULES},
    ("pro", "internal"): set(),
    ("team", "public"): {RULES, APPROVALS},
    ("team", "private"): {RULES},
    ("team", "internal"): set(),
    ("enterprise", "public"): {RULES, APPROVALS},
    ("enterprise", "private"): {RULES, APPROVALS},
    ("enterprise", "internal"): {RULES, APPROVALS},
}
OFFERED = {
    RULES: "public repositories, and private ones on Pro, Team and Enterprise",
    APPROVALS: "public repositories, and private ones on Enterprise",
}

NO_RULE = (
    "That only commits of main reach '{}' is checked by the promotion job and not by GitHub, which has no such rule."
)
REMAINS = {
    "repository": (
        "The credential of '{0}' can write refs of shop-env-{0} that are neither branches nor tags, such as "
        "refs/notes/*: no ruleset covers them."
    ),
    "branch": (
        "The credential of '{0}' can write every branch and tag of shop that no ruleset protects: isolation by "
        "repository would lock them."
    ),
}
REMAINS["shared"] = REMAINS["branch"]
NO_OWNERS = (
    "There are no code owners: nobody in particular must review changes of .github/ and of the manifests, any reviewer "
    "of a pull request to main will do."
)
ONE_PERSON = "The repositories belong to a user account: that one person can lift every rule."
SHARED = (
    "isolated_credential: GitHub's bypass for deploy keys means every write key of shop, so each environment's key "
    "there can move the branch of each other one."
)
REVIEW = (
    "Whoever may push a branch of shop can read the secrets of 'review' with a pull request of their own; it has no "
    "credential that can write to git."
)
ORDER = [protection.value for protection in Protection]


@pytest.mark.parametrize(
    ("price_plan", "visibility", "owner_kind", "isolation", "name", "owned"),
    list(
        product(
            ("free", "pro", "team", "enterprise"),
            ("public", "private", "internal"),
            ("organization", "user"),
            ("repository", "branch", "shared"),
            ("staging", "production", "review"),
            (True, False),
        )
    ),
)
def test_requested_achieved_and_why_of_every_combination(
    *, price_plan: str, visibility: str, owner_kind: str, isolation: str, name: str, owned: bool
) -> None:
    environment = Environment.model_validate(
        {
            "name": name,
            "isolation": isolation,
            "writer": {"app": 17, "key": "app"} if isolation == "branch" else None,
            "reviewers": [{"user": "ana"}] if name == "production" else None,
        }
    )
    application = Application(name="shop", existing=True, visibility=Visibility(visibility), code_owners=owned)
    report = enforcement(environment, application, owner_kind=OwnerKind(owner_kind), price_plan=PricePlan(price_plan))

    moved = name != "review"
    asked = ASKED[name] | ({"code_owners"} if owned and moved else set())
    if isolation != "repository":
        asked = asked - {"locked_repository"}  # other people work in that repository
    held = HOLDS[price_plan, visibility]
    achieved = {each for each in asked if (APPROVALS if each in GATES else RULES) in held}
    if isolation == "shared":
        achieved -= {"isolated_credential"}  # every write key of the repository passes
    assert [each.value for each in report.requested] == [each for each in ORDER if each in asked]
    assert [each.value for each in report.achieved] == [each for each in ORDER if each in achieved]
    assert report.degraded is (asked != achieved)

    def reason(protection: str) -> str:
        thing = APPROVALS if protection in GATES else RULES
        if thing in held:
            return SHARED
        this = f"the price plan {price_plan} with a repository that is {visibility}"
        return f"{protection}: GitHub offers it for {OFFERED[thing]}; this is {this}."

    missing = [reason(each) for each in ORDER if each in asked - achieved]
    limits = [REVIEW]
    if moved:
        limits = [NO_RULE.format(name), REMAINS[isolation].format(name)]
        limits += [] if owned else [NO_OWNERS]
        limits += [ONE_PERSON] if owner_kind == "user" else []
    assert list(report.why) == missing + limits


@pytest.mark.parametrize("gate", ["required_checks", "required_deployments"])
@pytest.mark.parametrize(("visibility", "held"), [("public", True), ("private", False)])
def test_what_a_commit_must_have_passed_is_enforced_where_there_are_rulesets(
    *, gate: str, visibility: str, held: bool
) -> None:
    writer = {"app": 17, "key": "app"}
    environment = Environment.model_validate({"name": "staging", "isolation": "branch", "writer": writer, gate: ["x"]})
    application = Application(name="shop", existing=True, visibility=Visibility(visibility))
    report = enforcement(environment, application, owner_kind=OwnerKind.ORGANIZATION, price_plan=PricePlan.FREE)
    assert Protection(gate) in report.requested
    assert (Protection(gate) in report.achieved) is held


@pytest.mark.parametrize(("price_plan", "held"), [("team", False), ("enterprise", True)])
def test_under_shared_isolation_only_the_accepted_loss_is_accepted_for_production(
    topology: Callable[..., Topology], *, price_plan: str, held: bool
) -> None:
    """`accept_shared_bypass` is about the keys; what the price plan has not needs `allow_degraded`."""
    given = topology(
        github_plan=price_plan,
        application={"visibility": "private"},
        production={"isolation": "shared", "accept_shared_bypass": True},
    )
    if held:
        assert plan(given).enforcement["production"].degraded
        return
    with pytest.raises(TopologyError) as caught:
        plan(given)
    (problem,) = caught.value.problems
    assert problem.code == "production-degraded"
    assert problem.reason.startswith(
        "production asks for required_reviewers, prevent_self_review, no_admin_bypass, which will not be enforced: "
        "required_reviewers: GitHub offers it for"
    )
    assert "isolated_credential" not in problem.reason


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
