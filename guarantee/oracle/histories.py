"""Makes an operation what it is called: with real commits on real refs, and what history says about them.

`push` is a commit of the default branch that is ahead of the ref, `force push` one that was there before, and so on.
What the world does meanwhile, such as another change that is merged, happens here too, without asking anybody.
"""

from dataclasses import replace

from gitops_infra.plan.actors import ActorKind, Operation
from gitops_infra.sandbox.forge.deployments import active_environments
from gitops_infra.sandbox.forge.git.bare import ABSENT
from gitops_infra.sandbox.forge.model import Deployment, Status
from guarantee.oracle.decisions import Attempt
from guarantee.oracle.objects import read_ref, write_ref
from guarantee.oracle.oracle import MERGES, Facts
from guarantee.oracle.parties import Party
from guarantee.oracle.settled import Settled

WORKFLOW = ".github/workflows/ci.yml"
FOREIGN = frozenset({Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW})


class Histories:
    """The commits of one settled forge."""

    def __init__(self, settled: Settled) -> None:
        self.settled = settled
        self._objects = settled.objects
        self._made = 0

    def realise(self, party: Party, repository: str, ref: str, operation: Operation, how: int) -> tuple[Attempt, Facts]:
        """The attempt, and what history says about it. It may become a creation, or a push where nothing is to create.

        `how` chooses between ways: whether a missing ref is created, whether checks have passed, who approves.
        """
        self._made += 1
        nobody = party.actor.kind is ActorKind.OUTSIDER and how % 2 == 0
        approved = how % 3 > 0 or operation is not Operation.READ_SECRET
        empty = Attempt(party, repository, ref, operation, nobody=nobody, approved=approved, number=self._made)
        if not ref.startswith("refs/") or operation is Operation.READ:
            return empty, Facts(approved=approved)
        operation = self._fitting(repository, ref, operation, how)
        before = self.tip(repository, ref)
        after, facts = self._commit(repository, ref, operation, before, how)
        return replace(empty, operation=operation, before=self.tip(repository, ref), after=after), facts

    def _fitting(self, repository: str, ref: str, operation: Operation, how: int) -> Operation:
        """The operation, for which the ref exists or does not, as it needs."""
        there = self.tip(repository, ref) is not None
        if operation is Operation.CREATE and there:
            if (repository, ref) == self.default(repository):
                return Operation.PUSH
            self._put(repository, ref, ABSENT)  # as it was in the beginning
        elif operation is not Operation.CREATE and not there:
            if how % 2 and operation not in MERGES:
                return Operation.CREATE
            self._put(repository, ref, self.main(repository))  # somebody was there before the rules
        return operation

    def tip(self, repository: str, ref: str) -> str | None:
        """Where the ref is. Commits that the forge made are known from then on."""
        sha = read_ref(self.settled.git_dir(repository), ref)
        if sha is not None and sha not in self._objects.parents:
            self._objects.learn(self.settled.git(repository), sha)
        return sha

    def main(self, repository: str) -> str:
        """Head of the default branch of the application that the repository belongs to."""
        return self.tip(*self.default(repository)) or ABSENT

    def default(self, repository: str) -> tuple[str, str]:
        """The application's repository and the full ref of its default branch."""
        ground = self.settled.known.grounds[repository]
        return f"{self.settled.topology.owner}/{ground.application}", ground.default_ref

    def on_default(self, repository: str, sha: str) -> bool:
        """Whether the commit is on the default branch."""
        return self._objects.is_ancestor(sha, self.main(repository))

    def _commit(
        self, repository: str, ref: str, operation: Operation, before: str | None, how: int
    ) -> tuple[str | None, Facts]:
        was, name = before or ABSENT, f"{self.settled.folder.name} {self._made}"
        foreign = Facts(on_default=False, passed=not self._gates(repository, ref))
        match operation:
            case Operation.DELETE | Operation.RENAME:
                return None, Facts()
            case Operation.FORCE_PUSH | Operation.REST_FORCE:
                return self._behind(repository, ref, was), Facts(forward=False)
            case Operation.PUSH_FOREIGN:
                return self._objects.child(was, f"foreign {name}"), foreign
            case Operation.PUSH_WORKFLOW:
                return self._objects.child(was, f"on: workflow_dispatch # {name}", WORKFLOW), foreign
            case Operation.MERGE_REVIEWED | Operation.MERGE_UNREVIEWED:
                head = self._objects.child(was, f"head {name}")
                checked = bool(how % 4) or not self._asks_for_checks(repository, ref)
                if checked:
                    self._pass(repository, ref, head, kinds=("check",))  # a head is green, and deployed nowhere
                return head, Facts(on_default=False, passed=checked)
            case _:
                return self._ahead(repository, ref, before, how)

    def _ahead(self, repository: str, ref: str, before: str | None, how: int) -> tuple[str, Facts]:
        """The head of the default branch, which has moved on where that is needed to be ahead."""
        main = self.main(repository)
        if before is not None and not self._objects.is_ancestor(before, main):
            before = main
            self._put(repository, ref, before)  # repaired by hand, as after a foreign commit
        if (repository, ref) == self.default(repository):
            return self._objects.child(main, f"direct {self.settled.folder.name} {self._made}"), Facts(on_default=False)
        if before == main:
            main = self._objects.child(main, f"merged {self.settled.folder.name} {self._made}")
            self._put(*self.default(repository), main)
        if how % 4:
            self._pass(repository, ref, main)
        return main, Facts(exists=before is not None, passed=self._has_passed(repository, ref, main))

    def _behind(self, repository: str, ref: str, before: str) -> str:
        """A commit that was there before."""
        if not self._objects.parents[before]:
            before = self.main(repository)
            self._put(repository, ref, before)
        return self._objects.parents[before][0]

    def _put(self, repository: str, ref: str, sha: str) -> None:
        write_ref(self.settled.git_dir(repository), ref, sha)

    def _gates(self, repository: str, ref: str) -> tuple[tuple[str, str], ...]:
        """What a commit must have passed to get there: `check` or `deployment`, and its name."""
        place = self.settled.known.places.get((repository, ref))
        if place is None:
            return ()
        return (*(("check", each) for each in place.checks), *(("deployment", each) for each in place.deployments))

    def _has_passed(self, repository: str, ref: str, sha: str) -> bool:
        """Whether everything that is asked for there was reported; a later job of an environment takes that back."""
        store, record = self.settled.store, self.settled.repository(repository)
        green = {each.context for each in store.statuses_of(record) if (each.sha, each.state) == (sha, "success")}
        there = {"check": green, "deployment": active_environments(store, record, sha)}
        return all(name in there[kind] for kind, name in self._gates(repository, ref))

    def _asks_for_checks(self, repository: str, ref: str) -> bool:
        default = (repository, ref) == self.default(repository)
        own = self.settled.application(repository).required_checks if default else None
        return bool(own) or any(kind == "check" for kind, _ in self._gates(repository, ref))

    def _pass(self, repository: str, ref: str, sha: str, kinds: tuple[str, ...] = ("check", "deployment")) -> None:
        """The commit passes everything of these kinds that is asked for there."""
        gates = set(self._gates(repository, ref))
        if (repository, ref) == self.default(repository):
            gates |= {("check", each) for each in self.settled.application(repository).required_checks or ()}
        for kind, name in sorted(each for each in gates if each[0] in kinds):
            self._report(repository, ref, sha, kind, name)

    def _report(self, repository: str, ref: str, sha: str, kind: str, name: str) -> None:
        store, record = self.settled.store, self.settled.repository(repository)
        if kind == "check":
            store.add(Status(store.new_id(), record.id, sha, name, "success"))
            return
        who = self.settled.forge.user("dana").id
        store.add(Deployment(store.new_id(), record.id, name, ref, sha, "push", who, "success", store.now()))
