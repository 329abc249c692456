"""Rules about all environments together."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from gitops_infra.topology.defaults import (
    branch_of,
    is_moved,
    per_repository,
    state_repository_name,
    state_repository_of,
)
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
    """Where the branch of an environment is, or was before its isolation changed: there it is kept."""

    position: int
    environment: Environment
    repository: str
    branch: str
    isolation: Isolation

    @property
    def is_former(self) -> bool:
        """Whether the isolation was changed, and the branch is only kept here."""
        return self.isolation is not self.environment.isolation


def places(topology: Topology) -> Iterator[Place]:
    """Where the branches of those environments are of which it can be read."""
    application = topology.application.name
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            branch = branch_of(environment)
            repository = state_repository_of(application, environment)
            if branch is None or repository is None:
                continue
            yield Place(index, environment, repository, branch, environment.isolation or Isolation.REPOSITORY)
            before = environment.moved_from
            if before is not None:
                state = state_repository_name(application, environment)
                former = state if before is Isolation.REPOSITORY else application
                yield Place(index, environment, former, branch, before)


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
    named: dict[str, int] = {}
    for place in places(topology):
        with skip_unreadable():
            name = place.environment.name.casefold()
            if named.setdefault(name, place.position) != place.position:
                continue  # a duplicate is reported as such
            together = by_repository[place.repository.casefold()]
            same = together.setdefault(place.branch.casefold(), place)
            if same.position != place.position:
                yield _shared("same-branch", same, place, f"both on branch {shown(place.branch)}")
    for together in by_repository.values():
        first = next(iter(together.values()))
        for branch, place in together.items():
            folder = next((together[parent] for parent in _parents(branch) if parent in together), None)
            if folder is not None:
                what = f"on branches {shown(folder.branch)} and {shown(place.branch)}, which git cannot hold both,"
                yield _shared("branch-folder-conflict", folder, place, what)
            elif place is not first and Isolation.REPOSITORY in (first.isolation, place.isolation):
                yield _shared("same-state-repository", first, place, "both")


def too_many_rulesets(topology: Topology) -> Iterator[Problem]:
    """Each environment whose branch is or was in the application's repository has rulesets of its own there."""
    inside = [place for place in places(topology) if place.isolation is not Isolation.REPOSITORY]
    needed = APPLICATION_RULESETS + sum(2 + _is_gated(place.environment) for place in inside)
    if inside and needed > MAX_RULESETS:
        yield Problem(
            "environments",
            "too-many-rulesets",
            f"{len(inside)} environments have their branch in repository {shown(inside[0].repository)}, which needs "
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
            if former is None or former == environment.name:
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
    """What a commit must have been deployed to first is another environment, to which such commits are deployed."""
    by_name = {environment.name: environment for environment in topology.environments}
    for index, environment in enumerate(topology.environments):
        others = [name for name in by_name if name != environment.name]
        for position, name in enumerate(environment.required_deployments or ()):
            where = path("environments", index, "required_deployments", position)
            if name not in others:
                near = nearest(name, others)
                yield Problem(
                    where,
                    "unknown-environment",
                    f"{shown(name)} is no other environment of this topology",
                    f"Did you mean `{near}`?" if near else "Name one of the other environments",
                )
            elif not is_moved(by_name[name]):
                yield Problem(
                    where,
                    "deployment-that-never-comes",
                    f"no commit of the default branch is deployed to {shown(name)}, so none could ever reach "
                    f"{shown(environment.name)}",
                    "Remove it, or name an environment that is promoted to",
                )


def cyclic_required_deployments(topology: Topology) -> Iterator[Problem]:
    """Environments that wait for each other wait for ever."""
    waits = {
        environment.name: [name for name in environment.required_deployments or () if name != environment.name]
        for environment in topology.environments
    }
    for index, environment in enumerate(topology.environments):
        reached: dict[str, None] = {}
        waiting = list(waits[environment.name])
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached[name] = None
                waiting += waits.get(name, ())
        if environment.name in reached:
            yield Problem(
                path("environments", index, "required_deployments"),
                "cyclic-required-deployments",
                f"a commit reaches {shown(environment.name)} only after environments that wait for "
                f"{shown(environment.name)} themselves",
                "Remove one of these required deployments",
            )
            return


def writer_key_as_secret(topology: Topology) -> Iterator[Problem]:
    """Whoever reads that secret moves the branch of the writer's environment."""
    holders = {}
    for environment in topology.environments:
        with skip_unreadable():
            if environment.writer is not None:
                holders[environment.writer.key] = environment.name
    for index, environment in enumerate(topology.environments):
        with skip_unreadable():
            for name, key in (environment.secrets or {}).items():
                if key in holders:
                    yield Problem(
                        path("environments", index, "secrets", name),
                        "writer-key-as-secret",
                        f"this is the private key of the writer of {shown(holders[key])}: every job that reads it "
                        "could move that branch",
                        "Name another value; the writer's own jobs get the key without it",
                    )


def duplicate_repositories(topology: Topology) -> Iterator[Problem]:
    """Names that differ only in case are one repository; a state repository is nobody else's."""
    seen: dict[str, str] = {}
    twice: set[str] = set()
    for index, application in enumerate((topology.application, *(topology.repositories or ()))):
        with skip_unreadable():
            here = f"repositories[{index - 1}]" if index else "application"
            first = seen.setdefault(application.name.casefold(), here)
            if first != here:
                twice.add(application.name.casefold())
                yield Problem(
                    path("repositories", index - 1, "name"),
                    "duplicate-repository",
                    f"repository {shown(application.name)} is {first} already; case does not count",
                    "Remove one of the two",
                )
    for one in per_repository(topology) if topology.repositories else ():
        with skip_unreadable():
            own = one.application.name.casefold()
            for place in places(one) if own not in twice else ():
                if place.isolation is not Isolation.REPOSITORY or place.environment.state_repository is not None:
                    continue
                here = f"the state repository of {shown(place.environment.name)} for {shown(one.application.name)}"
                first = seen.setdefault(place.repository.casefold(), here)
                if first != here:
                    yield Problem(
                        path("environments", place.position, "name"),
                        "duplicate-repository",
                        f"{here} would be called {shown(place.repository)}, as {first} is",
                        "Rename the environment or one of the repositories",
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
    verb = "are, or were before `moved_from`," if first.is_former or second.is_former else "are"
    apart = "a state repository" if second.isolation is Isolation.REPOSITORY else "a branch"
    return Problem(
        path("environments", second.position, "state_repository" if second.environment.state_repository else "branch"),
        code,
        f"environments {names} {verb} {what} in repository {shown(second.repository)}",
        f"Give each environment {apart} of its own",
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
    cyclic_required_deployments,
    writer_key_as_secret,
    duplicate_repositories,
    state_repository_for_several,
)
