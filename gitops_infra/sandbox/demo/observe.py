"""The guarantee, tried out: each question of the access matrix as a real push."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gitops_infra.plan.access import Actor, ActorKind, Operation, predict
from gitops_infra.plan.model import Plan
from gitops_infra.sandbox.client import Clone, Credential, Outcome


@dataclass(frozen=True)
class Cell:
    """One question, what the plan predicted and what the forge did."""

    actor: Actor
    repository: str
    ref: str
    operation: Operation
    predicted: bool
    observed: Outcome

    @property
    def agrees(self) -> bool:
        """Whether prediction and observation are the same."""
        return self.predicted == self.observed.allowed


@dataclass(frozen=True)
class Access:
    """How one actor reaches a repository, and with what."""

    url: Callable[[str], str]
    """Clone URL by full name."""
    credential: Credential


@dataclass
class Observer:
    """Tries operations as different actors. Made for one plan and one forge."""

    plan: Plan
    clone: Clone
    """A clone of the application with its default branch."""
    reader: Access
    """Reads every repository, to know where a ref is; never used to try something."""
    actors: dict[Actor, Access]
    advance: Callable[[], str]
    """Puts one more commit on the default branch, the regular way; returns its SHA."""

    def observe(self, actor: Actor, repository: str, ref: str, operation: Operation) -> Cell:
        """Tries it once with a real push. What is allowed has happened afterwards."""
        access = self.actors[actor]
        predicted = predict(self.plan, actor, repository, ref, operation).allowed
        refspec = self._refspec(repository, ref, operation)
        force = operation is Operation.FORCE_PUSH
        outcome = self.clone.push(access.url(repository), refspec, access.credential, force=force)
        return Cell(actor, repository, ref, operation, predicted, outcome)

    def matrix(self, *operations: Operation) -> Iterator[Cell]:
        """Every actor against the default branch, every environment branch, and a new branch beside each of these."""
        targets = [(self.plan.application.full_name, f"refs/heads/{self.plan.application.default_branch}")]
        targets += [(each.state.full_name, each.ref) for each in self.plan.environments if each.state and each.ref]
        for actor in self.actors:
            for repository, ref in targets:
                for operation in operations:
                    yield self.observe(actor, repository, ref, operation)
                if repository != self.plan.application.full_name:
                    yield self.observe(actor, repository, "refs/heads/elsewhere", Operation.CREATE)

    def _refspec(self, repository: str, ref: str, operation: Operation) -> str:
        head = self.clone.head(self.reader.url(repository), ref, self.reader.credential)
        if operation is Operation.DELETE:
            return f":{ref}"
        if operation is Operation.FORCE_PUSH:
            return f"{self.clone.commit(None, 'an unrelated history')}:{ref}"
        if operation is Operation.CREATE:
            return f"{self._main()}:{ref}"
        if repository == self.plan.application.full_name:
            return f"{self.clone.commit(head, 'not reviewed', {'unreviewed.txt': 'x'})}:{ref}"
        # A push of what is there already moves nothing, so it would prove nothing.
        main = self._main()
        return f"{self.advance() if main == head else main}:{ref}"

    def _main(self) -> str:
        application = self.plan.application
        return self.clone.fetch(
            self.reader.url(application.full_name), f"refs/heads/{application.default_branch}", self.reader.credential
        )


def credential_of(environment: str) -> Actor:
    """The credential of an environment, as an actor."""
    return Actor(ActorKind.CREDENTIAL, environment)
