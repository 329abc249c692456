"""The report has every cell of the matrix, once, and is as cheap as what it tells."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from time import process_time
from typing import Any

import pytest

from gitops_infra.plan.access import actors, matrix, predict
from gitops_infra.plan.access_graph import access_graph
from gitops_infra.plan.access_report import FORMAT, access_report
from gitops_infra.plan.actors import Actor, Operation
from gitops_infra.plan.build import plan, plans
from gitops_infra.plan.model import Plan
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]
Cells = dict[tuple[str, str, str, str], dict[str, Any]]

APP = {"isolation": "branch", "writer": {"app": 17, "key": "app"}}
SHARED = {"isolation": "shared", "accept_shared_bypass": True}


def cells(report: dict[str, Any]) -> Cells:
    """Repository, ref, operation and actor, and the verdict. No cell is told twice."""
    found: Cells = {}
    for place in report["places"]:
        for verdict in place["verdicts"]:
            for operation in verdict["operations"]:
                for actor in verdict["actors"]:
                    key = (place["repository"], place["ref"], operation, actor)
                    assert key not in found
                    found[key] = verdict
    return found


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"staging": APP, "production": SHARED, "more": [{"name": "qa", "kind": "staging", **SHARED}]},
        {"staging": {"moved_from": "branch", "cluster": "eu", "generation": 2}, "clusters": [{"name": "eu"}]},
        {"production": {**APP, "moved_from": "repository"}},
        {"staging": {"retired": True}},
    ],
    ids=["repository", "inside", "moved out", "moved in", "retired"],
)
def test_every_cell_of_the_matrix_is_in_it_with_the_same_verdict(topology: Build, change: dict[str, Any]) -> None:
    """But for the branches of other environments in a state repository, which are one locked name like any other."""
    made = plan(topology(**change))
    told, states = cells(access_report([made])), {each.full_name for each in made.repositories[1:]}
    branches = {each.ref for each in made.environments}
    missing = []
    for row in matrix(made):
        verdict = told.get((row.repository, row.ref, row.operation, row.actor))
        if verdict is None:
            missing.append((row.repository, row.ref))
            continue
        assert (verdict["allowed"], verdict["rule"], verdict["mechanism"], tuple(verdict["guards"])) == (
            row.allowed,
            row.rule,
            row.mechanism,
            row.guards,
        )
    assert {repository for repository, _ in missing} <= states
    assert all(ref in branches or not _is_held(made, repository) for repository, ref in missing)


def _is_held(made: Plan, repository: str) -> bool:
    """Whether a living branch is in the repository, and not only what is kept of one that has moved."""
    return any(each.repository == repository for each in made.environments)


def test_an_environments_own_branch_secrets_and_settings_are_told_without_everything_else(topology: Build) -> None:
    made = plan(topology())
    told = access_report([made], everywhere=False)["places"]
    assert [(place["environment"], place["repository"], place["ref"]) for place in told] == [
        ("staging", "acme/shop-env-staging", "refs/heads/env/staging"),
        ("staging", "acme/shop-env-staging", "settings"),
        ("staging", "acme/shop", "environment/staging"),
        ("production", "acme/shop-env-production", "refs/heads/env/production"),
        ("production", "acme/shop-env-production", "settings"),
        ("production", "acme/shop", "environment/production"),
        ("review", "acme/shop", "environment/review"),
    ]


def test_actors_of_one_standing_are_asked_together_and_answered_as_each_alone(topology: Build) -> None:
    """Ninety-nine keys of other repositories are one question; no verdict may hang on which of them it is."""
    more = [{"name": f"qa{number}", "kind": "staging"} for number in range(4)]
    made = plan(topology(staging=SHARED, more=[*more, {"name": "app", "kind": "staging", **APP}]))
    named = {str(actor): actor for actor in actors(made)}
    for (repository, ref, operation, actor), verdict in cells(access_report([made], "qa1")).items():
        alone = predict(made, named[actor], repository, ref, Operation(operation))
        assert (alone.allowed, alone.rule) == (verdict["allowed"], verdict["rule"])


def test_one_environment_is_told_with_what_reaches_it_and_nothing_else(topology: Build) -> None:
    report = access_report([plan(topology())], "production")
    assert [each["environment"] for each in report["environments"]] == ["production"]
    assert {place["environment"] for place in report["places"]} == {None, "production"}
    assert {name for way in report["indirect"] for name in way["reaches"]} == {"production"}
    with pytest.raises(KeyError):
        access_report([plan(topology())], "qa")


def test_several_repositories_are_told_apart(topology: Build) -> None:
    made = plans(topology(repositories=[{"name": "web", "existing": True, "visibility": "public"}]))
    report = access_report(made)
    assert {place["application"] for place in report["places"]} == {"acme/shop", "acme/web"}
    assert {way["application"] for way in report["indirect"]} == {"acme/shop", "acme/web"}


def test_it_is_plain_data_of_format_1_and_the_same_twice(topology: Build) -> None:
    made = plan(topology())
    report = access_report([made])
    assert report["format"] == FORMAT == 1
    assert json.loads(json.dumps(report)) == report == access_report([made])


def test_it_grows_with_the_environments_and_not_with_their_square(topology: Build) -> None:
    """From 10 to 80 a linear growth is a factor of 8, a square one of 64."""

    def seconds(count: int) -> float:
        more = [{"name": f"qa{number}", "kind": "staging"} for number in range(count)]
        made = plan(topology(more=more, promotions=[]))
        spent = []
        for _ in range(3):
            start = process_time()
            access_report([made], everywhere=False)
            spent.append(process_time() - start)
        return min(spent)

    assert seconds(80) < 30 * seconds(10)


NODE = re.compile(r"^(?:subgraph )?(n\d+)(?:\[|\(\[)\"[^\"]*\"")
ARROW = re.compile(r"(?:== moves ==>|--x\|\"[^\"]*\"\||-\. \"[^\"]*\" \.->) (n\d+)$")
OTHER = re.compile(r"flowchart LR|end|classDef \w+ [\w:#,]+")


@pytest.mark.parametrize("only", [None, "staging", "review"])
def test_a_drawing_draws_what_it_joins_and_no_name_in_it_is_syntax(topology: Build, only: str | None) -> None:
    production = {"reviewers": [{"team": 'a"]; click n1'}]}
    lines = access_graph([plan(topology(staging=APP, production=production))], only).splitlines()
    nodes, ends = set[str](), set[str]()
    for line in map(str.strip, lines):
        node, arrow = NODE.match(line), ARROW.search(line)
        assert node or arrow or OTHER.fullmatch(line)
        nodes |= {node[1]} if node else set()
        ends |= {arrow[1]} if arrow else set()
        assert line.count('"') == 2 * (line.count('["') + line.count('|"') + line.count('. "'))
    assert ends <= nodes
    assert bool(ends) is (only != "review")


def test_a_drawing_shows_each_mover_and_each_way(topology: Build) -> None:
    made = plan(topology())
    text = access_graph([made])
    assert text.count("== moves ==>") == 2
    assert text.count(":::indirect") == len([way for way in access_report([made])["indirect"] if way["reaches"]])
    assert text == access_graph([made])


def test_verdicts_are_in_the_order_of_the_actors(topology: Build) -> None:
    made = plan(topology())
    order = {str(actor): position for position, actor in enumerate(actors(made))}
    for place in access_report([made])["places"]:
        first = [order[verdict["actors"][0]] for verdict in place["verdicts"]]
        assert all(before <= after for before, after in pairwise(first))


def test_nobody_is_named_who_is_no_actor(topology: Build) -> None:
    made = plan(topology())
    names = {str(actor) for actor in actors(made)}
    assert {actor for *_, actor in cells(access_report([made]))} == names
    assert isinstance(next(iter(actors(made))), Actor)
