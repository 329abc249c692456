"""What the guarantee says to one question, read from its sentences and from what the topology says, not from the plan.

An oracle of its own: of the plan it knows the vocabulary only. It derives names and places from what the keys of a
topology are documented to mean, and never sees a ruleset. The sentences are those of the design, "The guarantee, said
exactly", in short:

  1  Who: only the credential of an environment moves its branch, and it moves no other environment's.
  2  How: forward only, never deleted, never forced.
  3  What: that only commits of the default branch arrive is for the promotion job, the audit and the agent; in the
     application's own repository required checks and deployments narrow it, and they do that on the forge.
  4  Nothing else: in a state repository every other branch and tag is locked for everybody. In the application's it
     is said, not held. Namespaces that are neither branch nor tag are never held.

  retired   a retired environment, one without a write credential, and a branch in its former place are moved by nobody
  revoked   what was revoked, ran out or was replaced by rotation opens nothing
  reading   what a cluster holds reads one repository and writes nothing
  secret    secrets are read by jobs of the one ref that the environment admits, after approval where that exists
  undo      who may change settings is listed, not hidden: admins, owners, the provisioner; nobody else may
  main      the default branch, which 3 leans on, changes by reviewed pull requests only, once their checks have passed
  release   a release tag never names another commit
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gitops_infra.plan.actors import Actor, ActorKind, Guard, Operation
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import Visibility
from guarantee.oracle.places import KEYED, Environments, Ground, Holder, Place


class Answer(StrEnum):
    """What the guarantee says."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SILENT = "not governed"
    """It says nothing: the forge may answer as it likes."""


@dataclass(frozen=True)
class Facts:
    """What history says about one attempt."""

    exists: bool = True
    """Whether the ref exists before."""
    forward: bool = True
    """Whether the commit that is there now stays in the history."""
    on_default: bool = True
    """Whether the new commit is on the application's default branch."""
    passed: bool = True
    """Whether the new commit has passed the checks and deployments that the place asks for."""
    approved: bool = True
    """Whether an approver has agreed to the job, of `READ_SECRET`."""


@dataclass(frozen=True)
class Ruling:
    """One answer, the sentence that gives it, and who holds the line beside or instead of the forge."""

    answer: Answer
    sentence: str
    words: str
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True)
class Case:
    """One question, with what the rules need to know of where it is asked."""

    actor: Actor
    holder: Holder | None
    """Whose credential the actor is; None for people and jobs."""
    repository: str
    ref: str
    operation: Operation
    facts: Facts
    ground: Ground
    place: Place | None
    """The environment branch that the ref is or was; None for any other ref."""
    elsewhere: bool
    """Whether the actor is a job of another repository."""


MOVES = frozenset({Operation.CREATE, Operation.PUSH, Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW})
MERGES = frozenset({Operation.MERGE_REVIEWED, Operation.MERGE_UNREVIEWED})
BACKWARD = frozenset({Operation.FORCE_PUSH, Operation.REST_FORCE, Operation.DELETE, Operation.RENAME})
SETTINGS = frozenset({Operation.EDIT_RULESET, Operation.ADD_KEY, Operation.EDIT_POLICY})

DEAD = frozenset({ActorKind.EXPIRED, ActorKind.REVOKED, ActorKind.ROTATED_OUT})
JOBS = frozenset({ActorKind.FORK_JOB, ActorKind.FEATURE_JOB, ActorKind.DEFAULT_JOB})
UNDOERS = frozenset({ActorKind.ADMIN, ActorKind.OWNER, ActorKind.PROVISIONER})
MERGERS = frozenset({ActorKind.DEVELOPER, ActorKind.MAINTAINER, ActorKind.ADMIN, ActorKind.OWNER})


class Oracle:
    """Answers for one topology, with all of its repositories."""

    def __init__(self, topology: Topology) -> None:
        self.environments = Environments(topology)

    def judge(  # noqa: PLR0913 - a question has so many parts
        self,
        actor: Actor,
        repository: str,
        ref: str,
        operation: Operation,
        facts: Facts = Facts(),
        *,
        application: str | None = None,
    ) -> Ruling:
        """What the guarantee says to `actor` who tries `operation` on `ref` (full) of `repository` (`owner/name`).

        `application` names the repository whose environment the actor's credential belongs to, by default that of
        `application` in the topology, or whose job the actor is, by default the one that is asked for. Raises KeyError
        for a repository or environment that the topology does not have.
        """
        known = self.environments
        holder = None
        if actor.environment is not None:
            find = known.reader if actor.kind is ActorKind.CLUSTER_KEY else known.holder
            holder = find(application or known.applications[0], actor.environment)
        place = known.places.get((repository, ref))
        ground = known.grounds[repository]
        elsewhere = actor.kind in JOBS and application not in {None, ground.application}
        case = Case(actor, holder, repository, ref, operation, facts, ground, place, elsewhere)
        return next(ruling for rule in RULES if (ruling := rule(known, case)) is not None)


def _denied(sentence: str, words: str) -> Ruling:
    return Ruling(Answer.DENIED, sentence, words, (Guard.FORGE,))


def _allowed(sentence: str, words: str, *guards: Guard) -> Ruling:
    return Ruling(Answer.ALLOWED, sentence, words, guards)


def _revoked(_: Environments, case: Case) -> Ruling | None:
    """Revoked: nothing that was taken back opens anything, reading included."""
    return _denied("revoked", f"{case.actor} opens nothing any more") if case.actor.kind in DEAD else None


def _settings(_: Environments, case: Case) -> Ruling | None:
    """Undo: those who can change the rules are known by name; everybody else cannot."""
    if case.operation not in SETTINGS:
        return None
    if case.actor.kind in UNDOERS:
        return _allowed("undo", "it is listed as who can undo the rules", Guard.AUDIT)
    return _denied("undo", "only admins, owners and the provisioner change settings")


