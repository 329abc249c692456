"""Requests of a first `up`. That the table is right is proved in tests/engine/test_budget.py."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.plan.budget import CREATE, Call, budget
from gitops_infra.plan.build import plans
from gitops_infra.plan.resources import ResourceKind, resources
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]

# Of one environment with a state repository: repository 4, Actions off 2, four rulesets 8, environment 2, policy 2,
# deploy key 2, secret 4, two variables 6.
ENVIRONMENT = 30


def total(topology: Topology) -> int:
    return budget(plans(topology)).total


def test_every_kind_of_resource_has_its_calls() -> None:
    assert CREATE.keys() == set(ResourceKind)


def test_a_topology_costs_the_sum_of_its_parts(topology: Build) -> None:
    # Owner twice; the default branch's ruleset 2; two environments; review: environment 2, policy 2.
    assert total(topology()) == 2 + 2 + 2 * ENVIRONMENT + 4


def test_one_environment_more_costs_what_it_has(topology: Build) -> None:
    more = [{"name": "qa", "kind": "staging"}]
    assert total(topology(more=more)) - total(topology()) == ENVIRONMENT


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        ({"variables": {"A": "1"}}, 3),
        ({"secrets": {"TOKEN": "key"}}, 4),
        ({"reviewers": [{"team": "a", "id": 1}]}, 0),
        ({"reviewers": [{"team": "a"}, {"user": "b"}]}, 4),
    ],
)
def test_each_part_has_its_price(topology: Build, changes: dict[str, Any], cost: int) -> None:
    assert total(topology(staging=changes)) - total(topology()) == cost


def test_whoever_is_named_often_is_looked_up_once_per_run_of_the_program(topology: Build) -> None:
    team = {"reviewers": [{"team": "platform"}]}
    assert total(topology(staging=team, production=team)) == total(topology(production=team))


def test_a_branch_in_the_applications_repository_is_cheaper(topology: Build) -> None:
    writer = {"isolation": "branch", "writer": {"app": 7, "key": "k"}}
    # Repository, Actions, two of four rulesets, the deploy key and both variables are not made.
    assert total(topology()) - total(topology(staging=writer)) == 4 + 2 + 4 + 2 + 6
    user = {"isolation": "branch", "writer": {"user": "robot", "key": "k"}}
    assert total(topology(staging=user)) - total(topology(staging=writer)) == 2


def test_several_repositories_add_up_but_for_the_look_ups(topology: Build) -> None:
    web = {"name": "web", "existing": True, "visibility": "public", "code_owners": True}
    both = topology(repositories=[web])
    assert total(both) == 2 * total(topology()) - 2


def test_an_imported_repository_is_read(topology: Build) -> None:
    application = {"name": "shop", "existing": True, "import": True, "visibility": "public"}
    imported = topology(application=application)
    assert total(imported) - total(topology()) == 2
    assert resources(plans(imported)[0])[ResourceKind.REPOSITORY] == 3


def test_actions_of_an_imported_repository_are_read_before_they_are_written(topology: Build) -> None:
    application = {"name": "shop", "existing": True, "import": True, "visibility": "public"}
    pinned = topology(application={**application, "sha_pinning": True})
    selected = topology(application={**application, "allowed_actions": ["acme/*"]})
    assert total(pinned) - total(topology(application=application)) == 4
    assert total(selected) - total(pinned) == 2


def test_what_a_stack_has_is_not_made_again(topology: Build) -> None:
    whole = plans(topology())
    made = resources(whole[0])
    assert budget(whole, made=made).total == 2
    del made[ResourceKind.SECRET]
    assert budget(whole, made=made).total == 2 + 2 * 4


def test_a_users_repositories_are_made_under_another_route(topology: Build) -> None:
    of_user = topology(owner_kind="user", github_plan="pro", production={"reviewers": [{"user": "rita", "id": 1}]})
    calls = budget(plans(of_user)).calls
    assert calls[Call("POST", "/user/repos")] == 2
    assert Call("POST", "/orgs/{}/repos") not in calls


def test_writes_are_counted_apart(topology: Build) -> None:
    """GitHub limits what makes content more strictly than what reads."""
    spent = budget(plans(topology()))
    of_environment = 3 + 1 + 4 + 1 + 1 + 1 + 1 + 2
    assert spent.writes == 1 + 2 * of_environment + 2
    assert spent.writes == sum(number for call, number in spent.calls.items() if call.method != "GET")


def test_it_says_which_kind_of_resource_costs_what(topology: Build) -> None:
    spent = budget(plans(topology()))
    assert spent.by_kind["RepositoryRuleset"] == 2 * 9
    assert sum(spent.by_kind.values()) == spent.total
    assert "PrivateKey" not in spent.by_kind


def test_equal_topologies_have_equal_budgets(topology: Build) -> None:
    first, second = budget(plans(topology())), budget(plans(topology()))
    assert list(first.calls.items()) == list(second.calls.items())
    assert Counter(first.by_kind) == Counter(second.by_kind)
