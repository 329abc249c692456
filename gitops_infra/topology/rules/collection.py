"""Rules about all environments together."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from gitops_infra.topology.defaults import branch_of, state_repository_of
from gitops_infra.topology.draft import skip_unreadable
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import Isolation

MAX_RULESETS = 60
"""Rulesets per repository. GitHub allows 75; the rest is left to the owners of the repository."""

SHARED_RULESETS = 3
"""Rulesets of a shared repository that are not an environment's own: integrity, default branch, release tags."""


class Place(NamedTuple):
    """Where an environment's branch is."""

    position: int
    environment: Environment
    repository: str
    branch: str


def places(topology: Topology) -> Iterator[Place]:
    """Where the branches of those environments are of which it can be read."""
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            branch = branch_of(environment)
            repository = state_repository_of(topology.application.name, environment)
            if branch is not None and repository is not None:
                yield Place(index, environment, repository, branch)


def no_environments(topology: Topology) -> Iterator[Problem]:
    """Nothing to deliver to."""
    if not topology.environments:
        yield Problem(
            "environments", "no-environments", "no environment is listed", "Add one, such as `- name: staging`"
        )


def duplicate_environments(topology: Topology) -> Iterator[Problem]:
    """Names that differ only in case collide too: GitHub compares environments without case."""
    seen: dict[str, int] = {}
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            first = seen.setdefault(environment.name.casefold(), index)
            if first != index:
                yield Problem(
                    path("environments", index, "name"),
                    "duplicate-environment",
                    f"environment {shown(environment.name)} is environments[{first}] already; case does not count",
                    "Rename one of the two",
                )


def shared_places(topology: Topology) -> Iterator[Problem]:
    """Two environments on one branch, on branches of which one is a folder of the other, or in one state repository.

    One problem per environment, the closest first: a repository of its own solves all three.
    """
    by_repository: defaultdict[str, dict[str, Place]] = defaultdict(dict)
    named: set[str] = set()
    for place in places(topology):
        with skip_unreadable():
            name = place.environment.name.casefold()
            if name not in named:  # a duplicate is reported as such
                named.add(name)
                together = by_repository[place.repository.casefold()]
                same = together.setdefault(place.branch.casefold(), place)
                if same is not place:
                    yield _shared("same-branch", same, place, f"are both on branch {shown(place.branch)}")
    for together in by_repository.values():
        first = next(iter(together.values()))
        for branch, place in together.items():
            folder = next((together[parent] for parent in _parents(branch) if parent in together), None)
            if folder is not None:
                what = f"are on branches {shown(folder.branch)} and {shown(place.branch)}, which git cannot hold both,"
                yield _shared("branch-folder-conflict", folder, place, what)
            elif place is not first and Isolation.REPOSITORY in (
                first.environment.isolation,
                place.environment.isolation,
            ):
                yield _shared("same-state-repository", first, place, "have their branches")


def too_many_rulesets(topology: Topology) -> Iterator[Problem]:
    """Each environment that shares a repository needs one ruleset of its own there."""
    sharing = Counter(
        place.repository for place in places(topology) if place.environment.isolation is not Isolation.REPOSITORY
    )
    for repository, count in sharing.items():
        if count + SHARED_RULESETS > MAX_RULESETS:
            yield Problem(
                "environments",
                "too-many-rulesets",
                f"{count} environments share repository {shown(repository)}, which needs {count + SHARED_RULESETS} "
                f"rulesets there, and {MAX_RULESETS} are the limit",
                "Use `isolation: repository` for some of them",
            )


def _shared(code: str, first: Place, second: Place, what: str) -> Problem:
    names = f"{shown(first.environment.name)} and {shown(second.environment.name)}"
    return Problem(
        path("environments", second.position, "state_repository" if second.environment.state_repository else "branch"),
        code,
        f"environments {names} {what} in repository {shown(second.repository)}",
        "Give each environment a state repository of its own",
    )


def _parents(branch: str) -> Iterator[str]:
    """The folders of a branch: `a` and `a/b` for `a/b/c`."""
    for position, character in enumerate(branch):
        if character == "/":
            yield branch[:position]


RULES = (no_environments, duplicate_environments, shared_places, too_many_rulesets)
