"""Who can do what, predicted from the plan: single questions, the whole matrix, and the short report.

Nothing is asked of a forge here. The sandbox and the audit observe the same questions, and the two must agree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitops_infra.plan.actors import Actor, ActorKind, Mechanism, Operation, Prediction, secrets_of
from gitops_infra.plan.model import CredentialKind, Environment, Plan, RefKind, Repository
from gitops_infra.plan.predictor import Level, Predictor, kind_of_ref
from gitops_infra.topology.vocabulary import Isolation, OwnerKind, RepositoryRole

__all__ = [
    "Actor",
    "ActorKind",
    "Mechanism",
    "Operation",
    "Prediction",
    "Reach",
    "Row",
    "actors",
    "matrix",
    "predict",
    "reach",
    "sample_refs",
    "secrets_of",
    "undoers",
]

_ASKED: dict[RefKind | None, tuple[Operation, ...]] = {
    RefKind.BRANCH: tuple(operation for operation in Operation if operation is not Operation.READ_SECRET),
    RefKind.TAG: (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE),
    None: (Operation.CREATE, Operation.PUSH, Operation.FORCE_PUSH, Operation.DELETE),
}
"""What the matrix asks for a branch, a tag, and any other ref."""

_MAKES_KEYS = {
    CredentialKind.APP: "Whoever manages the {} can make it another private key, and move the branch of {} with that.",
    CredentialKind.MACHINE_USER: "Whoever can sign in as the {} can move the branch of {}.",
}
"""Who can make what a credential is made of."""

_MOVES = (Operation.CREATE, Operation.PUSH, Operation.PUSH_FOREIGN)
_BREAKS = (Operation.FORCE_PUSH, Operation.DELETE)
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


@dataclass(frozen=True)
class Reach:
    """Who reaches one environment, by the words of `Actor`; each is empty where nobody does."""

    environment: str
    movers: tuple[str, ...]
    """May create its branch or move it forward."""
    breakers: tuple[str, ...]
    """May force or delete it, or merge a pull request into it without being a mover. An App that moves the branch can
    merge into it too, which is one more way forward for the same."""
    secret_readers: tuple[str, ...]
    """May read its secrets, once its approvers agree."""


def actors(plan: Plan) -> tuple[Actor, ...]:
    """Every actor of the plan: one of each kind, and one credential per environment that has one."""
    keys = (Actor(ActorKind.CREDENTIAL, each.name) for each in plan.environments if each.credential is not None)
    return (*(Actor(kind) for kind in ActorKind if kind is not ActorKind.CREDENTIAL), *keys)


def predict(plan: Plan, actor: Actor, repository: str, ref: str, operation: Operation) -> Prediction:
    """Whether GitHub lets `actor` do `operation` on `ref` (a full ref) of `repository` (`owner/name`).

    Raises KeyError for a repository that is not of the plan, ValueError for what makes no sense: a merge into something
    that is no branch, an actor or a secret of an unknown environment, a credential without one.
    """
    return Predictor(plan).predict(actor, repository, ref, operation)


def matrix(plan: Plan) -> tuple[Row, ...]:
    """Actors x refs x operations, in a fixed order; the refs stand for all others of their kind (`sample_refs`).

    Grows with the square of the number of environments (some 1,000 rows for three); `reach` is the short form.
    """
    predictor = Predictor(plan)
    return tuple(
        Row(str(actor), repository, ref, operation.value, verdict.allowed, verdict.rule)
        for repository, ref, operation in _questions(plan, predictor)
        for actor in actors(plan)
        for verdict in (predictor.predict(actor, repository, ref, operation),)
    )


def reach(plan: Plan) -> tuple[Reach, ...]:
    """For each environment, who moves its branch, who breaks it, and whose jobs read its secrets."""
    predictor, everybody, application = Predictor(plan), actors(plan), plan.application.full_name

    def able(environment: Environment, operations: tuple[Operation, ...]) -> tuple[str, ...]:
        state, ref = predictor.repositories.get(environment.repository or ""), environment.ref
        if state is None or ref is None:
            return ()
        # Whoever may not write at all is asked once, not once per operation: most credentials, for most repositories.
        writers = [actor for actor in everybody if predictor.level(actor, state)[0].rank >= Level.WRITE.rank]
        return tuple(
            str(actor)
            for actor in writers
            if any(predictor.predict(actor, state.full_name, ref, operation).allowed for operation in operations)
        )

    def reads(environment: Environment) -> tuple[str, ...]:
        secrets, operation = secrets_of(environment.name), Operation.READ_SECRET
        return tuple(
            str(actor) for actor in everybody if predictor.predict(actor, application, secrets, operation).allowed
        )

    def breakers(environment: Environment, movers: tuple[str, ...]) -> tuple[str, ...]:
        breaking = able(environment, _BREAKS)
        return tuple(each for each in able(environment, _BREAKS + _MERGES) if each in breaking or each not in movers)

    return tuple(
        Reach(each.name, movers, breakers(each, movers), reads(each))
        for each in plan.environments
        for movers in (able(each, _MOVES),)
    )


def undoers(plan: Plan) -> tuple[str, ...]:
    """Who can undo the rules or reach round them, one sentence each. No setting takes this from them."""
    application = plan.application
    states = [each.full_name for each in plan.repositories[1:]]
    sentences = [f"Whoever has the role admin in {application.full_name} can change its rulesets and environments."]
    sentences += [
        f"The {kind} {name} has that role by this topology."
        for grant in application.access
        if grant.role is RepositoryRole.ADMIN
        for kind, name in (("team", grant.team), ("user", grant.user))
        if name
    ]
    if states:
        sentences.append(f"Whoever has the role admin in {_listed(states)} can change the rulesets there.")
    sentences += [
        {
            OwnerKind.ORGANIZATION: f"Owners of the organisation {plan.owner} have the role admin everywhere.",
            OwnerKind.USER: f"The user {plan.owner} has the role admin everywhere.",
        }[plan.owner_kind],
        "The token or App that runs `pulumi up` makes the rules and can remove them.",
    ]
    movable = [each for each in plan.environments if each.credential is not None]
    if movable:
        names = _listed(each.name for each in movable)
        held = f"the private key{'' if len(movable) == 1 else 's'} of {names}"
        sentences.append(f"Whoever can read the stack's state and decrypt its secrets holds {held}.")
    sentences += [
        _MAKES_KEYS[each.credential.kind].format(each.credential.holder, each.name)
        for each in movable
        if each.credential is not None and each.credential.kind in _MAKES_KEYS
    ]
    inside = [each.name for each in movable if each.repository == application.full_name]
    if inside:
        whose = f"credential of {inside[0]}" if len(inside) == 1 else f"credentials of {_listed(inside)}"
        sentences.append(
            f"The {whose} can write every branch and tag of {application.full_name} that no rule protects."
        )
    shared = [each.name for each in movable if each.isolation is Isolation.SHARED]
    if shared:
        moved = f"branch of {shared[0]}" if len(shared) == 1 else f"branches of {_listed(shared)}"
        sentences.append(f"Every write deploy key of {application.full_name}, whoever made it, moves the {moved}.")
    for each in movable:
        if not each.policy.approvers:
            merged = f"Whoever can merge a workflow into {application.default_branch} can have it use the key of"
            sentences.append(f"{merged} {each.name}: no approval is required.")
        if each.policy.admins_bypass:
            sentences.append(f"An admin can start a job of {each.name} past its protection rules.")
    return tuple(sentences)


def sample_refs(plan: Plan, repository: Repository) -> tuple[str, ...]:
    """Full refs of that repository that stand for all: the protected branch, other ones, tags, and the rest."""
    heads = [f"refs/heads/{repository.default_branch}", "refs/heads/feature/x"]
    application = repository.full_name == plan.application.full_name
    heads += [
        each.ref
        for each in plan.environments
        if each.ref is not None
        # Of the application's branches those that are, or were before a move, an environment's; all in a small one.
        and (not application or each.repository == repository.full_name or (each.former and each.former.state is None))
    ]
    patterns = [ref for each in repository.rulesets if each.key == "release-tags" for ref in each.include]
    tags = [pattern.replace("*", "1").replace("?", "1") for pattern in patterns] or ["refs/tags/v1.0.0"]
    return tuple(dict.fromkeys([*heads, *tags, "refs/notes/commits"]))


def _questions(plan: Plan, predictor: Predictor) -> Iterator[tuple[str, str, Operation]]:
    for name, repository in predictor.repositories.items():
        for ref in sample_refs(plan, repository):
            for operation in _ASKED[kind_of_ref(ref)]:
                yield name, ref, operation
    for each in plan.environments:
        yield plan.application.full_name, secrets_of(each.name), Operation.READ_SECRET


def _listed(words: Iterable[str]) -> str:
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last
