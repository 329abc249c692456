"""What may not follow on what a stack holds: lost environments, moved branches."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.plan.build import plan, plans
from gitops_infra.plan.transition import problems
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]

STAGING = {
    "kind": "staging",
    "branch": "env/staging",
    "ref": "refs/heads/env/staging",
    "repository": "shop-env-staging",
    "isolation": "repository",
    "retired": False,
}
BRANCH = {**STAGING, "repository": "shop", "isolation": "branch"}
WRITER = {"isolation": "branch", "writer": {"app": 7, "key": "stagingAppKey"}}
REVIEW = {"kind": "review", "branch": None, "ref": None, "repository": None, "isolation": "repository"}


@pytest.fixture
def without_staging(topology: Build) -> Topology:
    made = topology()
    return made.model_copy(update={"environments": made.environments[1:]})


def told(before: dict[str, Any], topology: Topology) -> list[str]:
    return [str(problem) for problem in problems(before, *plans(topology))]


def test_nothing_is_said_of_what_stays_and_of_what_is_new(topology: Build) -> None:
    assert told({"staging": STAGING, "review": REVIEW}, topology()) == []
    assert told({}, topology()) == []


def test_an_environment_that_is_left_out_must_be_retired_first(without_staging: Topology) -> None:
    assert told({"staging": STAGING}, without_staging) == [
        (
            "environment 'staging': the stack has it with the branch env/staging, and the topology leaves it out. Set "
            "`retired: true` for it, run `pulumi up`, and remove it then; if it was renamed, set `formerly: staging` "
            "of the new name. [environment-removed]"
        )
    ]
    assert told({"staging": {**STAGING, "retired": True}}, without_staging) == []


def test_a_review_environment_has_nothing_to_lose(without_staging: Topology) -> None:
    assert told({"preview": REVIEW}, without_staging) == []


def test_an_environment_that_becomes_a_review_environment_loses_its_branch(topology: Build) -> None:
    (said,) = told({"staging": STAGING}, topology(staging={"kind": "review"}))
    assert "and the topology gives it no branch" in said


def test_a_renamed_environment_is_the_same(topology: Build) -> None:
    renamed = topology(staging={"name": "stage", "kind": "staging", "formerly": "staging"})
    assert told({"staging": STAGING}, renamed) == []
    assert told({"stage": STAGING}, renamed) == []


def test_the_old_name_may_not_be_forgotten_after_a_rename(topology: Build) -> None:
    """Branch and state repository are made of it."""
    assert told({"stage": STAGING}, topology(staging={"name": "stage", "kind": "staging"})) == [
        (
            "environment 'stage': its branch is 'env/staging in shop-env-staging', the topology makes it 'env/stage in "
            "shop-env-stage', and nothing would guard the old one. Name it as it was (`formerly`, `branch`, "
            "`state_repository`), or retire this environment and add another one. [branch-left-behind]"
        )
    ]


def test_a_changed_isolation_says_from_where(topology: Build) -> None:
    assert told({"staging": STAGING}, topology(staging=WRITER)) == [
        (
            "environment 'staging': its isolation changes from `repository` to `branch`, and its branch would be lost "
            "where it is. Add `moved_from: repository`: the branch there is then kept and locked. [isolation-changed]"
        )
    ]
    assert told({"staging": STAGING}, topology(staging={**WRITER, "moved_from": "repository"})) == []
    assert told({"staging": BRANCH}, topology(staging={"moved_from": "branch"})) == []
    (said,) = told({"staging": BRANCH}, topology())
    assert "Add `moved_from: branch`" in said


def test_between_branch_and_shared_nothing_moves(topology: Build) -> None:
    shared = {"isolation": "shared", "accept_shared_bypass": True}
    assert told({"staging": BRANCH}, topology(staging=shared)) == []


def test_after_a_move_the_old_place_may_be_forgotten(topology: Build) -> None:
    assert told({"staging": BRANCH}, topology(staging=WRITER)) == []


def test_another_branch_name_leaves_an_open_branch_only_in_the_applications_repository(topology: Build) -> None:
    (said,) = told({"staging": BRANCH}, topology(staging={**WRITER, "branch": "env/stage"}))
    assert said.startswith("environment 'staging': its branch is 'env/staging', the topology makes it 'env/stage'")
    assert told({"staging": STAGING}, topology(staging={"branch": "env/stage"})) == []


def test_an_output_of_an_older_version_had_state_repositories_only(topology: Build) -> None:
    old = {key: value for key, value in STAGING.items() if key not in ("isolation", "retired")}
    assert told({"staging": old}, topology()) == []
    assert told({"staging": old}, topology(staging={**WRITER, "moved_from": "repository"})) == []
    (said,) = told({"staging": old}, topology(staging=WRITER))
    assert said.endswith("[isolation-changed]")


def test_environments_of_further_repositories_have_the_repository_in_their_key(topology: Build) -> None:
    web = {"name": "web", "existing": True, "visibility": "public"}
    of_web = {**STAGING, "repository": "web-env-staging"}
    both = topology(repositories=[web])
    assert told({"staging": STAGING, "web/staging": of_web}, both) == []
    assert told({"web/old": of_web}, both)[0].startswith("environment 'old' of web: the stack has it")
    assert told({"web/staging": of_web}, topology())[0].startswith("environment 'staging' of web: the stack has it")


def test_several_are_told_at_once(topology: Build) -> None:
    held = {"qa": STAGING, "staging": {**STAGING, "isolation": "shared"}}
    assert [problem.code for problem in problems(held, plan(topology()))] == [
        "environment-removed",
        "isolation-changed",
    ]


@pytest.mark.parametrize("said", [None, "text", {}, {"branch": 7}, {"branch": ""}])
def test_what_an_output_does_not_tell_is_not_judged(topology: Build, said: Any) -> None:
    assert told({"gone": said}, topology()) == []
