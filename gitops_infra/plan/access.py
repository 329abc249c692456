"""Who can do what, predicted from the plan: single questions, the whole matrix, and the short report.

Nothing is asked of a forge here. The sandbox and the audit observe the same questions, and the two must agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gitops_infra.plan.actors import (
    OF_ENVIRONMENT,
    SETTINGS,
    SETTINGS_OPERATIONS,
    Actor,
    ActorKind,
    Guard,
    Mechanism,
    Operation,
    Prediction,
    secrets_of,
)
from gitops_infra.plan.controls import Control, Indirect
from gitops_infra.plan.indirect import indirect, undoers
from gitops_infra.plan.model import CredentialKind, Environment, Plan, RefKind
from gitops_infra.plan.predictor import Predictor
from gitops_infra.plan.refs import kind_of_ref, sample_refs
from gitops_infra.plan.standing import JOBS

__all__ = [
    "SETTINGS",
    "Actor",
    "ActorKind",
    "Control",
    "Guard",
    "Indirect",
    "Mechanism",
    "Operation",
    "Prediction",
    "Reach",
    "Row",
    "actors",
    "indirect",
    "matrix",
    "predict",
    "questions",
    "reach",
    "rows",
    "sample_refs",
    "secrets_of",
    "undoers",
]

_OF_ANY_REF = (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE)

ASKED: dict[RefKind | None, tuple[Operation, ...]] = {
    RefKind.BRANCH: tuple(
        each for each in Operation if each is not Operation.READ_SECRET and each not in SETTINGS_OPERATIONS
    ),
    RefKind.TAG: (*_OF_ANY_REF, Operation.REST_UPDATE, Operation.REST_FORCE),
    None: _OF_ANY_REF,
}
"""What the matrix asks for a branch, a tag, and any other ref."""

_MOVES = (Operation.CREATE, Operation.PUSH, Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW)
_BREAKS = (Operation.FORCE_PUSH, Operation.DELETE, Operation.RENAME)
_MERGES = (Operation.MERGE_REVIEWED, Operation.MERGE_UNREVIEWED)


@dataclass(frozen=True)
class Row:
    """One cell of the matrix."""

    actor: str
    repository: str
    ref: str
    operation: str
    allowed: bool
    rule: str
    mechanism: str
    guards: tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """Who reaches one environment, by the words of `Actor`; each is empty where nobody does."""

    environment: str
    movers: tuple[str, ...]
    """May create its branch or move it forward."""
    breakers: tuple[str, ...]
    """May force, delete or rename it, or merge a pull request into it without being a mover. An App that moves the
    branch can merge into it too, which is one more way forward for the same."""
    secret_readers: tuple[str, ...]
    """May read its secrets, once its approvers agree."""


def actors(plan: Plan) -> tuple[Actor, ...]:
    """Every actor of the plan: one of each kind, and those of environments that there are.

    A credential for each environment that has one, a cluster's key for each that a cluster follows, and a credential
    that was rotated out for each whose deploy key is of a later generation than the first.
    """
    there = {
        ActorKind.CREDENTIAL: [each.name for each in plan.environments if each.credential is not None],
        ActorKind.CLUSTER_KEY: [each.name for each in plan.environments if each.delivery is not None],
        ActorKind.ROTATED_OUT: [each.name for each in plan.environments if _was_rotated(each)],
    }
    alone = (Actor(kind) for kind in ActorKind if kind not in OF_ENVIRONMENT)
    return (*alone, *(Actor(kind, name) for kind, names in there.items() for name in names))


def predict(plan: Plan, actor: Actor, repository: str, ref: str, operation: Operation) -> Prediction:
    """Whether GitHub lets `actor` do `operation` on `ref` (a full ref) of `repository` (`owner/name`).

    Raises KeyError for a repository that is not of the plan, ValueError for what makes no sense: a merge into something
    that is no branch, an actor or a secret of an unknown environment, a credential without one.
    """
    return Predictor(plan).predict(actor, repository, ref, operation)


def matrix(plan: Plan) -> tuple[Row, ...]:
    """Actors x refs x operations, in a fixed order; the refs stand for all others of their kind (`sample_refs`).

    Grows with the cube of the number of environments (some 5,000 rows for three); `reach` is the short form.
    """
    return tuple(rows(plan))


def rows(plan: Plan) -> Iterator[Row]:
    """The rows of the matrix, one by one."""
    predictor, everybody = Predictor(plan), [(actor, str(actor)) for actor in actors(plan)]
    for repository, ref, operation in questions(plan):
        for actor, name in everybody:
            verdict = predictor.predict(actor, repository, ref, operation)
            yield Row(
                name,
                repository,
                ref,
                operation.value,
                verdict.allowed,
                verdict.rule,
                verdict.mechanism.value,
                tuple(guard.value for guard in verdict.guards),
            )


def questions(plan: Plan) -> Iterator[tuple[str, str, Operation]]:
    """Repository, ref and operation of everything that the matrix asks, in its order."""
    for repository in plan.repositories:
        for ref in sample_refs(plan, repository):
            for operation in ASKED[kind_of_ref(ref)]:
                yield repository.full_name, ref, operation
        yield repository.full_name, SETTINGS, Operation.EDIT_RULESET
        yield repository.full_name, SETTINGS, Operation.ADD_KEY
    for each in plan.environments:
        for operation in (Operation.READ_SECRET, Operation.EDIT_POLICY):
            yield plan.application.full_name, secrets_of(each.name), operation


def reach(plan: Plan) -> tuple[Reach, ...]:
    """For each environment, who moves its branch, who breaks it, and whose jobs read its secrets."""
    predictor, everybody, application = Predictor(plan), actors(plan), plan.application.full_name
    jobs = [actor for actor in everybody if actor.kind in JOBS]

    def able(environment: Environment, operations: tuple[Operation, ...]) -> tuple[str, ...]:
        state, ref = predictor.repositories.get(environment.repository or ""), environment.ref
        if state is None or ref is None:
            return ()
        # Whoever may not write at all is asked once, not once per operation: most credentials, for most repositories.
        writers = [actor for actor in everybody if predictor.standings.of(actor, state).writes]
        return tuple(
            str(actor)
            for actor in writers
            if any(predictor.predict(actor, state.full_name, ref, operation).allowed for operation in operations)
        )

    def reads(environment: Environment) -> tuple[str, ...]:
        secrets, operation = secrets_of(environment.name), Operation.READ_SECRET
        return tuple(str(job) for job in jobs if predictor.predict(job, application, secrets, operation).allowed)

    def breakers(environment: Environment, movers: tuple[str, ...]) -> tuple[str, ...]:
        breaking = able(environment, _BREAKS)
        return tuple(each for each in able(environment, _BREAKS + _MERGES) if each in breaking or each not in movers)

    return tuple(
        Reach(each.name, movers, breakers(each, movers), reads(each))
        for each in plan.environments
        for movers in (able(each, _MOVES),)
    )


def _was_rotated(environment: Environment) -> bool:
    credential = environment.credential
    return credential is not None and credential.kind is CredentialKind.DEPLOY_KEY and credential.generation > 1
