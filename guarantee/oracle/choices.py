"""What may be tried on a topology: everybody, on refs that stand for all others, by what makes sense there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitops_infra.plan.actors import SETTINGS, ActorKind, Operation, secrets_of
from guarantee.oracle.parties import Party
from guarantee.oracle.places import Environments

HEADS = "refs/heads/"
FEATURE = "refs/heads/feature/x"

ON_BRANCHES = (
    Operation.PUSH,
    Operation.PUSH,
    Operation.PUSH,
    Operation.PUSH_FOREIGN,
    Operation.PUSH_WORKFLOW,
    Operation.FORCE_PUSH,
    Operation.DELETE,
    Operation.CREATE,
    Operation.REST_UPDATE,
    Operation.REST_FORCE,
    Operation.RENAME,
    Operation.MERGE_REVIEWED,
    Operation.MERGE_UNREVIEWED,
    Operation.READ,
)
ON_OTHERS = (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE)
ON_SECRETS = (Operation.READ_SECRET, Operation.READ_SECRET, Operation.EDIT_POLICY)
ON_SETTINGS = (Operation.EDIT_RULESET, Operation.ADD_KEY)

OWN = 0.6
"""How often a party tries what it is for, to once anything else."""

SPREAD = 2_654_435_761
"""Random numbers of the strategy prefer small ones; a prime far from them all spreads them over the choices."""

Pair = tuple[Party, str, str]
"""Who, the repository, and the ref or what stands in place of one."""


@dataclass(frozen=True)
class Step:
    """One random choice: who and where, what, and how. Each number is taken modulo what there is; 0 is the plainest."""

    where: int
    operation: int
    how: int


@dataclass(frozen=True)
class Choices:
    """Everything that the steps of one topology choose from."""

    pairs: Sequence[Pair]
    places: frozenset[tuple[str, str]]
    """Every repository with every ref, or what stands in place of one."""

    @classmethod
    def of(cls, known: Environments, everybody: Sequence[Party]) -> "Choices":
        """Everybody on every target, and more often on what is theirs."""
        everywhere = list(dict.fromkeys(targets(known)))
        others = [(party, *target) for target in everywhere for party in everybody]
        own = [pair for pair in others if _is_own(known, *pair)]
        times = max(1, round(OWN * len(others) / len(own))) if own else 0
        return cls(own * times + others, frozenset(everywhere))

    def chosen(self, step: Step) -> tuple[Party, str, str, Operation]:
        """Who tries what on which ref of which repository."""
        party, repository, ref = self.pairs[step.where * SPREAD % len(self.pairs)]
        possible = operations(ref)
        return party, repository, ref, possible[step.operation * SPREAD % len(possible)]


def _is_own(known: Environments, party: Party, repository: str, ref: str) -> bool:
    """Whether this is what the party is for: its branch, its job's secrets, or the default branch for a developer."""
    place, ground = known.places.get((repository, ref)), known.grounds[repository]
    if party.actor.kind is ActorKind.DEFAULT_JOB:
        return party.application == ground.application and ref.startswith("environment/")
    if party.actor.kind is ActorKind.DEVELOPER:
        return ref == ground.default_ref and not ground.state
    return place is not None and place.environment == party.actor.environment


def targets(known: Environments) -> Iterator[tuple[str, str]]:
    """Repositories with refs that stand for all others, and with what stands in place of a ref."""
    for full_name, ground in known.grounds.items():
        own = [ref for repository, ref in known.places if repository == full_name]
        yield from ((full_name, ref) for ref in own)
        beside = [trick for ref in own[:2] for trick in _beside(ref)]
        tags = ("refs/tags/v1", "refs/tags/nightly")
        for ref in (ground.default_ref, FEATURE, *beside, *tags, "refs/notes/commits", SETTINGS):
            yield full_name, ref
        if not ground.state:
            for environment in known.topology.environments:
                yield full_name, secrets_of(environment.name)


def _beside(ref: str) -> tuple[str, ...]:
    """Names that a careless pattern would take for the branch: a new one in its folder, another case, a longer one."""
    folder, _, name = ref.rpartition("/")
    return f"{folder}/new", f"{folder}/{name.upper()}", f"{ref}-x"


def operations(ref: str) -> tuple[Operation, ...]:
    """What may be tried on it."""
    if ref == SETTINGS:
        return ON_SETTINGS
    if ref.startswith("environment/"):
        return ON_SECRETS
    return ON_BRANCHES if ref.startswith(HEADS) else ON_OTHERS
