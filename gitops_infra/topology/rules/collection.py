"""Rules about all environments together."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from gitops_infra.topology.defaults import branch_of, per_repository, state_repository_of
from gitops_infra.topology.draft import skip_unreadable
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.translate import nearest
from gitops_infra.topology.vocabulary import Isolation

MAX_RULESETS = 60
"""Rulesets per repository. GitHub allows 75; the rest is left to the owners of the repository."""

APPLICATION_RULESETS = 2
"""Rulesets of the application's repository that are no environment's: default branch, release tags."""


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
    """Each environment with its branch in the application's repository has rulesets of its own there."""
    sharing = [place for place in places(topology) if place.environment.isolation is not Isolation.REPOSITORY]
    needed = APPLICATION_RULESETS + sum(2 + _is_gated(place.environment) for place in sharing)
    if sharing and needed > MAX_RULESETS:
        yield Problem(
            "environments",
            "too-many-rulesets",
            f"{len(sharing)} environments have their branch in repository {shown(sharing[0].repository)}, which needs "
            f"{needed} rulesets there, and {MAX_RULESETS} are the limit",
            "Use `isolation: repository` for some of them",
        )


def _is_gated(environment: Environment) -> bool:
    return bool(environment.required_checks or environment.required_deployments)


def shared_writers(topology: Topology) -> Iterator[Problem]:
    """One App or machine user for two environments moves the branches of both."""
    seen: dict[tuple[str, str], Environment] = {}
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            writer = environment.writer
            if writer is None:
                continue
            who = (
                ("App", str(writer.app)) if writer.app is not None else ("machine user", (writer.user or "").casefold())
            )
            for what, value in (who, ("key", writer.key)):
                first = seen.setdefault((what, value), environment)
                if first is not environment:
                    yield Problem(
                        path("environments", index, "writer"),
                        "shared-writer",
                        f"environments {shown(first.name)} and {shown(environment.name)} have the same {what}, which "
                        "would move the branches of both",
                        "Give each environment a writer of its own",
                    )


def former_name_in_use(topology: Topology) -> Iterator[Problem]:
    """The old name's branch, repository and key are the renamed environment's."""
    names = {environment.name for environment in topology.environments}
    seen: dict[str, str] = {}
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            former = environment.formerly
            if former is None:
                continue
            first = seen.setdefault(former, environment.name)
            if former in names or first != environment.name:
                yield Problem(
                    path("environments", index, "formerly"),
                    "former-name-in-use",
                    f"environment {shown(environment.name)} was renamed from {shown(former)}, and another one is "
                    "or was called so too",
                    "Remove `formerly`, or rename the other one",
                )


def unknown_required_deployments(topology: Topology) -> Iterator[Problem]:
    """What a commit must have been deployed to first is another environment of the topology."""
    names = [environment.name for environment in topology.environments]
    for index, environment in enumerate(topology.environments):
        for position, name in enumerate(environment.required_deployments or ()):
            if name not in names or name == environment.name:
                near = nearest(name, [other for other in names if other != environment.name])
                yield Problem(
                    path("environments", index, "required_deployments", position),
                    "unknown-environment",
                    f"{shown(name)} is no other environment of this topology",
                    f"Did you mean `{near}`?" if near else "Name one of the other environments",
                )


def duplicate_repositories(topology: Topology) -> Iterator[Problem]:
    """Names that differ only in case are one repository; a state repository is nobody else's."""
    seen = {topology.application.name.casefold(): "application"}
    for index, application in enumerate(topology.repositories or ()):
        with skip_unreadable():
            first = seen.setdefault(application.name.casefold(), f"repositories[{index}]")
            if first != f"repositories[{index}]":
                yield Problem(
                    path("repositories", index, "name"),
                    "duplicate-repository",
                    f"repository {shown(application.name)} is {first} already; case does not count",
                    "Remove one of the two",
                )
    for one in per_repository(topology):
        for place in places(one):
            first = seen.get(place.repository.casefold(), "")
            if place.environment.isolation is Isolation.REPOSITORY and first.startswith("repositories"):
                yield Problem(
                    path("environments", place.position, "state_repository"),
                    "duplicate-repository",
                    f"the state repository {shown(place.repository)} is {first} too",
                    "Choose another `state_repository`, or remove the repository from the list",
                )


def state_repository_for_several(topology: Topology) -> Iterator[Problem]:
    """One name cannot be the state repository of several repositories."""
    for index, environment in enumerate(topology.environments if topology.repositories else ()):
        with skip_unreadable():
            if environment.state_repository is not None:
                yield Problem(
                    path("environments", index, "state_repository"),
                    "state-repository-for-several",
                    "the application has several repositories, and each needs a state repository of its own",
                    "Remove it: then it is `<repository>-env-<name>`",
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


RULES = (
    no_environments,
    duplicate_environments,
    shared_places,
    too_many_rulesets,
    shared_writers,
    former_name_in_use,
    unknown_required_deployments,
    duplicate_repositories,
    state_repository_for_several,
)
