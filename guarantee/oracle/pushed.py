"""A sample of the sequences as real pushes: git over HTTP and SSH, against a forge that listens."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
from hypothesis import HealthCheck, Phase, given, seed, settings

from gitops_infra.plan.actors import Operation
from gitops_infra.plan.build import plans
from gitops_infra.sandbox.client import Clone, Credential, KeyCredential, Outcome, TokenCredential
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from guarantee.oracle.choices import Step
from guarantee.oracle.decisions import Attempt, BrokenForgeError, Decisions
from guarantee.oracle.objects import Objects
from guarantee.oracle.play import Play, ViolationError
from guarantee.oracle.sequences import LEAST, STEPS, Result, described, workplace
from guarantee.oracle.settled import Clock, Settled
from guarantee.oracle.topologies import topologies

PUSHED = (
    Operation.PUSH,
    Operation.PUSH_FOREIGN,
    Operation.PUSH_WORKFLOW,
    Operation.FORCE_PUSH,
    Operation.DELETE,
    Operation.CREATE,
    Operation.READ,
)
"""What git itself does."""

REFUSED = (
    "[remote rejected]",
    "Repository not found",
    "Permission to",
    "Permission denied (publickey)",
    "Authentication failed",
    "could not read Username",
    "Write access to repository not granted",
    "marked as read only",
)
"""What git prints when a forge says no. Anything else is a broken connection, and no answer."""


class Keys:
    """SSH key pairs, made when they are first asked for by title."""

    def __init__(self) -> None:
        self._made: dict[str, asyncssh.SSHKey] = {}

    def public(self, title: str) -> str:
        """Public half, as OpenSSH line."""
        return self._of(title).export_public_key().decode().strip()

    def private(self, title: str) -> str:
        """Private half, in OpenSSH form."""
        return self._of(title).export_private_key().decode()

    def _of(self, title: str) -> asyncssh.SSHKey:
        if title not in self._made:
            self._made[title] = asyncssh.generate_private_key("ssh-ed25519")
        return self._made[title]


class Pushes(Decisions):
    """Decisions that are asked for by git processes, from a repository that has every commit."""

    def __init__(self, settled: Settled, keys: Keys, objects: Objects) -> None:
        super().__init__(settled)
        self._keys = keys
        self._clone = Clone.empty(settled.folder / "local")
        alternates = self._clone.directory / ".git" / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{objects.folder}\n", encoding="utf-8")

    def ask(self, attempt: Attempt) -> bool | None:
        """As for decisions. No transaction is open here: the forge that listens has its own."""
        url, credential = self._door(attempt)
        if attempt.operation is Operation.READ:
            return _answer(attempt, self._clone.read(url, credential))
        return _answer(attempt, self._clone.push(url, f"{attempt.after or ''}:{attempt.ref}", credential, force=True))

    def _door(self, attempt: Attempt) -> tuple[str, Credential]:
        forge = self.settled.forge
        if not isinstance(forge, Sandbox):
            raise TypeError("nobody listens at this forge")
        token = self.settled.token(attempt.party)
        if token is None:
            private = self._keys.private(self.settled.key_title(attempt.party))
            return forge.ssh_url(attempt.repository), KeyCredential(private, forge.known_hosts)
        return forge.http_url(attempt.repository), None if attempt.nobody else TokenCredential(token)


def _answer(attempt: Attempt, outcome: Outcome) -> bool:
    if not outcome.allowed and not any(words in outcome.message for words in REFUSED):
        raise BrokenForgeError(f"{attempt}: {outcome.message}")
    return outcome.allowed


def run_pushed(sequences: int = 20, *, start: int = 1, steps: int = LEAST) -> Result:
    """So many random topologies, each with so many real pushes; the same for the same `start`."""
    begin, tried, seen = time.monotonic(), Counter[str](), itertools.count()
    violations: list[str] = []
    with workplace() as workshop:

        @seed(start)
        @settings(
            max_examples=sequences,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(topologies(), STEPS)
        def play(topology: Topology, drawn: Sequence[Step]) -> None:
            folder = workshop.folder / f"served-{next(seen)}"
            with _listening(folder, topology, workshop.objects) as game:
                try:
                    for step in drawn[:steps]:
                        _take(game, step)
                except ViolationError as violation:
                    violations.append(f"{violation}\nin: {described(topology)}")
                    raise
                tried.update(game.tried)

        with suppress(ViolationError):
            play()
    operations = sum(number for answer, number in tried.items() if ": " in answer)
    return Result(next(seen), operations, tuple(violations), time.monotonic() - begin, tried)


def _take(game: Play, step: Step) -> None:
    """The step, as something that git does on a ref."""
    party, repository, ref, operation = game.choices.chosen(step)
    if not ref.startswith("refs/"):
        ref = game.settled.known.grounds[repository].default_ref
    if operation not in PUSHED:
        operation = PUSHED[step.operation % len(PUSHED)]
    game.attempt(party, repository, ref, operation, step.how)


@contextmanager
def _listening(folder: Path, topology: Topology, objects: Objects) -> Iterator[Play]:
    keys, clock = Keys(), Clock()
    with Sandbox(folder, clock=clock) as forge:
        settled = Settled(folder, topology, plans(topology), objects, forge=forge, keys=keys.public)
        yield Play(settled, settled.plans, _pushes(keys, objects))


def _pushes(keys: Keys, objects: Objects) -> Callable[[Settled], Pushes]:
    return lambda settled: Pushes(settled, keys, objects)
