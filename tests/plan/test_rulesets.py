from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gitops_infra.plan.build import plan
from gitops_infra.plan.model import BypassActor, BypassKind, PullRequestRule, RefKind, Rules, Ruleset
from gitops_infra.plan.rulesets import MAX_RULESETS, application_rulesets, too_many
from gitops_infra.topology.application import Application
from gitops_infra.topology.topology import Topology

STAGING = "refs/heads/env/staging"
LOCKED = Rules(creation=True, update=True, deletion=True)


def test_a_state_repository_has_exactly_these_four_rulesets(topology: Callable[..., Topology]) -> None:
    state = plan(topology()).environment("staging").state
    assert state.rulesets == (
        Ruleset(
            key="writers",
            name="gitops: staging writers",
            target=RefKind.BRANCH,
            include=(STAGING,),
            rules=Rules(creation=True, update=True),
            bypass=(BypassActor(BypassKind.DEPLOY_KEY, None),),
        ),
        Ruleset(
            key="integrity",
            name="gitops: staging integrity",
            target=RefKind.BRANCH,
            include=(STAGING,),
            rules=Rules(deletion=True, non_fast_forward=True),
        ),
        Ruleset(
            key="locked-branches",
            name="gitops: staging locked branches",
            target=RefKind.BRANCH,
            include=("~ALL",),
            exclude=(STAGING,),
            rules=LOCKED,
        ),
        Ruleset(
            key="locked-tags",
            name="gitops: staging locked tags",
            target=RefKind.TAG,
            include=("~ALL",),
            rules=LOCKED,
        ),
    )


def test_the_application_has_exactly_one_ruleset_on_the_exact_default_branch(topology: Callable[..., Topology]) -> None:
    application = plan(topology(application={"default_branch": "trunk", "required_checks": ["build"]})).application
    assert application.rulesets == (
        Ruleset(
            key="default-branch",
            name="gitops: default branch",
            target=RefKind.BRANCH,
            include=("refs/heads/trunk",),
            rules=Rules(
                creation=True,
                deletion=True,
                non_fast_forward=True,
                pull_request=PullRequestRule(
                    approvals=1,
                    code_owner_review=True,
                    dismiss_stale_reviews=True,
                    last_push_approval=True,
                    merge_methods=("merge", "squash", "rebase"),
                ),
                required_checks=("build",),
            ),
        ),
    )


def test_no_ruleset_anywhere_names_the_default_branch_by_its_placeholder(topology: Callable[..., Topology]) -> None:
    made = plan(topology(promotions=[{"target": "production", "trigger": "on_release"}]))
    repositories = [made.application, *(each.state for each in made.environments if each.state)]
    named = {ref for each in repositories for ruleset in each.rulesets for ref in (*ruleset.include, *ruleset.exclude)}
    assert named == {"refs/heads/main", "refs/tags/v*.*.*", "~ALL", STAGING, "refs/heads/env/production"}


@pytest.mark.parametrize("change", [{"retired": True}, {"write_credential": False}])
def test_without_a_credential_nobody_bypasses_anything(
    topology: Callable[..., Topology], change: dict[str, Any]
) -> None:
    state = plan(topology(staging=change, promotions=[])).environment("staging").state
    assert [ruleset.bypass for ruleset in state.rulesets] == [(), (), (), ()]


def test_linear_history_forbids_merge_commits_on_both_sides(topology: Callable[..., Topology]) -> None:
    made = plan(topology(application={"linear_history": True}))
    [default_branch] = made.application.rulesets
    assert default_branch.rules.required_linear_history
    assert default_branch.rules.pull_request.merge_methods == ("squash", "rebase")
    required = {each.key: each.rules.required_linear_history for each in made.environment("staging").state.rulesets}
    assert required == {"writers": False, "integrity": True, "locked-branches": False, "locked-tags": False}


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        ({"existing": True, "code_owners": True}, True),
        ({"existing": True, "code_owners": False}, False),
        ({"existing": True}, False),
        ({"existing": False, "owners": ["@acme/platform"]}, True),
        ({"existing": False, "owners": []}, False),
        ({"existing": False}, False),
    ],
)
def test_code_owners_must_review_only_where_there_are_code_owners(
    *, application: dict[str, Any], expected: bool
) -> None:
    [ruleset] = application_rulesets(Application(name="shop", **application))
    assert ruleset.rules.pull_request.code_owner_review is expected


def test_a_released_tag_never_moves(topology: Callable[..., Topology]) -> None:
    promotions = [
        {"target": "staging", "trigger": "on_release", "tags": "v*-rc*"},
        {"target": "production", "trigger": "on_release"},
    ]
    tags = plan(topology(promotions=promotions)).application.rulesets[1]
    assert tags == Ruleset(
        key="release-tags",
        name="gitops: release tags",
        target=RefKind.TAG,
        include=("refs/tags/v*-rc*", "refs/tags/v*.*.*"),
        rules=Rules(update=True, deletion=True),
    )


def test_more_rulesets_than_one_repository_may_have_are_a_problem(topology: Callable[..., Topology]) -> None:
    application = plan(topology()).application
    at_the_border = replace(application, rulesets=application.rulesets * MAX_RULESETS)
    assert too_many(at_the_border) == ()
    [problem] = too_many(replace(application, rulesets=application.rulesets * (MAX_RULESETS + 1)))
    assert str(problem) == (
        "repository 'acme/shop': it would get 61 rulesets; at most 60 are made in one (GitHub allows 75). "
        "Split the environments over several topologies. [too-many-rulesets]"
    )
