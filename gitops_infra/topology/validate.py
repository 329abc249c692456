"""Refuses a topology that cannot be right: everything wrong with it at once."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gitops_infra.topology.draft import draft, skip_unreadable
from gitops_infra.topology.problems import ROOT, Problem, TopologyError, in_order
from gitops_infra.topology.rules import application, clusters, collection, environments, isolation, promotions
from gitops_infra.topology.rules.values import value_problems
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.translate import called, problems_of

M = TypeVar("M", bound=BaseModel)

RULES: tuple[Callable[[Topology], Iterator[Problem]], ...] = (
    *collection.RULES,
    *promotions.RULES,
    *clusters.RULES,
)
"""Rules over the whole topology."""
EACH_REPOSITORY = application.RULES
EACH_ENVIRONMENT = (
    *environments.EACH_ENVIRONMENT,
    *isolation.EACH_ENVIRONMENT,
    *clusters.EACH_ENVIRONMENT,
)
EACH_PROMOTION = promotions.EACH_PROMOTION


def validate(data: object, *, tolerate: Collection[str] = ()) -> Topology:
    """The topology that the data describes: a mapping as read from YAML, or a Topology made in Python.

    Problems whose code is in `tolerate` are not minded: for whoever is about to put them right. Raises TopologyError
    with every other problem, also where a part of the data is malformed: whatever can be read is checked.
    """
    return _validated(
        Topology,
        data,
        lambda topology: tuple(problem for problem in check(topology) if problem.code not in tolerate),
        root=ROOT,
    )


def validate_model(model: type[M], data: object) -> M:
    """The data as one model, such as the arguments of a component used alone.

    Checks types and single values (names, numbers, secrets in plain text), including those of topology models
    inside it. Raises TopologyError with every problem.
    """
    return _validated(model, data, lambda value: tuple(value_problems(value)), root=called(model))


def check(topology: Topology) -> tuple[Problem, ...]:
    """Everything wrong with a topology whose types are right, in the order of its places; empty if nothing is."""
    return in_order(_problems(topology))


def _problems(topology: Topology) -> Iterator[Problem]:
    yield from value_problems(topology)
    for rule in RULES:
        yield from _run(rule, topology)
    yield from _of_repository(topology)
    with skip_unreadable():
        for index, application in enumerate(topology.repositories or ()):
            for problem in _of_repository(topology.model_copy(update={"application": application})):
                place, dot, rest = problem.where.partition(".")
                where = f"repositories[{index}]{dot}{rest}" if place == "application" else problem.where
                yield replace(problem, where=where)
    with skip_unreadable():
        for index, promotion in enumerate(topology.promotions or ()):
            for promotion_rule in EACH_PROMOTION:
                yield from _run(promotion_rule, topology, index, promotion)


def _of_repository(topology: Topology) -> Iterator[Problem]:
    """What is wrong with `application`, and with the environments where it is deployed from."""
    for rule in EACH_REPOSITORY:
        yield from _run(rule, topology)
    with skip_unreadable():
        for index, environment in enumerate(topology.environments):
            for environment_rule in EACH_ENVIRONMENT:
                yield from _run(environment_rule, topology, index, environment)


def _run(rule: Callable[..., Iterator[Problem]], *objects: Any) -> Iterator[Problem]:
    with skip_unreadable():
        yield from rule(*objects)


def _validated(model: type[M], data: object, checks: Callable[[M], tuple[Problem, ...]], *, root: str) -> M:
    given = dict(data) if isinstance(data, Mapping) else data
    try:
        value = model.model_validate(given)
    except ValidationError as error:
        malformed = tuple(problems_of(error, model, given, root=root))
    else:
        problems = checks(value)
        if problems:
            raise TopologyError(problems)
        return value
    # Outside the handler: pydantic's error holds the values, and a chained traceback would print them.
    raise TopologyError((*malformed, *checks(draft(model, given))))
