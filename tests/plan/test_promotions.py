from collections.abc import Callable
from typing import Any

from gitops_infra.plan.build import plan
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.topology import Topology


def edges(topology: Callable[..., Topology], **given: Any) -> list[tuple[str | None, str, str]]:
    return [(edge.source, edge.target, edge.trigger.value) for edge in plan(topology(**given)).promotions]


def usual(topology: Callable[..., Topology], stages: list[dict[str, Any]]) -> list[tuple[str | None, str, str]]:
    approved = [{"reviewers": [{"user": "ana"}], **stage} for stage in stages]
    return edges(lambda **given: topology(**given).model_copy(update={"environments": _environments(approved)}))


def _environments(given: list[dict[str, Any]]) -> list[Environment]:
    return [Environment.model_validate(each) for each in given]


def test_without_promotions_the_default_branch_goes_to_staging_and_staging_to_production(
    topology: Callable[..., Topology],
) -> None:
    assert edges(topology) == [(None, "staging", "on_default_branch"), ("staging", "production", "on_approval")]


def test_stagings_follow_each_other_as_listed_and_productions_are_parallel(topology: Callable[..., Topology]) -> None:
    """Nothing reaches production that did not pass every staging before it."""
    stages = [
        {"name": "dev", "kind": "staging"},
        {"name": "staging"},
        {"name": "prod-eu", "kind": "production"},
        {"name": "prod-us", "kind": "production"},
    ]
    assert usual(topology, stages) == [
        (None, "dev", "on_default_branch"),
        ("dev", "staging", "on_approval"),
        ("staging", "prod-eu", "on_approval"),
        ("staging", "prod-us", "on_approval"),
    ]


def test_production_takes_what_the_staging_before_it_runs_wherever_stagings_follow(
    topology: Callable[..., Topology],
) -> None:
    stages = [{"name": "production"}, {"name": "staging"}, {"name": "canary", "kind": "production"}]
    later = {"name": "qa", "kind": "staging"}
    assert usual(topology, [*stages, later]) == [
        ("qa", "production", "on_approval"),
        (None, "staging", "on_default_branch"),
        ("staging", "canary", "on_approval"),
        ("staging", "qa", "on_approval"),
    ]


def test_the_services_of_a_monorepo_have_stages_of_their_own(topology: Callable[..., Topology]) -> None:
    stages = [
        {"name": f"{service}-{kind}", "kind": kind, "paths": [f"services/{service}"]}
        for kind in ("staging", "production")
        for service in ("api", "web")
    ]
    assert usual(topology, stages) == [
        (None, "api-staging", "on_default_branch"),
        (None, "web-staging", "on_default_branch"),
        ("api-staging", "api-production", "on_approval"),
        ("web-staging", "web-production", "on_approval"),
    ]


def test_production_of_one_service_takes_what_the_only_staging_runs(topology: Callable[..., Topology]) -> None:
    stages = [{"name": "staging"}, {"name": "api", "kind": "production", "paths": ["services/api"]}]
    assert usual(topology, stages) == [(None, "staging", "on_default_branch"), ("staging", "api", "on_approval")]


def test_a_retired_environment_is_neither_moved_nor_a_source(topology: Callable[..., Topology]) -> None:
    assert edges(topology, staging={"retired": True}) == [(None, "production", "on_approval")]


def test_an_environment_without_a_credential_is_not_moved(topology: Callable[..., Topology]) -> None:
    assert edges(topology, production={"write_credential": False}) == [(None, "staging", "on_default_branch")]


def test_an_empty_list_means_no_promotion_at_all(topology: Callable[..., Topology]) -> None:
    assert edges(topology, promotions=[]) == []


def test_the_trigger_follows_from_the_source_and_the_order_from_the_environments(
    topology: Callable[..., Topology],
) -> None:
    promotions = [{"target": "production", "source": "staging"}, {"target": "staging"}]
    assert edges(topology, promotions=promotions) == [
        (None, "staging", "on_default_branch"),
        ("staging", "production", "on_approval"),
    ]