def _secret(known: Environments, case: Case) -> Ruling | None:  # noqa: PLR0911 - one line an answer
    """Secret: an environment's jobs run on the default branch, those of review on pull requests; never a fork's."""
    if case.operation is not Operation.READ_SECRET:
        return None
    if case.actor.kind not in JOBS:
        return _denied("secret", "a secret is given to jobs only")
    if case.actor.kind is ActorKind.FORK_JOB or case.elsewhere:
        return _denied("secret", "neither a fork nor another repository gets these secrets")
    wanted = known.admission(case.ref, case.ground)
    if wanted.review:
        return Ruling(Answer.SILENT, "secret", "review's secrets are those of pull requests, and said to be")
    if case.actor.kind is ActorKind.FEATURE_JOB:
        return _denied("secret", "only jobs of the default branch are admitted")
    if wanted.approval and not case.facts.approved:
        return _denied("secret", "nobody has approved it")
    return _allowed("secret", "a job of the default branch, approved where that is asked for and exists")


def _reading(_: Environments, case: Case) -> Ruling | None:
    """Reading: the cluster's key reads its own repository; it writes nowhere. Other reading is not what is promised."""
    if case.actor.kind is ActorKind.CLUSTER_KEY:
        if case.operation is not Operation.READ:
            return _denied("reading", "the key of a cluster is read-only")
        if case.holder is not None and case.repository == case.holder.repository:
            return _allowed("reading", "the repository that it follows")
        if case.ground.visibility is not Visibility.PUBLIC:
            return _denied("reading", "a key opens its own repository only")
    if case.operation is Operation.READ:
        return Ruling(Answer.SILENT, "reading", "who reads is no matter of the guarantee")
    return None


def _scope(_: Environments, case: Case) -> Ruling | None:
    """1, second half: a deploy key opens one repository, so in every other it moves nothing at all."""
    if case.holder is None or case.holder.credential not in KEYED or case.repository == case.holder.repository:
        return None
    return _denied("1", f"the key of {case.holder.environment} opens {case.holder.repository} only")


def _other_namespaces(_: Environments, case: Case) -> Ruling | None:
    """4, last part: what is neither branch nor tag is never held."""
    if case.ref.startswith(("refs/heads/", "refs/tags/")):
        return None
    return Ruling(Answer.SILENT, "4", "no rule covers this namespace, and access says so")


def _place(_: Environments, case: Case) -> Ruling | None:
    """1 to 3: the environment's branch, where it is or was."""
    place = case.place
    if place is None:
        return None
    if not place.movers:
        return _denied("retired", f"nobody moves {place.words}")
    if case.holder not in place.movers or case.actor.kind is not ActorKind.CREDENTIAL:
        return _denied("1", f"only {' or '.join(sorted(map(str, place.movers)))} moves {place.words}")
    if case.operation in BACKWARD or not case.facts.forward:
        return _denied("2", "only forward: never deleted, forced or renamed")
    return _forward(place, case)


def _forward(place: Place, case: Case) -> Ruling:
    """A mover, forward: what remains is what it brings, and by which door."""
    by_api = case.operation is Operation.REST_UPDATE or case.operation in MERGES
    if by_api and not _by_app(case):
        return _denied("1", "its credential is an SSH key, which the API does not know")
    if case.operation in MERGES or (case.operation is Operation.PUSH_WORKFLOW and _by_app(case)):
        # A merge by the App is one more way forward for the same; that it may change workflows is its owner's choice.
        return Ruling(Answer.SILENT, "1", "forward, by the environment's own credential")
    if not case.facts.passed:
        return _denied("3", f"{place.words} asks for what the commit has not passed")
    if case.operation in {Operation.PUSH_FOREIGN, Operation.PUSH_WORKFLOW} or not case.facts.on_default:
        return _allowed("3", "the forge cannot tell that it is not on the default branch", *place.guards)
    return _allowed("1", "the environment's credential moves its branch forward")


def _by_app(case: Case) -> bool:
    """Whether the credential is a GitHub App."""
    return case.holder is not None and case.holder.credential == "app"


def _locked(_: Environments, case: Case) -> Ruling | None:
    """4: a state repository holds one branch; everything else in it is locked, for its key and for everybody."""
    return _denied("4", "every other branch and tag is locked") if case.ground.state else None


def _default_branch(_: Environments, case: Case) -> Ruling | None:
    """Main: what 3 leans on, so nobody changes it but by a reviewed pull request."""
    if case.ref != case.ground.default_ref:
        return None
    if case.operation is not Operation.MERGE_REVIEWED or not case.facts.passed:
        return _denied("main", "the default branch changes by reviewed pull requests that are green only")
    if case.actor.kind in MERGERS:
        return _allowed("main", "a pull request that is approved and green")
    return Ruling(Answer.SILENT, "main", "who may merge what was reviewed is a matter of roles")


def _release_tag(known: Environments, case: Case) -> Ruling | None:
    """Release: made by whoever may; then it stays where it is."""
    if case.operation is Operation.CREATE or not known.is_release_tag(case.ref):
        return None
    return _denied("release", "a release tag never names another commit")


def _rest(_: Environments, __: Case) -> Ruling:
    """4, where the mode cannot lock: said, not held."""
    return Ruling(Answer.SILENT, "4", "other people's work, which access tells of")


RULES: tuple[Callable[[Environments, Case], Ruling | None], ...] = (
    _revoked,
    _settings,
    _secret,
    _reading,
    _scope,
    _other_namespaces,
    _place,
    _locked,
    _default_branch,
    _release_tag,
    _rest,
)
"""The sentences in the order in which they speak; the first that has an answer gives it."""
