"""Whose jobs read an environment's secrets: every event, ref and person; and who lets a waiting job pass."""

from typing import Any

import pytest

from gitops_infra.testing import assert_secret_readers

from .conftest import Shop
from .test_branches import everything

SECRET = "canary-of-production"


@pytest.fixture
def shop(bare_shop: Shop) -> Shop:
    """The environment production of `acme/shop`: jobs of main, after approval by the platform team."""
    guards: dict[str, Any] = {"prevent_self_review": True, "can_admins_bypass": False}
    bare_shop.environment("production", "main", reviewers=["platform"], **guards)
    bare_shop.secret("TOKEN", SECRET)
    return bare_shop


def check(shop: Shop, *refs: str, approvers: tuple[str, ...] = ("acme/platform",)) -> None:
    assert_secret_readers(shop.forge, "acme/shop", "production", refs, approvers=approvers)


def failure(shop: Shop, *refs: str, approvers: tuple[str, ...] = ("acme/platform",)) -> str:
    with pytest.raises(AssertionError) as caught:
        check(shop, *refs, approvers=approvers)
    text = str(caught.value)
    assert SECRET not in text
    return text


def test_jobs_of_main_read_them_after_approval_and_nobody_else(shop: Shop) -> None:
    before = everything(shop.forge)
    ways = assert_secret_readers(shop.forge, "acme/shop", "production", {"main"}, approvers={"acme/platform"})
    assert everything(shop.forge) == before
    assert {way.ref for way in ways} == {"refs/heads/main"}
    assert {way.approvers for way in ways} == {("acme/platform",)}
    assert {way.starter for way in ways if way.event == "push"} == {"dana", "mara", "olivia", "rita"}


def test_a_pattern_in_the_policy_is_found_though_no_branch_matches_it_yet(shop: Shop) -> None:
    shop.policy("production", "release/*")
    text = failure(shop, "main")
    assert "jobs of release/x (stands for the deployment policy 'release/*') read them:" in text
    check(shop, "main", "release/*")


def test_a_pattern_beside_a_branch_of_its_first_word_admits_nobody(shop: Shop) -> None:
    """Git keeps no `release/x` beside `release`."""
    shop.policy("production", "release/*")
    main = shop.send("GET", "acme/shop/git/ref/heads/main")["object"]["sha"]
    shop.send("POST", "acme/shop/git/refs", ref="refs/heads/release", sha=main)
    check(shop, "main")


def test_a_tag_that_the_policy_admits_is_found(shop: Shop) -> None:
    shop.policy("production", "v*", kind="tag")
    assert "jobs of refs/tags/vx (stands for the deployment policy 'v*') read them:" in failure(shop, "main")
    check(shop, "main", "refs/tags/v*")


def test_an_environment_without_a_policy_is_open_to_any_branch_tag_and_pull_request(shop: Shop) -> None:
    shop.environment("production", reviewers=["platform"], prevent_self_review=True, can_admins_bypass=False)
    text = failure(shop, "main")
    assert "jobs of gitops-probe (stands for any new branch) read them" in text
    assert "jobs of refs/tags/gitops-probe (stands for any new tag) read them" in text
    assert "jobs of refs/pull/1/merge (stands for any pull request) read them: pull_request" in text
    assert " of a fork" not in text.partition("refs/pull/1/merge")[2].partition("\n")[0]


def test_pull_requests_are_a_pattern_as_in_the_policy(bare_shop: Shop) -> None:
    bare_shop.environment("review", "refs/pull/*/merge")
    bare_shop.secret("TOKEN", SECRET, "environments/review/secrets")
    ways = assert_secret_readers(bare_shop.forge, "acme/shop", "review", {"refs/pull/*/merge"})
    assert {way.event for way in ways} == {"pull_request", "pull_request_review"}
    assert not any(way.fork for way in ways)


def test_an_expected_ref_that_reads_nothing_fails(shop: Shop) -> None:
    assert "no job of develop reads them" in failure(shop, "main", "develop")


def test_approval_that_is_not_asked_is_found(shop: Shop) -> None:
    shop.environment("production", "main")
    text = failure(shop, "main")
    assert "approval is asked of nobody for jobs of main: " in text
    check(shop, "main", approvers=())


def test_approval_by_somebody_else_is_found(shop: Shop) -> None:
    assert "approval is asked of acme/platform for jobs of main" in failure(
        shop, "main", approvers=("acme/developers",)
    )
    assert "approval is asked of acme/platform for jobs of main" in failure(shop, "main", approvers=())


def test_jobs_are_found_when_the_only_reviewer_is_the_strongest_person(shop: Shop) -> None:
    """Who may not review their own job; the jobs of others pass."""
    shop.forge.add_team("acme", "owners", ["olivia"])
    shop.forge.grant("acme/shop", "acme/owners", "read")
    shop.environment("production", "main", reviewers=["owners"], prevent_self_review=True, can_admins_bypass=False)
    shop.policy("production", "release/*")
    assert "jobs of release/x" in failure(shop, "main", approvers=("acme/owners",))


def test_an_administrator_who_may_pass_the_gate_is_found(shop: Shop) -> None:
    shop.environment("production", "main", reviewers=["platform"], prevent_self_review=True, can_admins_bypass=True)
    text = failure(shop, "main")
    assert "olivia can approve a job of dana" in text
    assert "dana can approve" not in text


def test_a_reviewer_who_may_approve_their_own_job_is_found(shop: Shop) -> None:
    shop.environment("production", "main", reviewers=["platform"], prevent_self_review=False, can_admins_bypass=False)
    text = failure(shop, "main")
    assert "mara can approve their own job" in text
    assert "a job of" not in text


def test_a_wait_timer_keeps_nobody_out(shop: Shop) -> None:
    shop.environment("production", "main", wait_timer=30)
    check(shop, "main", approvers=())


def test_an_environment_that_is_not_there_or_empty_is_no_silent_pass(shop: Shop) -> None:
    shop.environment("staging", "main")
    with pytest.raises(AssertionError, match="no environment 'prod': it has production, staging"):
        assert_secret_readers(shop.forge, "acme/shop", "prod", {"main"})
    with pytest.raises(AssertionError, match="staging of acme/shop holds no secret, so there is nothing to read"):
        assert_secret_readers(shop.forge, "acme/shop", "staging", {"main"})
    with pytest.raises(ValueError, match="no repository 'acme/shpo'"):
        assert_secret_readers(shop.forge, "acme/shpo", "production", {"main"})
