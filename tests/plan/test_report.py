"""The report that `gitops-infra plan --format json` prints: its shape, its order, and that it is plain data."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.plan.build import plans
from gitops_infra.plan.report import FORMAT, report
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]

WEB = {"name": "web", "existing": True, "visibility": "public", "code_owners": True}


def told(topology: Topology, only: str | None = None) -> dict[str, Any]:
    return report(plans(topology), only)


def test_the_shape_is_format_1(topology: Build) -> None:
    """Whoever reads it relies on these keys; taking one away needs another format."""
    said = told(topology(staging={"secrets": {"TOKEN": "key"}}))
    assert FORMAT == said["format"] == 1
    assert {key: sorted(value[0]) if isinstance(value, list) else None for key, value in said.items()} == {
        "format": None,
        "owner": None,
        "repositories": [
            "actions",
            "default_branch",
            "environment",
            "files",
            "grants",
            "kept_on_destroy",
            "labels",
            "name",
            "origin",
            "role",
            "rulesets",
            "visibility",
        ],
        "environments": [
            "application",
            "branch",
            "credential",
            "former_place",
            "formerly",
            "isolation",
            "kept_on_destroy",
            "kind",
            "manifests",
            "name",
            "paths",
            "policy",
            "repository",
            "retired",
            "secrets",
            "variables",
        ],
        "promotions": ["application", "method", "source", "tags", "target", "trigger"],
        "enforcement": ["achieved", "application", "degraded", "environment", "requested", "why"],
        "access": ["application", "breakers", "environment", "movers", "secret_readers"],
        "undoers": None,
        "requests": None,
    }
    assert sorted(said["requests"]) == ["by_kind", "total", "writes"]
    assert sorted(said["owner"]) == ["kind", "name", "price_plan"]


def test_it_is_plain_data_and_the_same_every_time(topology: Build) -> None:
    first, second = (json.dumps(told(topology(repositories=[WEB])), indent=2) for _ in range(2))
    assert first == second


def test_an_environment_says_where_its_branch_is_and_what_moves_it(topology: Build) -> None:
    production = told(topology())["environments"][1]
    assert production == {
        "application": "acme/shop",
        "name": "production",
        "kind": "production",
        "formerly": None,
        "retired": False,
        "isolation": "repository",
        "repository": "acme/shop-env-production",
        "branch": "env/production",
        "former_place": None,
        "manifests": "deploy/production",
        "paths": [],
        "kept_on_destroy": True,
        "policy": {
            "refs": ["main"],
            "approvers": [{"user": None, "team": "platform", "id": 7}],
            "prevent_self_review": True,
            "wait_minutes": 0,
            "admins_bypass": False,
        },
        "credential": {
            "kind": "deploy key",
            "holder": "deploy key",
            "moves_branches_of": "acme/shop-env-production",
            "secret": "GITOPS_DEPLOY_KEY",
            "generation": 1,
            "title": "gitops-infra shop production g1",
        },
        "variables": {"GITOPS_BRANCH": "env/production", "GITOPS_STATE_REPOSITORY": "acme/shop-env-production"},
        "secrets": ["GITOPS_DEPLOY_KEY"],
    }


def test_an_app_has_no_generation_and_no_title(topology: Build) -> None:
    said = told(topology(staging={"isolation": "branch", "writer": {"app": 7, "key": "stagingKey"}}))
    assert said["environments"][0]["credential"] == {
        "kind": "GitHub App",
        "holder": "GitHub App 7",
        "moves_branches_of": "acme/shop",
        "secret": "GITOPS_APP_KEY",
        "generation": None,
        "title": None,
    }


def test_a_ruleset_lists_only_the_rules_that_it_has(topology: Build) -> None:
    state = told(topology())["repositories"][1]
    assert (state["name"], state["role"], state["environment"]) == ("acme/shop-env-staging", "state", "staging")
    assert state["rulesets"][0] == {
        "name": "gitops: staging writers",
        "target": "branch",
        "include": ["refs/heads/env/staging"],
        "exclude": [],
        "rules": {"creation": True, "update": True},
        "bypass": [{"kind": "DeployKey", "id": None, "login": None}],
    }


def test_where_a_branch_was_before_it_moved_is_listed(topology: Build) -> None:
    moved = {"isolation": "branch", "writer": {"app": 7, "key": "k"}, "moved_from": "repository"}
    said = told(topology(staging=moved))
    assert said["environments"][0]["former_place"] == "acme/shop-env-staging"
    roles = {each["name"]: each["role"] for each in said["repositories"]}
    assert roles["acme/shop-env-staging"] == "former state"


def test_only_one_environment_is_told_with_what_it_touches(topology: Build) -> None:
    said = told(topology(), only="production")
    assert [each["name"] for each in said["environments"]] == ["production"]
    assert [each["name"] for each in said["repositories"]] == ["acme/shop", "acme/shop-env-production"]
    assert [(each["source"], each["target"]) for each in said["promotions"]] == [("staging", "production")]
    assert [each["environment"] for each in said["access"]] == ["production"]
    assert said["requests"] == told(topology())["requests"]


def test_an_unknown_environment_is_an_error(topology: Build) -> None:
    with pytest.raises(KeyError):
        told(topology(), only="prod")


def test_several_repositories_are_told_one_after_another(topology: Build) -> None:
    said = told(topology(repositories=[WEB]))
    assert [(each["application"], each["name"]) for each in said["environments"]] == [
        (f"acme/{repository}", name) for repository in ("shop", "web") for name in ("staging", "production", "review")
    ]
    assert said["undoers"].keys() == {"acme/shop", "acme/web"}
