"""How a change moves: the topology's promotions, or the usual ones."""

from collections.abc import Sequence

from gitops_infra.plan.model import Environment, Promotion
from gitops_infra.topology.defaults import Stage, usual_sources
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.promotion import Promotion as WantedPromotion
from gitops_infra.topology.vocabulary import EnvironmentKind, Method, Trigger

DEFAULT_TAGS = "v*.*.*"

AVAILABLE_TRIGGERS = frozenset({Trigger.ON_DEFAULT_BRANCH, Trigger.ON_APPROVAL, Trigger.ON_RELEASE})
AVAILABLE_METHODS = frozenset({Method.FAST_FORWARD})


def promotions(wanted: Sequence[WantedPromotion] | None, environments: Sequence[Environment]) -> tuple[Promotion, ...]:
    """The edges, in the order of the environments that they move.

    `wanted` None gives the usual ones (`topology.defaults.usual_sources`): the default branch to the first staging by
    itself, from there to the next by approval, and from the last one to every production by approval. An environment
    without a credential has no edge. An empty list means: none.
    """
    if wanted is None:
        return _usual(environments)
    order = {environment.name: position for position, environment in enumerate(environments)}
    edges = (
        Promotion(
            source=edge.source,
            target=edge.target,
            trigger=edge.trigger or (Trigger.ON_APPROVAL if edge.source else Trigger.ON_DEFAULT_BRANCH),
            method=edge.method or Method.FAST_FORWARD,
            tags=edge.tags or DEFAULT_TAGS,
        )
        for edge in wanted
    )
    return tuple(sorted(edges, key=lambda edge: (order.get(edge.target, len(order)), edge.target)))


def not_available(wanted: Sequence[WantedPromotion]) -> tuple[Problem, ...]:
    """A problem for each trigger and each method that is not available yet."""
    choices = (
        (edge.target, word, sorted(known))
        for edge in wanted
        for word, known in ((edge.trigger, AVAILABLE_TRIGGERS), (edge.method, AVAILABLE_METHODS))
        if word is not None and word not in known
    )
    return tuple(
        Problem(
            where=f"promotion to '{target}'",
            code="promotion-not-available",
            reason=f"'{word}' is not available yet",
            remedy=f"Use {' or '.join(known)}",
        )
        for target, word, known in choices
    )


def release_tags(edges: Sequence[Promotion]) -> tuple[str, ...]:
    """Patterns of the tags that start a promotion, sorted."""
    return tuple(sorted({edge.tags for edge in edges if edge.trigger is Trigger.ON_RELEASE}))


def _usual(environments: Sequence[Environment]) -> tuple[Promotion, ...]:
    movable = [environment for environment in environments if environment.credential is not None]
    sources = usual_sources(Stage(each.name, each.kind, frozenset(each.paths)) for each in movable)
    edges = ((target.name, sources[target.name][0] if len(sources[target.name]) == 1 else None) for target in movable)
    first = {each.name for each in movable if each.kind is EnvironmentKind.STAGING}
    return tuple(
        Promotion(
            source,
            target,
            Trigger.ON_DEFAULT_BRANCH if source is None and target in first else Trigger.ON_APPROVAL,
            Method.FAST_FORWARD,
            DEFAULT_TAGS,
        )
        for target, source in edges
    )
