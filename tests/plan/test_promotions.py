from collections.abc import Callable
from typing import Any

from gitops_infra.plan.build import plan
from gitops_infra.topology.topology import Topology


def edges(topology: Callable[..., Topology], **given: Any) -> list[tuple[str | None, str, str]]:
    return [(edge.source, edge.target, edge.trigger.value) for edge in plan(topology(**given)).promotions]


def test_without_promotions_the_default_branch_goes_to_staging_and_staging_to_production(
    topology: Callable[..., Topology],
) -> None:
    assert edges(topology) == [(None, "staging", "on_default_branch"), ("staging", "production", "on_approval")]


def test_with_two_stagings_production_takes_any_commit_of_the_default_branch(topology: Callable[..., Topology]) -> None:
    more = [{"name": "qa", "kind": "staging"}]
    assert edges(topology, more=more) == [
        (None, "staging", "on_default_branch"),
        (None, "production", "on_approval"),
        (None, "qa", "on_default_branch"),
    ]


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
