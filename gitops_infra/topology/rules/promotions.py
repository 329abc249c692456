"""Rules about promotions: every edge leads somewhere, once, and never in a circle."""

from collections.abc import Iterator

from gitops_infra.topology.defaults import Stage, is_moved, kind_of, usual_sources
from gitops_infra.topology.draft import skip_unreadable
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.promotion import Promotion
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.translate import nearest
from gitops_infra.topology.vocabulary import EnvironmentKind, Trigger

ENDS = ("source", "target")


def unknown_end(topology: Topology, index: int, promotion: Promotion) -> Iterator[Problem]:
    """Both ends are environments of this topology."""
    known = [environment.name for environment in topology.environments]
    for end in ENDS:
        name = getattr(promotion, end)
        if name is None or name in known:
            continue
        if end == "source" and name == topology.application.default_branch:
            remedy = "Leave `source` out: that means the default branch"
        else:
            near = nearest(name, known)
            remedy = f"Did you mean `{near}`?" if near else "Add the environment, or correct the name"
        yield Problem(
            path("promotions", index, end), "unknown-environment", f"there is no environment {shown(name)}", remedy
        )


def self_promotion(_: Topology, index: int, promotion: Promotion) -> Iterator[Problem]:
    """An environment cannot wait for itself."""
    if promotion.source == promotion.target:
        yield Problem(
            path("promotions", index),
            "self-promotion",
            f"environment {shown(promotion.target)} is promoted to itself",
            "Correct `source` or `target`",
        )


def unmovable_end(topology: Topology, index: int, promotion: Promotion) -> Iterator[Problem]:
    """A review environment has no branch, a retired one stands still."""
    by_name = {environment.name: environment for environment in topology.environments}
    for end in ENDS:
        environment = by_name.get(getattr(promotion, end) or "")
        why = _why_unmovable(environment) if environment else None
        if environment and why:
            code, reason = why
            yield Problem(
                path("promotions", index, end),
                code,
                f"environment {shown(environment.name)} {reason}",
                "Remove the promotion, or name another environment",
            )


def trigger_with_source(_: Topology, index: int, promotion: Promotion) -> Iterator[Problem]:
    """`on_default_branch` moves the head of the default branch and nothing else."""
    if promotion.trigger is Trigger.ON_DEFAULT_BRANCH and promotion.source is not None:
        yield Problem(
            path("promotions", index, "trigger"),
            "trigger-with-source",
            "`on_default_branch` takes the head of the default branch, and `source` names an environment",
            "Remove `source`, or use `trigger: on_approval`",
        )


def two_promotions_to_one_target(topology: Topology) -> Iterator[Problem]:
    """Two writers of one branch would undo each other."""
    seen: dict[str, int] = {}
    for index, promotion in enumerate(topology.promotions or ()):
        with skip_unreadable():
            first = seen.setdefault(promotion.target, index)
            if first != index:
                yield Problem(
                    path("promotions", index, "target"),
                    "two-promotions-to-one-target",
                    f"environment {shown(promotion.target)} is the target of promotions[{first}] already",
                    "Keep one promotion for each target",
                )


def cyclic_promotion(topology: Topology) -> Iterator[Problem]:
    """Following the sources from any environment must end at the default branch."""
    source_of: dict[str, tuple[int, str]] = {}
    for index, promotion in enumerate(topology.promotions or ()):
        with skip_unreadable():
            if promotion.source is not None and promotion.source != promotion.target:
                source_of.setdefault(promotion.target, (index, promotion.source))
    done: set[str] = set()
    for start in source_of:
        trail: dict[str, None] = {}
        here = start
        while here in source_of and here not in done and here not in trail:
            trail[here] = None
            here = source_of[here][1]
        if here in trail:
            against = list(trail)[list(trail).index(here) :]
            circle = [here, *reversed(against)]
            yield Problem(
                path("promotions", min(source_of[name][0] for name in against)),
                "cyclic-promotion",
                f"promotions go round in a circle: {' -> '.join(map(shown, circle))}",
                "Remove one of them, or leave its `source` out: then it starts from the default branch",
            )
        done |= trail.keys()


def unclear_source(topology: Topology) -> Iterator[Problem]:
    """Production takes what passed a staging; with several of other folders nobody can guess which."""
    if topology.promotions is not None:
        return
    stages = []
    positions: dict[str, int] = {}
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            kind = kind_of(environment)
            if kind is not None and is_moved(environment):
                stages.append(Stage(environment.name, kind, frozenset(environment.paths or ())))
                positions.setdefault(environment.name, index)
    for name, sources in usual_sources(stages).items():
        if len(sources) > 1:
            yield Problem(
                path("environments", positions[name], "paths"),
                "unclear-promotion",
                f"{shown(name)} could take what {' or '.join(map(shown, sources))} runs: its `paths` are those of none",
                "Give it the `paths` of one of them, or write down the `promotions`",
            )


def _why_unmovable(environment: Environment) -> tuple[str, str] | None:
    if kind_of(environment) is EnvironmentKind.REVIEW:
        return "promotion-of-review", "is of kind review and has no branch"
    if environment.retired:
        return "promotion-of-retired", "is retired"
    return None


RULES = (two_promotions_to_one_target, cyclic_promotion, unclear_source)
EACH_PROMOTION = (unknown_end, self_promotion, unmovable_end, trigger_with_source)
