"""Mutation: each weakening must be caught by the matrix (something else happens than predicted) or by the audit.

Two copies of the forge: one as `up` left it, for the audit, and one in which everybody has a role, for the matrix.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.verification.exposure import Severity
from gitops_infra.audit.verify import verify
from gitops_infra.plan.access import ActorKind, Operation
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.replica import replica
from guarantee.admin import Admin, ClusterAdmin
from guarantee.matrix.cast import cast, credentials
from guarantee.matrix.cells import Cell, Question
from guarantee.matrix.stage import Stage
from guarantee.matrix.trial import Trial
from guarantee.matrix.world import OLIVIA, SITE, World
from guarantee.mutation.weakening import ClusterWeakening, Weakening
from guarantee.mutation.weakenings import in_the_cluster, on_the_forge
from guarantee.records import kept

MATRIX, AUDIT = "matrix", "audit"
UNCHANGED = "nothing is changed"

_LEFT_OUT = frozenset({ActorKind.EXPIRED, ActorKind.REVOKED, ActorKind.TRIAGER, ActorKind.CREDENTIAL})
"""Actors whom no weakening here lets in, for the forge does not know them or they can do what a reader can; and the
environments' credentials, which are fetched anew each time."""


@dataclass(frozen=True)
class Mutant:
    """One weakening, and who caught it."""

    name: str
    protection: str
    caught_by: tuple[str, ...]
    """`matrix`, `audit`, both, or nobody."""
    told: tuple[str, ...]
    """How it showed: the first cell that differs, and the findings."""

    @property
    def caught(self) -> bool:
        """Whether anything showed it."""
        return bool(self.caught_by)

    def __str__(self) -> str:
        return f"{self.name}: {' and '.join(self.caught_by) or 'NOT CAUGHT'}"


@dataclass(frozen=True)
class Mutation:
    """Everything that was weakened, and the world before that."""

    unchanged: Mutant
    """Nothing weakened: caught means that one of the two cries wolf."""
    mutants: tuple[Mutant, ...]

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Weakenings that nothing showed."""
        return tuple(each for each in self.mutants if not each.caught)


def run(world: World, say: Callable[[str], None] = lambda _: None) -> Mutation:
    """Weakens the world in every way, one at a time, in copies of its forge; the cluster is put back each time.

    Raises NotAskedError when the forge did not decide about something, RuntimeError when a weakening cannot be made.
    """
    weakenings, cluster = on_the_forge(world), in_the_cluster(world)
    nothing = Weakening(UNCHANGED, "", lambda _: None, _sample(weakenings))
    say(f"{len(weakenings) + len(cluster)} weakenings, one at a time")
    with ExitStack() as stack:
        audited = _Audited(world, stack.enter_context(replica(world.forge)))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitops-infra-mutants-")))
        acted = _Acted(world, stack.enter_context(replica(world.forge)), scratch)
        pool = stack.enter_context(ThreadPoolExecutor(2))
        seen = pool.submit(audited.all, (nothing, *weakenings), cluster)
        tried = pool.submit(acted.all, (nothing, *weakenings))
        findings, differences = seen.result(), tried.result()
    made: tuple[Weakening | ClusterWeakening, ...] = (nothing, *weakenings, *cluster)
    mutants = []
    for each in made:
        told = {MATRIX: differences.get(each.name, ()), AUDIT: findings[each.name]}
        caught_by = tuple(who for who, words in told.items() if words)
        mutants.append(
            Mutant(each.name, each.protection, caught_by, tuple(w for words in told.values() for w in words))
        )
        if each is not nothing:
            say(str(mutants[-1]))
    return Mutation(mutants[0], tuple(mutants[1:]))


def _sample(weakenings: Sequence[Weakening]) -> tuple[Question, ...]:
    """Of all their questions one for each operation in each repository; the whole matrix asks them all."""
    asked = {(each.repository, each.operation): each for weakening in weakenings for each in weakening.asked}
    return tuple(sorted(asked.values(), key=lambda each: each.repository))


class _Audited:
    """A copy of the forge as `up` left it, looked at by `gitops-infra verify`."""

    def __init__(self, world: World, forge: Sandbox) -> None:
        self.world, self.forge = world, forge
        self.token = forge.token(OLIVIA)

    def all(self, weakenings: Sequence[Weakening], cluster: Sequence[ClusterWeakening]) -> dict[str, tuple[str, ...]]:
        """Name of each weakening -> what is found."""
        found = {}
        for each in weakenings:
            with kept(self.forge):
                with Admin(self.forge) as admin:
                    each.apply(admin)
                found[each.name] = self._findings()
        administrator = ClusterAdmin(self.world.cluster.kubeconfig)
        try:
            for one in cluster:
                undo = one.apply(administrator)
                try:
                    found[one.name] = self._findings()
                finally:
                    undo()
        finally:
            administrator.close()
        return found

    def _findings(self) -> tuple[str, ...]:
        kubeconfigs = Kubeconfigs({SITE: self.world.cluster.kubeconfig_file}, environment={})
        with GitHubReader(self.token, self.forge.url, remember=True) as reader:
            found = verify(self.world.topology, reader, kubeconfigs=kubeconfigs)
        return tuple(f"{each.code} ({each.where})" for each in found.findings if each.severity is not Severity.INFO)


class _Acted:
    """A copy of the forge in which everybody has a role, and tries."""

    def __init__(self, world: World, forge: Sandbox, scratch: Path) -> None:
        self.world, self.forge = world, forge
        self.others = tuple(means for means in cast(world, forge) if means.actor.kind not in _LEFT_OUT)
        self.stages = {each.full_name: Stage(world, forge, each.full_name, scratch) for each in world.plan.repositories}

    def all(self, weakenings: Sequence[Weakening]) -> dict[str, tuple[str, ...]]:
        """Name of each weakening with questions -> the first cell that differs."""
        found = {}
        for each in weakenings:
            if each.asked:
                with kept(self.forge):
                    with Admin(self.forge) as admin:
                        each.apply(admin)
                    found[each.name] = tuple(str(cell) for cell in islice(self._differing(each.asked), 1))
        return found

    def _differing(self, asked: Sequence[Question]) -> Iterator[Cell]:
        """Cells that do not come as predicted, as they are met."""
        means = self.others
        if any(question.operation is not Operation.READ_SECRET for question in asked):
            means = (*credentials(self.world, self.forge), *means)
        for name, group in groupby(asked, key=lambda each: each.repository):
            trial = Trial(self.world.plan, self.stages[name], means)
            with closing(trial.cells(tuple(group))) as cells:
                yield from (cell for cell in cells if not cell.agrees)
