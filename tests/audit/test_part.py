"""Preflight of a stack that makes a part of the topology: what the other stacks make is no surprise."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.audit.known import Known
from gitops_infra.audit.part import narrowed
from gitops_infra.plan.build import plan
from gitops_infra.plan.resources import ResourceKind, resources
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.validate import validate

Preflight = Callable[..., list[str]]


@pytest.fixture
def provisioned(forge: Sandbox, environment: Callable[..., None], ruleset: Callable[[str], None]) -> None:
    """Foundation and staging have been made, by two stacks."""
    ruleset("gitops: default branch")
    environment("staging", "GITOPS_DEPLOY_KEY")
    forge.add_repository("acme/shop-env-staging")


@pytest.mark.usefixtures("provisioned")
def test_the_stack_of_an_environment_looks_at_that_environment_only(check: Preflight) -> None:
    assert check(part="production") == []
    assert {line.rpartition("[")[2] for line in check()} == {
        "ruleset-exists]",
        "environment-exists]",
        "secret-exists]",
        "repository-exists]",
    }


@pytest.mark.usefixtures("provisioned")
def test_what_the_environments_own_stack_would_make_is_still_in_the_way(check: Preflight) -> None:
    codes = {line.rpartition("[")[2] for line in check(part="staging")}
    assert codes == {"environment-exists]", "secret-exists]", "repository-exists]"}


@pytest.mark.usefixtures("provisioned")
def test_the_stack_of_the_foundation_looks_at_no_environment(check: Preflight) -> None:
    assert [line.rpartition("[")[2] for line in check(part="foundation")] == ["ruleset-exists]"]
    assert check(part="foundation", known=Known(rulesets={("shop", "gitops: default branch")})) == []


def test_an_environment_of_another_stack_is_not_lost(check: Preflight) -> None:
    held = {"production": {"branch": "env/production", "repository": "shop-env-production", "isolation": "repository"}}
    assert check(part="production", known=Known(outputs=held)) == []


def test_the_foundation_makes_the_repository_and_an_environment_what_is_its_own() -> None:
    environments: list[dict[str, Any]] = [{"name": "staging"}, {"name": "review"}]
    application = {"name": "shop", "visibility": "public", "labels": [{"name": "bug", "color": "d73a4a"}]}
    topology = validate(
        {"owner": "acme", "github_plan": "team", "application": application, "environments": environments}
    )
    parts = (None, "foundation", "staging", "review")
    made = {part: resources(narrowed(topology, plan(topology), part)[1]) for part in parts}
    assert made["foundation"] + made["staging"] + made["review"] == made[None]
    assert made["review"] == {ResourceKind.ENVIRONMENT: 1, ResourceKind.POLICY: 1}
