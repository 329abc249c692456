"""One sequence on one forge: oracle, prediction and decision must agree on every attempt, and invariants hold after it.

The invariants are read off the refs themselves, whatever an attempt was called.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from gitops_infra.plan.actors import ActorKind, Guard, Operation, Prediction
from gitops_infra.plan.model import Plan
from gitops_infra.plan.predictor import Predictor
from gitops_infra.topology.vocabulary import Visibility
from guarantee.oracle.choices import Choices, Step
from guarantee.oracle.decisions import Attempt, Decisions
from guarantee.oracle.histories import FOREIGN, Histories
from guarantee.oracle.oracle import MERGES, Answer, Facts, Oracle, Ruling
from guarantee.oracle.parties import Party
from guarantee.oracle.places import Holder, Place
from guarantee.oracle.settled import Settled
from guarantee.oracle.shrinking import Tried

Refs = dict[tuple[str, str], str | None]
"""Commit of each watched ref, by repository and full ref."""


class ViolationError(AssertionError):
    """Two of the three disagree, or an invariant does not hold. The text tells the whole sequence."""


class Play:
    """Attempts on one settled forge. `plans` are predicted from; the oracle does not see them."""

    def __init__(
        self, settled: Settled, plans: Sequence[Plan], decisions: Callable[[Settled], Decisions] = Decisions
    ) -> None:
        self.settled = settled
        self.choices = Choices.of(settled.known, settled.parties)
        self.histories = Histories(settled)
        self.tried: Counter[str] = Counter()
        """Attempts, by sentence and answer of the oracle, and by what came of them."""
        self.told: list[str] = []
        """The attempts so far, in words."""
        self.taken: list[Tried] = []
        """The attempts so far, as they can be repeated."""
        self._oracle = Oracle(settled.topology)
        self._decisions = decisions(settled)
        self._predictors = {plan.application.name: Predictor(plan) for plan in plans}

    def take(self, step: Step) -> None:
        """One random attempt. Raises ViolationError."""
        self.attempt(*self.choices.chosen(step), step.how)

    def attempt(self, party: Party, repository: str, ref: str, operation: Operation, how: int = 0) -> None:
        """One attempt, compared. Raises ViolationError."""
        self.taken.append(Tried(party, repository, ref, operation, how))
        attempt, facts = self.histories.realise(party, repository, ref, operation, how)
        ruling = self.ruling(attempt, facts)
        self.told.append(f"{attempt}: {ruling.answer.value} by sentence {ruling.sentence}")
        before = self._refs()
        observed = self._decisions.ask(attempt)
        predicted = self._predicted(attempt, facts)
        self._compare(ruling, "the forge", observed)
        self._compare(ruling, "the prediction", None if predicted is None else predicted.allowed)
        if predicted is not None and observed is not None and predicted.allowed is not observed:
            raise self._violation(f"the prediction says {_word(predicted.allowed)}, the forge {_word(observed)}")
        if predicted is not None and _guards_differ(ruling, predicted):
            raise self._violation(f"the prediction leaves it to {predicted.guards}, the oracle to {ruling.guards}")
        self.tried[f"{ruling.sentence}: {ruling.answer.value}"] += 1
        self.tried["no door" if observed is None else _word(observed)] += 1
        self._invariants(attempt, before, allowed=observed is True)

    def repeat(self, attempts: Sequence[Tried]) -> None:
        """Attempts of another play, as far as there are such a party and such a repository. Raises ViolationError."""
        here = {(each.actor, each.application): each for each in self.settled.parties}
        for each in attempts:
            party = here.get((each.party.actor, each.party.application))
            if party is not None and (each.repository, each.ref) in self.choices.places:
                self.attempt(party, each.repository, each.ref, each.operation, each.how)

    def ruling(self, attempt: Attempt, facts: Facts) -> Ruling:
        """What the oracle says."""
        party = attempt.party
        return self._oracle.judge(
            party.actor, attempt.repository, attempt.ref, attempt.operation, facts, application=party.application
        )

    def _compare(self, ruling: Ruling, whose: str, allowed: bool | None) -> None:  # noqa: FBT001 - an answer
        if allowed is None or ruling.answer is Answer.SILENT or allowed is (ruling.answer is Answer.ALLOWED):
            return
        said = f"sentence {ruling.sentence} says {ruling.answer.value}: {ruling.words}"
        raise self._violation(f"{whose} says {_word(allowed)}, and {said}")

    def _violation(self, words: str) -> ViolationError:
        *before, last = self.told
        return ViolationError("\n".join([words, f"at: {last}", *(f"after: {each}" for each in before)]))

    def _predicted(self, attempt: Attempt, facts: Facts) -> Prediction | None:
        """What the plan predicts; None where it does not answer this very question."""
        name = self.settled.known.grounds[attempt.repository].application
        # A prediction supposes that a commit of the default branch has passed what is asked for, and an approval.
        supposed = (facts.passed or attempt.operation in FOREIGN) and facts.approved
        if name not in self._predictors or attempt.party.application not in {None, name} or not supposed:
            return None
        if self._reads_in_public(attempt):
            return None
        where = attempt.repository, attempt.ref, attempt.operation
        return self._predictors[name].predict(attempt.party.actor, *where)

    def _reads_in_public(self, attempt: Attempt) -> bool:
        """Whether a deploy key reads elsewhere what anybody may read: what GitHub says over SSH is not confirmed."""
        ground, holder = self.settled.known.grounds[attempt.repository], attempt.party.holder
        elsewhere = holder is not None and holder.repository not in {None, attempt.repository}
        return elsewhere and attempt.operation is Operation.READ and ground.visibility is Visibility.PUBLIC

    # Invariants

    def _refs(self) -> Refs:
        """Where every environment branch, former or not, and every default branch is."""
        known, histories = self.settled.known, self.histories
        defaults = [histories.default(full_name) for full_name, ground in known.grounds.items() if not ground.state]
        return {place: histories.tip(*place) for place in (*known.places, *defaults)}

    def _invariants(self, attempt: Attempt, before: Refs, *, allowed: bool) -> None:
        """What moved, moved as the guarantee says."""
        for (repository, ref), now in self._refs().items():
            was = before[repository, ref]
            if now == was:
                continue
            place = self.settled.known.places.get((repository, ref))
            problem = self._wrong(attempt, place, was, now) if allowed else "it moved, and the attempt was refused"
            if problem:
                raise self._violation(f"{ref} of {repository}: {problem}")

    def _wrong(self, attempt: Attempt, place: Place | None, was: str | None, now: str | None) -> str | None:
        """What is wrong with this move, if anything; ancestry is git's own answer."""
        if place is None:
            reviewed = attempt.operation is Operation.MERGE_REVIEWED
            return None if reviewed else "the default branch moved without a review"
        if not place.movers & _credential(attempt.party):
            return f"{attempt.party} moved it"
        if now is None:
            return "it is gone"
        git = self.settled.git(attempt.repository)
        if was is not None and not git.is_ancestor(was, now):
            return "it did not move forward"
        by_itself = attempt.operation in FOREIGN | MERGES  # told to the promotion job and the audit
        if not by_itself and not git.is_ancestor(now, self.histories.main(attempt.repository)):
            return "it is not on the default branch, and nobody pushed a foreign commit"
        return None


def _credential(party: Party) -> frozenset[Holder]:
    own = party.actor.kind is ActorKind.CREDENTIAL and party.holder is not None
    return frozenset({party.holder} if own and party.holder else ())


def _guards_differ(ruling: Ruling, predicted: Prediction) -> bool:
    """Whether the two name others for what the forge lets through against the guarantee's wish."""
    return Guard.PROMOTION_JOB in ruling.guards and set(predicted.guards) != set(ruling.guards)


def _word(allowed: bool) -> str:  # noqa: FBT001 - an answer
    return "allowed" if allowed else "denied"
