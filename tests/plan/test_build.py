import pickle
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from gitops_infra.plan.build import plan, plan_application, plan_environment
from gitops_infra.plan.credentials import SECRET_NAME
from gitops_infra.plan.model import Actions, Approver, Credential, CredentialKind, DeploymentPolicy
from gitops_infra.topology.problems import TopologyError
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import PricePlan


def test_the_plan_of_three_environments(topology: Callable[..., Topology]) -> None:
    """Everything but rulesets and enforcement, which have tests of their own."""
    made = plan(topology())
    seen = asdict(made)
    seen.pop("enforcement")
    for repository in (seen["application"], *(each["state"] for each in seen["environments"] if each["state"])):
        repository["rulesets"] = [ruleset["key"] for ruleset in repository["rulesets"]]
    state_rulesets = ["writers", "integrity", "locked-branches", "locked-tags"]
    off = {"enabled": False, "sha_pinning": True, "patterns": (), "read_only_token": True}

    def state(name: str, *, retain: bool) -> dict:
        return {
            "owner": "acme",
            "name": f"shop-env-{name}",
            "existing": False,
            "visibility": "public",
            "default_branch": f"env/{name}",
            "description": f"State of shop in {name}: env/{name}, moved by promotions only",
            "auto_init": False,
            "linear_history": False,
            "files": (),
            "rulesets": state_rulesets,
            "access": (),
            "labels": (),
            "actions": off,
            "imported": False,
            "retain": retain,
        }

    def environment(name: str, **given: object) -> dict:
        return {
            "name": name,
            "kind": name,
            "branch": f"env/{name}",
            "isolation": "repository",
            "repository": f"acme/shop-env-{name}",
            "rulesets": (),
            "former": None,
            "formerly": None,
            "paths": (),
            "credential": {
                "kind": "deploy key",
                "repository": f"acme/shop-env-{name}",
                "title": f"gitops-infra shop {name} g1",
                "secret_name": SECRET_NAME,
                "generation": 1,
                "app": None,
                "user": None,
                "user_id": None,
                "key": None,
            },
            "policy": {
                "branch_patterns": ("main",),
                "approvers": (),
                "prevent_self_review": False,
                "wait_minutes": 0,
                "admins_bypass": False,
            },
            "manifests": f"deploy/{name}",
            "variables": {"GITOPS_BRANCH": f"env/{name}", "GITOPS_STATE_REPOSITORY": f"acme/shop-env-{name}"},
            "secrets": {},
            "delivery": None,
            "retired": False,
            "retain": False,
        } | given

    policy = environment("review")["policy"]
    approved = {"approvers": ({"user": None, "team": "platform", "id": 7},), "prevent_self_review": True}
    assert seen == {
        "owner": "acme",
        "owner_kind": "organization",
        "price_plan": "team",
        "application": {
            "owner": "acme",
            "name": "shop",
            "existing": True,
            "visibility": "public",
            "default_branch": "main",
            "description": None,
            "auto_init": False,
            "linear_history": False,
            "files": (),
            "rulesets": ["default-branch"],
            "access": (),
            "labels": (),
            "actions": None,
            "imported": False,
            "retain": True,
        },
        "environments": (
            environment("staging", state=state("staging", retain=False)),
            environment("production", state=state("production", retain=True), policy=policy | approved, retain=True),
            environment(
                "review",
                branch=None,
                state=None,
                credential=None,
                repository=None,
                variables={},
                policy=policy | {"branch_patterns": ("refs/pull/*/merge",)},
            ),
        ),
        "promotions": (
            {
                "source": None,
                "target": "staging",
                "trigger": "on_default_branch",
                "method": "fast_forward",
                "tags": "v*.*.*",
            },
            {
                "source": "staging",
                "target": "production",
                "trigger": "on_approval",
                "method": "fast_forward",
                "tags": "v*.*.*",
            },
        ),
        "known_hosts": (),
    }


def test_equal_topologies_give_equal_plans_that_survive_pickling(topology: Callable[..., Topology]) -> None:
    assert plan(topology()) == plan(topology())
    assert pickle.loads(pickle.dumps(plan(topology()))) == plan(topology())  # noqa: S301 - our own bytes


def test_the_order_in_which_variables_are_written_does_not_matter(topology: Callable[..., Topology]) -> None:
    one = plan(topology(staging={"variables": {"B": "1", "A": "2"}})).environment("staging")
    other = plan(topology(staging={"variables": {"A": "2", "B": "1"}})).environment("staging")
    assert list(one.variables) == list(other.variables) == ["A", "B", "GITOPS_BRANCH", "GITOPS_STATE_REPOSITORY"]


def test_a_new_repository_is_set_up_and_an_existing_one_is_left_alone(topology: Callable[..., Topology]) -> None:
    settings = {"description": "A shop", "allowed_actions": ["acme/*"], "labels": [{"name": "bug", "color": "ff0000"}]}
    new = plan(topology(application={"existing": False, "code_owners": False, **settings})).application
    assert (new.auto_init, new.actions) == (
        True,
        Actions(enabled=True, sha_pinning=True, patterns=("acme/*",), read_only_token=True),
    )
    existing = plan(topology()).application
    assert (existing.auto_init, existing.actions, existing.files) == (False, None, ())


@pytest.mark.parametrize(
    ("application", "retain"),
    [
        ({"existing": True}, True),
        ({"existing": True, "allow_destroy": True}, True),
        ({"existing": False, "code_owners": False}, True),
        ({"existing": False, "code_owners": False, "allow_destroy": True}, False),
    ],
)
def test_an_application_repository_is_deleted_only_if_it_is_ours_and_that_is_allowed(
    *, topology: Callable[..., Topology], application: dict[str, Any], retain: bool
) -> None:
    assert plan(topology(application=application)).application.retain is retain


