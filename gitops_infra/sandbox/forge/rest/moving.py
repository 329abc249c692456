"""Moves of refs by REST: all of them go through the forge's one decision."""

from gitops_infra.sandbox.forge.decide import RefUpdate
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository, Person
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.router import Call
from gitops_infra.sandbox.forge.updates import apply

UNPROCESSABLE = 422
EMPTY = "Git Repository is empty."


def move(  # noqa: PLR0913  (a ref update and how to word its refusal)
    call: Call, repository: Repository, ref: str, before: str | None, after: str | None, *, conflict: int = 422
) -> None:
    """Creates, moves or deletes a ref (None: absent). Raises Refusal with the verdict's status and words.

    `conflict` replaces 422: the contents API answers 409 where the refs API answers 422.
    """
    update = RefUpdate(ref, before or ABSENT, after or ABSENT)
    verdict = apply(call.store, call.identity, repository, update, "rest")
    if not verdict.allowed:
        raise Refusal(conflict if verdict.status == UNPROCESSABLE else verdict.status, verdict.message)


def not_empty(call: Call, repository: Repository) -> BareRepository:
    """The git data. Raises Refusal 409 when there is no branch yet."""
    git = call.git(repository)
    if git.empty():
        raise Refusal(409, EMPTY)
    return git


def author_of(call: Call) -> Person:
    """Who the identity is as the author of a commit."""
    label = call.identity.label
    return Person(label, f"{call.identity.user_id or call.identity.app_id}+{label}@users.noreply.github.com")
