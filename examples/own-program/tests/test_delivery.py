"""What the platform team promises about acme/billing."""

import pytest

from gitops_infra.testing import (
    Actor,
    Sandbox,
    Stack,
    as_job,
    assert_no_changes,
    assert_no_secret_in_state,
    assert_nobody_moves,
    assert_only_writers,
    assert_protected,
    assert_secret_readers,
)

pytestmark = pytest.mark.usefixtures("delivery")

PRODUCTION = Actor.environment("acme/billing", "production")
STATE = "acme/billing-env-production"


def test_only_jobs_of_production_move_its_branch(forge: Sandbox) -> None:
    assert_only_writers(forge, STATE, "env/production", {PRODUCTION})
    assert_nobody_moves(forge, STATE, "main")


def test_its_secrets_are_read_on_main_after_approval(forge: Sandbox) -> None:
    assert_secret_readers(forge, "acme/billing", "production", {"main"}, approvers={"acme/platform"})


def test_main_changes_by_reviewed_pull_requests_only(forge: Sandbox) -> None:
    assert_protected(forge, "acme/billing")


def test_a_job_of_production_finds_what_it_needs(forge: Sandbox) -> None:
    job = as_job(forge, "acme/billing", "production")
    assert job.secrets["PAGER_TOKEN"] == "pager-token-of-a-test"
    assert job.variables["LOG_LEVEL"] == "warning"


def test_a_second_up_changes_nothing_and_the_state_is_safe_to_store(delivery: Stack) -> None:
    assert_no_changes(delivery)
    assert_no_secret_in_state(delivery)
