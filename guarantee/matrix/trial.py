"""Asks the questions of one repository with every credential, each from the same state."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import httpx

from gitops_infra.plan.access import ActorKind, Operation
from gitops_infra.plan.actors import RENAMED, SETTINGS_OPERATIONS
from gitops_infra.plan.model import Plan
from gitops_infra.plan.predictor import Predictor
from gitops_infra.sandbox.forge.model import PullRequest, PushRecord
from guarantee.matrix import secret_jobs
from guarantee.matrix.attempts import EDITS, Answer, Api, NotAskedError, by_api, http_of, listed, push
from guarantee.matrix.cast import Means
from guarantee.matrix.cells import BY_API, KEY_AT_API, Cell, Question, is_left_out
from guarantee.matrix.stage import HEADS, PULL, Stage
from guarantee.records import kept

_JOBS = frozenset({ActorKind.FORK_JOB, ActorKind.FEATURE_JOB, ActorKind.DEFAULT_JOB})


class Trial:
    """The questions of one repository of a replica."""

    def __init__(self, plan: Plan, stage: Stage, means: Sequence[Means]) -> None:
        self.plan, self.stage, self.means = plan, stage, means
        self.left_out: dict[str, int] = {KEY_AT_API: 0}
        """Rule by which cells were left out -> how many."""
        self._predictor = Predictor(plan)
        self._shut_out: dict[Means, Answer] = {}
        self._listed: dict[Means, tuple[frozenset[str], Answer]] = {}
        self._obtained: secret_jobs.Obtained | None = None

    def cells(self, questions: Sequence[Question]) -> Generator[Cell, None, None]:
        """A cell for every question and credential. Raises NotAskedError when the forge did not decide."""
        with http_of(self.stage) as http:
            for question in questions:
                yield from self._asked(question, http)

    def _asked(self, question: Question, http: httpx.Client) -> Iterator[Cell]:
        operation = question.operation
        if operation in {Operation.READ, Operation.READ_SECRET} or operation in SETTINGS_OPERATIONS:
            for means in self._able(question):
                yield self._cell(question, means, self._settled(question, means, Api(http, means)))
                if operation is Operation.READ_SECRET and means.actor.kind in _JOBS:
                    yield from self._unapproved(question, means)
            return
        with self.stage.arranged(question.ref, operation) as pull:
            for means in self._able(question):
                yield self._cell(question, means, self._moved(question, means, Api(http, means), pull))

    def _able(self, question: Question) -> Iterator[Means]:
        """Those with whose credential it can be tried."""
        for means in self.means:
            if is_left_out(has_api=means.has_api, operation=question.operation):
                self.left_out[KEY_AT_API] += 1
                if self._predictor.predict(means.actor, question.repository, question.ref, question.operation).allowed:
                    raise NotAskedError(f"{means.actor} has a key only, and {question} is predicted to be allowed")
            else:
                yield means

    def _settled(self, question: Question, means: Means, api: Api) -> Answer:
        """Whether it reads, or changes settings."""
        stage, operation = self.stage, question.operation
        if operation is Operation.READ:
            if means not in self._listed:
                self._listed[means] = listed(stage, means)
            names, answer = self._listed[means]
            return Answer(question.ref in names, answer.said)
        environment = question.ref.removeprefix("environment/")
        if operation is Operation.READ_SECRET:
            return self._secret(means, api, environment)
        with kept(stage.forge):
            return EDITS[operation](stage, api, environment)

    def _secret(self, means: Means, api: Api, environment: str) -> Answer:
        """Whether a secret of the environment becomes known to it."""
        if means.actor.kind in _JOBS:
            return self._of_job(means, environment, approved=True)
        values = secret_jobs.secret_values(self.stage, environment)
        root = f"/repos/{self.stage.full_name}/environments/{environment}"
        texts = [
            api.text(f"{root}/secrets"),
            api.text(root),
            api.text(f"/repos/{self.stage.full_name}/actions/secrets"),
        ]
        known = any(value in text for value in values for text in texts)
        return Answer(known, "the value is in an answer" if known else "no answer has a value")

    def _of_job(self, means: Means, environment: str, *, approved: bool) -> Answer:
        """Whether any job of that kind, in whatever environment, gets a secret of this one."""
        if self._obtained is None:
            self._obtained = secret_jobs.obtained(self.stage, self.plan)
        found = self._obtained.get((means.actor.kind, approved), {})
        values = secret_jobs.secret_values(self.stage, environment)
        where = next((found[value] for value in values if value in found), None)
        return Answer(where is not None, where or "no job of that kind gets it")

    def _unapproved(self, question: Question, means: Means) -> Iterator[Cell]:
        """Where the plan asks for approval, a job that nobody approved must get nothing."""
        name = question.ref.removeprefix("environment/")
        if self.plan.environment(name).policy.approvers:
            answer = self._of_job(means, name, approved=False)
            cell = self._cell(question, replace(means, label="a job that nobody approved"), answer)
            yield replace(cell, predicted=False)

    def _moved(self, question: Question, means: Means, api: Api, pull: PullRequest | None) -> Answer:
        """Whether it moved the ref. That it did, and nothing else, is looked at in the repository, not believed.

        A merge may delete the head of its pull request.
        """
        is_push = question.operation not in BY_API
        if is_push and means in self._shut_out:
            return self._shut_out[means]
        last = self._last_decision()
        if is_push:
            answer = push(self.stage, means, question.ref, question.operation)
        else:
            answer = by_api(self.stage, api, question.ref, question.operation, pull)
        decision = self._last_decision()
        if not answer.allowed and decision is not None and decision is not last and decision.refused_by:
            answer = replace(answer, said=f"{answer.said} [{', '.join(decision.refused_by)}]")
        if answer.shut_out:
            self._shut_out[means] = answer
        if answer.allowed:
            moved = self.stage.changes()
            self.stage.put_back()
            if question.ref not in moved or moved - {question.ref, RENAMED, HEADS + PULL}:
                raise NotAskedError(f"{question} as {means.actor} was allowed, and what moved is {sorted(moved)}")
        return answer

    def _last_decision(self) -> PushRecord | None:
        """What the forge wrote down last about a ref update."""
        pushes = self.stage.forge.store.pushes
        return pushes[max(pushes)] if pushes else None

    def _cell(self, question: Question, means: Means, answer: Answer) -> Cell:
        predicted = self._predictor.predict(means.actor, question.repository, question.ref, question.operation)
        return Cell(
            actor=str(means.actor),
            credential=means.label,
            repository=question.repository,
            ref=question.ref,
            operation=question.operation.value,
            predicted=predicted.allowed,
            observed=answer.allowed,
            rule=predicted.rule,
            said=answer.said,
        )