@pytest.mark.parametrize(
    ("name", "change", "retain"),
    [
        ("staging", {}, False),
        ("staging", {"allow_destroy": False}, True),
        ("staging", {"adopt": True}, True),
        ("production", {}, True),
        ("production", {"allow_destroy": True}, False),
    ],
)
def test_production_is_retained_unless_its_deletion_is_allowed(
    *, topology: Callable[..., Topology], name: str, change: dict[str, Any], retain: bool
) -> None:
    environment = plan(topology(**{name: change})).environment(name)
    assert (environment.retain, environment.state.retain) == (retain, retain)


def test_a_rotation_changes_the_title_of_the_key_and_not_the_name_of_the_secret(
    topology: Callable[..., Topology],
) -> None:
    rotated = plan(topology(production={"generation": 3})).environment("production").credential
    assert rotated == Credential(
        CredentialKind.DEPLOY_KEY,
        "acme/shop-env-production",
        "GITOPS_DEPLOY_KEY",
        generation=3,
        title="gitops-infra shop production g3",
    )


def test_names_that_the_topology_states_are_kept(topology: Callable[..., Topology]) -> None:
    stated = {"branch": "live", "state_repository": "shop-live", "manifests": "k8s/live", "state_visibility": "private"}
    environment = plan(topology(staging=stated)).environment("staging")
    assert (environment.ref, environment.manifests) == ("refs/heads/live", "k8s/live")
    assert (environment.state.full_name, environment.state.visibility) == ("acme/shop-live", "private")
    assert environment.variables == {"GITOPS_BRANCH": "live", "GITOPS_STATE_REPOSITORY": "acme/shop-live"}


def test_a_private_repository_of_the_team_plan_gets_no_gate_that_github_would_refuse(
    topology: Callable[..., Topology],
) -> None:
    accepted = {"allow_degraded": True, "wait_minutes": 10}
    made = plan(topology(application={"visibility": "private"}, production=accepted))
    assert made.environment("production").policy == DeploymentPolicy(("main",), admins_bypass=True)


def test_reviewers_and_the_wait_are_kept_where_github_has_them(topology: Callable[..., Topology]) -> None:
    reviewers = [{"user": "ana"}, {"team": "platform", "id": 7}]
    policy = plan(topology(production={"reviewers": reviewers, "wait_minutes": 10})).environment("production").policy
    assert policy == DeploymentPolicy(
        ("main",),
        (Approver("ana", None, None), Approver(None, "platform", 7)),
        prevent_self_review=True,
        wait_minutes=10,
    )


def test_production_that_gets_less_than_it_asks_for_is_refused_with_every_reason(
    topology: Callable[..., Topology],
) -> None:
    with pytest.raises(TopologyError) as caught:
        plan(topology(application={"visibility": "private"}))
    offered = "GitHub offers it for public repositories, and private ones on Enterprise"
    this = "this is the price plan team with a repository that is private."
    assert str(caught.value) == (
        "1 problem in the topology:\n"
        "  - environment 'production': production asks for required_reviewers, prevent_self_review, no_admin_bypass, "
        f"which will not be enforced: required_reviewers: {offered}; {this} prevent_self_review: {offered}; {this} "
        f"no_admin_bypass: {offered}; {this[:-1]}. Give what is missing, or accept and report it with "
        "`allow_degraded: true`. [production-degraded]"
    )


def test_everything_that_is_refused_is_told_at_once(topology: Callable[..., Topology]) -> None:
    shared = {"isolation": "shared", "accept_shared_bypass": True, "prevent_self_review": False}
    more = [{"name": "prod-eu"}, {"name": "prod-us", "kind": "production", **shared}]
    promotions = [
        {"target": "staging", "trigger": "on_item_pull_request"},
        {"target": "production", "method": "retag"},
    ]
    with pytest.raises(TopologyError) as caught:
        plan(topology(production={"prevent_self_review": False}, more=more, promotions=promotions))
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "environment 'prod-eu': its kind is not stated, and safeguards hang on it. "
            "Add `kind`: staging, production or review. [kind-missing]"
        ),
        (
            "environment 'prod-us': production asks for required_reviewers, prevent_self_review, which will not be "
            "enforced: required_reviewers: `reviewers` names nobody. prevent_self_review: it needs `reviewers`, and "
            "`prevent_self_review` must not be false. Give what is missing, or accept and report it with "
            "`allow_degraded: true`. [production-degraded]"
        ),
        (
            "environment 'production': production asks for prevent_self_review, which will not be enforced: "
            "prevent_self_review: it needs `reviewers`, and `prevent_self_review` must not be false. "
            "Give what is missing, or accept and report it with `allow_degraded: true`. [production-degraded]"
        ),
        "promotion to 'production': 'retag' is not available yet. Use fast_forward. [promotion-not-available]",
        (
            "promotion to 'staging': 'on_item_pull_request' is not available yet. "
            "Use on_approval or on_default_branch or on_release. [promotion-not-available]"
        ),
    ]


def test_one_component_alone_gets_the_same_as_within_a_topology(topology: Callable[..., Topology]) -> None:
    given = topology()
    whole = plan(given)
    told = {"owner": "acme", "price_plan": PricePlan.TEAM}
    for wanted in given.environments:
        assert plan_environment(wanted, given.application, **told) == whole.environment(wanted.name)
    assert plan_application(given.application, **told) == whole.application


def test_one_component_alone_refuses_degraded_production_too(topology: Callable[..., Topology]) -> None:
    given = topology(production={"reviewers": []})
    with pytest.raises(TopologyError, match="`reviewers` names nobody"):
        plan_environment(given.environments[1], given.application, owner="acme", price_plan=PricePlan.TEAM)
