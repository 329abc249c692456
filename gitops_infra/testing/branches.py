"""Assertions about who can move a branch. Each tries it with real pushes, in a copy of the forge."""

from collections.abc import Collection, Iterable, Sequence

from gitops_infra.plan.actors import Operation
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.access import Access, Attempt, listed
from gitops_infra.testing.actors import Actor, ActorKind
from gitops_infra.testing.attempts import MOVES, try_out
from gitops_infra.testing.gate import HEADS, full_ref

FORWARD = (Operation.CREATE, Operation.PUSH)
BACKWARD = (Operation.FORCE_PUSH, Operation.DELETE)
SHOWN = 12
"""Lines of one kind in a message; it has to fit on a screen."""

_UNKNOWN = {
    ActorKind.USER: "this forge has no such user",
    ActorKind.APP: "this forge has no such App, or it is installed nowhere",
    ActorKind.JOB: "no job of it runs",
    ActorKind.ENVIRONMENT: "no job gets a credential of this forge from it",
    ActorKind.DEPLOY_KEY: "there is no such key that works, or jobs get it: then name their environment",
}
"""Why an expected actor tried nothing."""


def assert_only_writers(forge: Sandbox, repository: str, branch: str, writers: Collection[Actor]) -> Access:
    """Exactly these actors move the branch, and only forward: nobody forces or deletes it, they neither.

    Every credential that the forge knows is tried (users, Apps, deploy keys, job tokens, what lies in secrets) with
    four real pushes: create, push forward, force push, delete. `repository` is `owner/name`, `branch` a branch or a
    full ref, which need not exist yet. An actor counts as a writer when it can push forward, and can create the
    branch while that does not exist; one that is expected and cannot fails too.

    Returns everything that was tried. The forge stays as it is. Raises AssertionError with who could do what, and by
    which rule; ValueError for a repository that does not exist.
    """
    __tracebackhide__ = True
    ref = full_ref(branch)
    access = try_out(forge, repository, ref, MOVES)
    needed = (Operation.PUSH,) if _exists(forge, repository, ref) else FORWARD
    _check(access, frozenset(writers), needed, forbidden=BACKWARD)
    return access


def assert_nobody_moves(forge: Sandbox, repository: str, ref: str) -> Access:
    """No actor of the forge creates, moves, forces or deletes the ref: a branch, or a full ref such as a tag.

    As `assert_only_writers` with nobody.
    """
    __tracebackhide__ = True
    return assert_only_writers(forge, repository, ref, ())


def assert_protected(
    forge: Sandbox, repository: str, branch: str | None = None, *, bypass: Collection[Actor] = ()
) -> Access:
    """Nobody changes the branch but through a reviewed pull request. Default: the repository's default branch.

    Tried with every credential: push forward, force push, delete, and the merge of a pull request that nobody
    reviewed, by every method. `bypass` are the actors that may push forward directly, if any; exactly these.

    Returns everything that was tried. The forge stays as it is. Raises AssertionError as `assert_only_writers`,
    ValueError for a repository or a branch that does not exist.
    """
    __tracebackhide__ = True
    ref = full_ref(branch or forge.repository(repository).default_branch)
    if not ref.startswith(HEADS) or not _exists(forge, repository, ref):
        raise ValueError(f"{repository} has no branch {ref}, so nothing can be protected: push it first")
    forbidden = (*BACKWARD, Operation.MERGE_UNREVIEWED)
    access = try_out(forge, repository, ref, (Operation.PUSH, *forbidden))
    _check(access, frozenset(bypass), (Operation.PUSH,), forbidden=forbidden)
    return access


def _check(
    access: Access, expected: frozenset[Actor], needed: Sequence[Operation], *, forbidden: Sequence[Operation]
) -> None:
    """Raises AssertionError unless exactly the expected actors move the ref, and none does what is forbidden."""
    __tracebackhide__ = True
    wrong = [
        each
        for each in access.attempts
        if each.allowed and (each.operation in forbidden or not expected.issuperset(each.actors))
    ]
    lacking: list[str] = []
    for actor in sorted(expected):
        tried = access.of(actor)
        if not tried:
            lacking.append(f"{actor}: {_UNKNOWN[actor.kind]}")
        for operation in needed if tried else ():
            of_it = [each for each in tried if each.operation is operation]
            if not any(each.allowed for each in of_it):
                lacking.append(f"{actor}: {operation} with {of_it[0].credential}: {of_it[0].why}")
    if not wrong and not lacking:
        return
    refused = access.actors() - {actor for each in wrong for actor in each.actors} - expected
    where = f"{access.repository} {access.ref.removeprefix('refs/heads/')}"
    wanted = f"forward only, by {listed(expected)}" if expected else "by nobody"
    raise AssertionError(
        "\n".join(
            [
                f"{where}: expected to be moved {wanted}; but",
                *_section("can, and must not", _grouped(wrong)),
                *_section("must, and cannot", lacking),
                f"  can do nothing: {listed(refused)}",
                f"  ({len(access.attempts)} attempts with {len(access.actors())} actors, in a copy of the forge)",
            ]
        )
    )


def _grouped(attempts: Iterable[Attempt]) -> list[str]:
    """One line for each actor, credential and reason, with all operations."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for each in attempts:
        lines.setdefault((listed(each.actors), each.credential, each.why), []).append(each.operation.value)
    return [
        f"{who}: {', '.join(operations)} with {credential}: {why}"
        for (who, credential, why), operations in lines.items()
    ]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    more = [f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"  {title}:", *(f"    {line}" for line in [*lines[:SHOWN], *more])] if lines else []


def _exists(forge: Sandbox, repository: str, ref: str) -> bool:
    return BareRepository(forge.store.git_dir(forge.repository(repository))).resolve(ref) is not None
