"""One repository of a replica, put into the state that a question supposes, and put back after each attempt."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gitops_infra.plan.access import ActorKind, Operation, sample_refs
from gitops_infra.sandbox.client import Clone
from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.model import PullRequest, Repository
from gitops_infra.sandbox.forge.record_codec import encode
from gitops_infra.sandbox.forge.server import Sandbox
from guarantee.matrix.cells import MERGES
from guarantee.matrix.world import MARA, OLIVIA, World
from guarantee.records import restore

HEADS = "refs/heads/"
PULL = "asked-for"
"""Head of pull requests."""


class Stage:
    """The repository with every sample ref at the second commit, and the commits to try."""

    def __init__(self, world: World, forge: Sandbox, full_name: str, scratch: Path) -> None:
        self.forge, self.full_name = forge, full_name
        self.git = BareRepository(forge.store.git_dir(self.repository))
        self.clone = Clone.empty(scratch / full_name.replace("/", "-"))
        application = BareRepository(forge.store.git_dir(forge.repository(world.plan.application.full_name)))
        source = str(application.path.resolve())
        self.older, self.old, self.new = world.history
        self.clone.git("fetch", "--quiet", source, "refs/heads/main")
        if self.git.path != application.path:
            self.git.run("fetch", "--quiet", "--no-write-fetch-head", source, self.new)
        self.foreign = self.clone.commit(self.old, "Not reviewed", {"unreviewed.txt": "x\n"})
        workflow = {".github/workflows/ci.yml": "name: hostile\non: push\njobs: {}\n"}
        self.workflow = self.clone.commit(self.old, "A workflow that nobody has seen", workflow)
        planned = next(each for each in world.plan.repositories if each.full_name == full_name)
        self.default = self.git.head().removeprefix(HEADS)
        start = self.git.refs()
        start |= {ref: start.get(ref, self.old) for ref in sample_refs(world.plan, planned)}
        self.start: Mapping[str, str] = start
        self.present = self.git.refs()
        self._asked: tuple[PullRequest, str] | None = None
        self.put(start)

    @property
    def repository(self) -> Repository:
        """The record: looked up anew, because an answered request may replace it."""
        return self.forge.repository(self.full_name)

    def put(self, refs: Mapping[str, str]) -> None:
        """Makes the repository have exactly these refs."""
        lines = [f"delete {ref}\n" for ref in self.present.keys() - refs.keys()]
        lines += [f"update {ref} {sha}\n" for ref, sha in refs.items() if self.present.get(ref) != sha]
        if lines:
            self.git.run("update-ref", "--no-deref", "--stdin", input="".join(lines))
        self.present = dict(refs)
        record = self.repository
        if record.default_branch != self.default:
            record.default_branch = self.default
            self.forge.store.save(record)
            self.git.set_head(self.default)

    @contextmanager
    def arranged(self, ref: str, operation: Operation) -> Iterator[PullRequest | None]:
        """The state that the operation on that ref supposes, with a pull request where it merges one.

        Raises RuntimeError when a ref was moved by an attempt that was refused.
        """
        refs = dict(self.start)
        if operation is Operation.CREATE:
            refs.pop(ref, None)
        else:
            refs[ref] = self.old
        own_default = self.default
        if operation is Operation.DELETE and ref == HEADS + own_default:
            # The forge deletes no default branch. An admin can make another one that, and then the rules alone decide.
            self.default = next(each for each in refs if each.startswith(HEADS) and each != ref).removeprefix(HEADS)
        if operation in MERGES:
            refs[HEADS + PULL] = self.git.commit_tree(f"{self.new}^{{tree}}", [self.old], "A change", FORGE)
        self.put(refs)
        pull = self._pull(ref, reviewed=operation is Operation.MERGE_REVIEWED) if operation in MERGES else None
        self._asked = None if pull is None else (pull, encode(pull))
        moved: frozenset[str] = frozenset()
        try:
            yield pull
            moved = self.changes()
        finally:
            if pull is not None:
                self.forge.store.delete(pull)
                self._asked = None
            self.present, self.default = self.git.refs(), own_default
            self.put(self.start)
        if moved:
            raise RuntimeError(f"{operation} {ref} of {self.full_name} was refused, and yet moved {sorted(moved)}")

    def _pull(self, ref: str, *, reviewed: bool) -> PullRequest:
        """A pull request of the owner, approved by a code owner and another maintainer, or by nobody."""
        pull = self.forge.open_pull_request(self.full_name, OLIVIA, PULL, ref.removeprefix(HEADS), "A change")
        if reviewed:
            for reviewer in (MARA, ActorKind.MAINTAINER.value):
                self.forge.review(pull, reviewer)
        self.present = self.git.refs()  # the forge keeps the head of a pull request as a ref
        return pull

    def changes(self) -> frozenset[str]:
        """Names of the refs that are not where they were put."""
        return frozenset(name for name, _ in self.present.items() ^ self.git.refs().items())

    def put_back(self) -> None:
        """Takes back what an attempt did to refs, default branch and the pull request."""
        before, self.present = self.present, self.git.refs()
        self.put(before)
        if self._asked is not None and encode(self._asked[0]) != self._asked[1]:
            restore(self.forge, *self._asked)
