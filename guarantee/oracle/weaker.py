"""What the oracle is worth: whether it notices that a weaker plan stands where the topology's should.

A sequence of attempts on what the change concerns is judged by the oracle alone: the prediction would follow the weaker
plan.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gitops_infra.plan.actors import ActorKind, Operation
from gitops_infra.plan.build import plan as planned
from gitops_infra.plan.refs import kind_of_ref, matches
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate
from guarantee.oracle.choices import operations, targets
from guarantee.oracle.oracle import MERGES
from guarantee.oracle.parties import Party
from guarantee.oracle.play import Play, ViolationError
from guarantee.oracle.sequences import Workplace, workplace
from guarantee.oracle.weaker_plans import Weaker, weaker_plans

MERGERS = frozenset(
    {ActorKind.DEVELOPER, ActorKind.OWNER, ActorKind.PROVISIONER, ActorKind.DEFAULT_JOB, ActorKind.CREDENTIAL}
)
"""Who is let try a merge here: each try makes a pull request, and one of a kind is enough."""


@dataclass(frozen=True)
class Judged:
    """One weaker plan, judged."""

    name: str
    caught: bool
    why: str
    """What the oracle noticed; where it noticed nothing and nothing is open, what else holds; else empty."""
    equivalent: bool
    """Whether nothing is open in spite of the change."""
    attempts: int

    @property
    def missed(self) -> bool:
        """Whether it should have been noticed and was not, or is called equivalent and was noticed."""
        return self.caught is self.equivalent


def layouts() -> Mapping[str, Topology]:
    """Three hand-made topologies with every kind of place: what isolation calls them, and what a life leaves behind."""
    shop = {"name": "shop", "existing": True, "visibility": "public", "required_checks": ["build"]}
    top = {"owner": "acme", "github_plan": "team", "application": shop}
    approved = {"kind": "production", "reviewers": [{"user": "ana"}]}
    shared = {"kind": "staging", "isolation": "shared", "accept_shared_bypass": True, "allow_degraded": True}
    inside = {"isolation": "branch", "kind": "staging"}
    app, bot = {"app": 100, "key": "app"}, {"user": "bot", "id": 7, "key": "bot"}
    promotions = [
        {"target": "staging"},
        {"target": "production", "source": "staging", "trigger": "on_release", "tags": "v*"},
    ]
    return {
        "repository": validate(
            {**top, "environments": [{"name": "staging"}, {"name": "production", **approved}, {"name": "review"}]}
        ),
        "branch": validate(
            {
                **top,
                "environments": [
                    {"name": "staging", **inside, "writer": app, "required_checks": ["build"]},
                    {"name": "production", **inside, **approved, "writer": bot, "required_deployments": ["staging"]},
                    {"name": "moved", "kind": "staging", "moved_from": "branch"},
                    {"name": "gone", **inside, "retired": True},
                ],
                "promotions": promotions,
            }
        ),
        "shared": validate(
            {
                **top,
                "environments": [
                    {"name": "one", **shared, "moved_from": "repository"},
                    {"name": "two", **shared},
                    {"name": "idle", **shared, "write_credential": False},
                ],
                "promotions": [],
            }
        ),
    }


def plan_mutants(*, only: Sequence[str] = (), share: int = 0, of: int = 1) -> list[Judged]:
    """Every weaker plan of the three layouts (or `only` those), judged; an equivalent one has its reason.

    With `of`, only every such one, beginning with number `share`: for several processes.
    """
    judged = []
    with workplace() as workshop:
        for layout, topology in layouts().items():
            if not only or layout in only:
                some = islice(weaker_plans(layout, planned(topology)), share, None, of)
                judged += [judge(workshop, topology, each) for each in some]
    return judged


def judge(workshop: Workplace, topology: Topology, weaker: Weaker, *, order: int = 1) -> Judged:
    """Whether the oracle notices that this plan stands where the topology's should. `order` shuffles the attempts."""
    with workshop.settled(topology, [weaker.plan]) as settled:
        game = Play(settled, ())
        deck = list(_deck(game, weaker))
        random.Random(order).shuffle(deck)  # noqa: S311 - an order, no secret
        for count, (party, ref, operation, how) in enumerate(deck, 1):
            try:
                game.attempt(party, weaker.repository, ref, operation, how)
            except ViolationError as violation:
                noticed = str(violation).partition("\nafter:")[0]
                return Judged(weaker.name, True, noticed, weaker.equivalent is not None, count)  # noqa: FBT003
    why = weaker.equivalent
    return Judged(weaker.name, False, why or "", why is not None, len(deck))  # noqa: FBT003


def _deck(game: Play, weaker: Weaker) -> Iterator[tuple[Party, str, Operation, int]]:
    """Everybody, on what the change concerns, by everything that may be tried there."""
    everywhere = dict.fromkeys(targets(game.settled.known))
    refs = [ref for repository, ref in everywhere if repository == weaker.repository and _concerns(weaker, ref)]
    for ref in refs:
        for party in game.settled.parties:
            for operation in dict.fromkeys(operations(ref)):
                if operation not in MERGES or party.actor.kind in MERGERS:
                    yield from ((party, ref, operation, how) for how in _ways(operation))


def _concerns(weaker: Weaker, ref: str) -> bool:
    return kind_of_ref(ref) is weaker.target and any(matches(pattern, ref) for pattern in weaker.refs)


WAYS = {
    Operation.CREATE: (1,),
    Operation.PUSH: (1, 4),
    Operation.MERGE_REVIEWED: (1, 4),
    Operation.READ_SECRET: (1, 3),
}


def _ways(operation: Operation) -> tuple[int, ...]:
    """Numbers that choose what history does: with and without checks or approval, on what is there and what is not."""
    return WAYS.get(operation, (2,))
