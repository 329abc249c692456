"""The questions of the matrix, those that are left out and why, and a cell: what was predicted and what happened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops_infra.plan.access import sample_refs
from gitops_infra.plan.actors import SETTINGS, SETTINGS_OPERATIONS, Operation, secrets_of
from gitops_infra.plan.model import Plan, RefKind
from gitops_infra.plan.predictor import kind_of_ref

MERGES = (Operation.MERGE_REVIEWED, Operation.MERGE_UNREVIEWED)
BY_API = frozenset(
    {
        *MERGES,
        Operation.REST_UPDATE,
        Operation.REST_FORCE,
        Operation.RENAME,
        Operation.READ_SECRET,
        *SETTINGS_OPERATIONS,
    }
)
"""Operations that the REST interface alone offers."""

ON_ANY_REF = (
    Operation.READ,
    Operation.CREATE,
    Operation.PUSH,
    Operation.PUSH_FOREIGN,
    Operation.PUSH_WORKFLOW,
    Operation.FORCE_PUSH,
    Operation.DELETE,
    Operation.REST_UPDATE,
    Operation.REST_FORCE,
)
ON_BRANCHES = (*ON_ANY_REF, Operation.RENAME, *MERGES)

KEY_AT_API = "an SSH key cannot be shown to the REST interface"
NO_BRANCH = "pull requests and renames are about branches"
NO_POLICY = "secrets and environments are in the application's repository"
LEFT_OUT: Mapping[str, str] = {
    KEY_AT_API: "GitHub's REST interface takes tokens only (REST, Authenticating), so there is no call to make. What"
    " the plan predicts is compared all the same: it must be a refusal.",
    NO_BRANCH: "A pull request merges into a branch, and `branches/{branch}/rename` knows branches only.",
    NO_POLICY: "State repositories have no environments: Actions are off in them.",
}
"""Rule by which a combination is not asked -> the reason."""


@dataclass(frozen=True)
class Question:
    """What is asked of every actor."""

    repository: str
    """`owner/name`."""
    ref: str
    """A full ref, `SETTINGS`, or `secrets_of(environment)`."""
    operation: Operation


@dataclass(frozen=True)
class Cell:
    """One question to one credential of one actor."""

    actor: str
    credential: str
    """What it is, in words; never its value."""
    repository: str
    ref: str
    operation: str
    predicted: bool
    observed: bool
    rule: str
    """Which rule the plan names."""
    said: str
    """What the forge said, or did; in brackets the rulesets that it names as the reason."""

    @property
    def agrees(self) -> bool:
        """Whether it came as predicted."""
        return self.predicted == self.observed

    def __str__(self) -> str:
        """As a mismatch is reported."""
        came = "allowed" if self.observed else "refused"
        expected = "allowed" if self.predicted else "refused"
        return (
            f"{self.actor} ({self.credential}): {self.operation} on {self.repository} {self.ref}:"
            f" predicted {expected} ({self.rule}), was {came} ({self.said})"
        )


def questions(plan: Plan) -> Iterator[Question]:
    """Every question about the plan's repositories, grouped by repository and ref."""
    application = plan.application.full_name
    for repository in plan.repositories:
        name = repository.full_name
        for ref in sample_refs(plan, repository):
            asked = ON_BRANCHES if kind_of_ref(ref) is RefKind.BRANCH else ON_ANY_REF
            yield from (Question(name, ref, operation) for operation in asked)
        yield Question(name, SETTINGS, Operation.EDIT_RULESET)
        yield Question(name, SETTINGS, Operation.ADD_KEY)
    for each in plan.environments:
        yield Question(application, secrets_of(each.name), Operation.READ_SECRET)
        yield Question(application, secrets_of(each.name), Operation.EDIT_POLICY)


def not_asked(plan: Plan) -> dict[str, int]:
    """How many questions each rule leaves out for each credential; `KEY_AT_API` is counted where it is met."""
    others = [
        ref
        for repository in plan.repositories
        for ref in sample_refs(plan, repository)
        if kind_of_ref(ref) is not RefKind.BRANCH
    ]
    states = len(plan.repositories) - 1
    return {
        NO_BRANCH: len(others) * (len(ON_BRANCHES) - len(ON_ANY_REF)),
        NO_POLICY: states * len(plan.environments) * 2,
    }


def is_left_out(*, has_api: bool, operation: Operation) -> bool:
    """Whether that operation cannot be tried with such a credential."""
    return operation in BY_API and not has_api
