"""Who can change each environment, how, and what stops the others, as plain data: `gitops-infra access --format json`.

Format 1. Keys may be added to it; a key that changes its meaning or goes away raises `FORMAT`. Lists are in the order
of the plan and of the vocabulary.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gitops_infra.plan.access import ASKED, actors, reach
from gitops_infra.plan.actors import SETTINGS, Actor, Operation, Prediction, secrets_of
from gitops_infra.plan.indirect import indirect
from gitops_infra.plan.model import Environment, Plan, Repository
from gitops_infra.plan.predictor import Predictor
from gitops_infra.plan.refs import beside, kind_of_ref, sample_refs
from gitops_infra.plan.report import enforcement
from gitops_infra.plan.standing import JOBS, UNKNOWN

FORMAT = 1
"""Version of the shape."""

Data = dict[str, Any]
Place = tuple[str, str, tuple[Operation, ...]]
"""Repository, ref or what stands in its place, and the operations that are asked there."""

_OF_SETTINGS = (Operation.EDIT_RULESET, Operation.ADD_KEY)
_OF_POLICY = (Operation.READ_SECRET, Operation.EDIT_POLICY)


def access_report(plans: Sequence[Plan], only: str | None = None, *, everywhere: bool = True) -> Data:
    """The access to the plans of one topology, at least one, as mappings, lists, strings and booleans.

    `only` limits it to the environment of that name and the repositories that it is in. `everywhere` False leaves out
    all places but the environments' own branches, secrets and settings. Raises KeyError for an unknown environment.
    """
    if only is not None:
        plans[0].environment(only)
    first = plans[0]
    chosen = [plan if only is None else _restricted(plan, only) for plan in plans]
    return {
        "format": FORMAT,
        "owner": {"name": first.owner, "kind": first.owner_kind.value, "price_plan": first.price_plan.value},
        "environments": [row for plan in plans for row in _environments(plan, only)],
        "places": [row for plan in plans for row in _places(plan, only, everywhere=everywhere)],
        "indirect": [
            {
                "application": plan.application.full_name,
                "who": way.who,
                "how": list(way.how),
                "reaches": list(way.reaches),
                "controls": [control.value for control in way.controls],
            }
            for plan in chosen
            for way in indirect(plan)
        ],
    }


def _restricted(plan: Plan, only: str) -> Plan:
    """The plan with nothing but that environment, and how a change gets to it."""
    return replace(
        plan,
        environments=tuple(each for each in plan.environments if each.name == only),
        promotions=tuple(edge for edge in plan.promotions if edge.target == only),
    )


def _environments(plan: Plan, only: str | None) -> Iterator[Data]:
    for each, reached in zip(plan.environments, reach(plan), strict=True):
        if only in {None, each.name}:
            yield {
                "application": plan.application.full_name,
                "environment": each.name,
                "kind": each.kind.value,
                "retired": each.retired,
                "isolation": None if each.branch is None else each.isolation.value,
                "repository": each.repository,
                "branch": each.branch,
                "movers": list(reached.movers),
                "breakers": list(reached.breakers),
                "secret_readers": list(reached.secret_readers),
                "enforcement": enforcement(plan.enforcement[each.name]),
            }


def _places(plan: Plan, only: str | None, *, everywhere: bool) -> Iterator[Data]:
    asked, everybody = _Asked(plan), actors(plan)
    found: list[tuple[str | None, Place]] = []
    if everywhere:
        found += [(None, place) for place in _of_application(plan)]
    for each in plan.environments:
        if only in {None, each.name}:
            found += [(each.name, place) for place in _of_environment(plan, each, everywhere=everywhere)]
    told: set[tuple[str | None, str, str]] = set()
    for environment, (repository, ref, operations) in found:
        # A name beside two branches of one repository is told once; settings belong to each that they open.
        key = (environment if ref == SETTINGS else None, repository, ref)
        if key in told:
            continue
        told.add(key)
        yield {
            "application": plan.application.full_name,
            "environment": environment,
            "repository": repository,
            "ref": ref,
            "verdicts": list(asked.verdicts(everybody, repository, ref, operations)),
        }


def _of_application(plan: Plan) -> Iterator[Place]:
    """What belongs to no environment: the default branch, feature branches, tags, and the settings."""
    repository = plan.repositories[0]
    own = {ref for each in plan.environments if each.ref is not None for ref in (each.ref, *beside(each.ref))}
    yield from _of_refs(repository.full_name, (ref for ref in sample_refs(plan, repository) if ref not in own))
    yield repository.full_name, SETTINGS, _OF_SETTINGS


def _of_environment(plan: Plan, environment: Environment, *, everywhere: bool) -> Iterator[Place]:
    holder, ref = plan.holds(environment), environment.ref
    if holder is not None and ref is not None:
        yield from _of_refs(holder.full_name, (ref, *(_others(plan, environment, holder) if everywhere else ())))
    former = environment.former
    if former is not None and ref is not None and everywhere:
        yield from _of_refs(former.state.full_name if former.state else plan.application.full_name, (ref,))
    keepers = {each.full_name for each in (holder, former.state if former else None) if each is not None}
    # With everything, the application's settings are told once, and not for each environment that is inside.
    for repository in sorted(keepers - ({plan.application.full_name} if everywhere else set())):
        yield repository, SETTINGS, _OF_SETTINGS
    yield plan.application.full_name, secrets_of(environment.name), _OF_POLICY


def _others(plan: Plan, environment: Environment, holder: Repository) -> Iterator[str]:
    """The refs that stand for all but the environment's own in the repository of its branch."""
    ref = environment.ref or ""
    yield from beside(ref)
    if environment.state is not None:
        others = {each.ref for each in plan.environments} | {*beside(ref)}
        yield from (one for one in sample_refs(plan, holder) if one not in others)


def _of_refs(repository: str, refs: Iterable[str]) -> Iterator[Place]:
    return ((repository, ref, ASKED[kind_of_ref(ref)]) for ref in refs)


class _Asked:
    """Asks for many actors at once."""

    def __init__(self, plan: Plan) -> None:
        self._predictor = Predictor(plan)

    def verdicts(
        self, everybody: Iterable[Actor], repository: str, ref: str, operations: Sequence[Operation]
    ) -> Iterator[Data]:
        """Each cell once: actors and operations that have the same verdict, in the order of the actors."""
        found: dict[tuple[Prediction, tuple[Operation, ...]], list[str]] = {}
        for alike in self._alike(everybody, repository):
            said: dict[Prediction, list[Operation]] = {}
            for operation in operations:
                said.setdefault(self._predictor.predict(alike[0], repository, ref, operation), []).append(operation)
            for verdict, together in said.items():
                found.setdefault((verdict, tuple(together)), []).extend(map(str, alike))
        for (verdict, tried), names in found.items():
            yield {
                "actors": names,
                "operations": [operation.value for operation in tried],
                "allowed": verdict.allowed,
                "rule": verdict.rule,
                "mechanism": verdict.mechanism.value,
                "guards": [guard.value for guard in verdict.guards],
            }

    def _alike(self, everybody: Iterable[Actor], repository: str) -> Iterable[list[Actor]]:
        """The actors, with those together whose standing alone decides: 99 credentials of other repositories."""
        found: dict[object, list[Actor]] = {}
        for actor in everybody:
            standing = self._predictor.standings.of(actor, self._predictor.repositories[repository])
            alone = standing.writes or actor.kind in JOBS or actor.kind in UNKNOWN
            found.setdefault(actor if alone else standing, []).append(actor)
        return found.values()
