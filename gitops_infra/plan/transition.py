"""What a plan would take away from what a stack holds: changes that need a step before them.

A plan that just leaves an environment out would revoke its credential and lift its rules in one `up`; whoever mistypes
a name would lose a branch's protection. So what leaves is retired first, what moves says from where.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitops_infra.plan.model import Environment, Plan
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.vocabulary import Isolation


class _Held(NamedTuple):
    """One environment as the stack's output describes it."""

    key: str
    """Its key in the output: `name`, or `repository/name` in a further repository."""
    said: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def where(self) -> str:
        application = self.key.rpartition("/")[0]
        return f"environment '{self.name}'" + (f" of {application}" if application else "")

    @property
    def branch(self) -> str | None:
        return self._text("branch")

    @property
    def retired(self) -> bool:
        return bool(self.said.get("retired"))

    @property
    def in_state_repository(self) -> bool:
        """An output without the key is of a version that had state repositories only."""
        return self.isolation == Isolation.REPOSITORY

    @property
    def isolation(self) -> str:
        return self._text("isolation") or Isolation.REPOSITORY

    @property
    def repository(self) -> str | None:
        """Name of the repository that holds the branch, without the owner."""
        value = self._text("repository")
        return value and value.rpartition("/")[2]

    def _text(self, key: str) -> str | None:
        value = self.said.get(key)
        return value if isinstance(value, str) and value else None


def problems(before: Mapping[str, Mapping[str, Any]], plan: Plan, *further: Plan) -> tuple[Problem, ...]:
    """What must happen before the plan may follow on what the stack holds; empty if it may.

    `before` is the output `environments` of the stack's last `up`: by environment `branch`, `repository`, `isolation`
    and `retired`. Its keys are names, and `repository/name` for those of `further`, the plans of the topology's further
    repositories: give all of them at once, else what they hold counts as left out.

    Codes: `environment-removed`, `isolation-changed`, `branch-left-behind`.
    """
    planned = dict(_planned(plan, further))
    held = [_Held(key, said) for key, said in before.items() if isinstance(said, Mapping)]
    return tuple(
        problem
        for each in held
        # Nobody moves the branch of a retired environment, and a review environment has none.
        if each.branch is not None and not each.retired
        for problem in _problems(each, planned.get(each.key))
    )


def _planned(plan: Plan, further: tuple[Plan, ...]) -> Iterator[tuple[str, Environment]]:
    """Environments by their key in the output; a renamed one also by the key that it had."""
    for prefix, each in (("", plan), *((f"{other.application.name}/", other) for other in further)):
        for environment in each.environments:
            if environment.formerly is not None:
                yield f"{prefix}{environment.formerly}", environment
        # Last: a name that is in use now is meant, whatever another environment was called.
        yield from ((f"{prefix}{environment.name}", environment) for environment in each.environments)


def _problems(held: _Held, planned: Environment | None) -> Iterator[Problem]:
    if planned is None or planned.branch is None:
        why = "the topology leaves it out" if planned is None else "the topology gives it no branch"
        yield Problem(
            held.where,
            "environment-removed",
            f"the stack has it with the branch {held.branch}, and {why}",
            f"Set `retired: true` for it, run `pulumi up`, and remove it then; if it was renamed, set `formerly: "
            f"{held.name}` of the new name",
        )
        return
    if held.in_state_repository is not (planned.state is not None):
        if planned.former is None:
            yield Problem(
                held.where,
                "isolation-changed",
                f"its isolation changes from `{held.isolation}` to `{planned.isolation}`, and its branch would be lost "
                "where it is",
                f"Add `moved_from: {held.isolation}`: the branch there is then kept and locked",
            )
        return
    yield from _left_behind(held, planned)


def _left_behind(held: _Held, planned: Environment) -> Iterator[Problem]:
    """The isolation is the same, and yet the branch would be somewhere else."""
    repository = (planned.repository or "").rpartition("/")[2]
    if held.repository is not None and held.repository.casefold() != repository.casefold():
        yield _behind(held, f"{held.branch} in {held.repository}", f"{planned.branch} in {repository}")
    # In a state repository every other branch is locked, the old one too.
    elif planned.state is None and held.branch != planned.branch:
        yield _behind(held, held.branch, planned.branch)


def _behind(held: _Held, old: str | None, new: str | None) -> Problem:
    return Problem(
        held.where,
        "branch-left-behind",
        f"its branch is {shown(old or '')}, the topology makes it {shown(new or '')}, and nothing would guard the old "
        "one",
        "Name it as it was (`formerly`, `branch`, `state_repository`), or retire this environment and add another one",
    )
