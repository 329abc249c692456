"""Where a topology puts environment branches, who moves them, and what else it says: names derived from its keys alone.

Written from what the keys of a topology are documented to mean. Nothing of the plan is used, so that an error there
does not become the measure of itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gitops_infra.plan.actors import Guard
from gitops_infra.topology.application import Application
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation, PricePlan, Protection, Trigger, Visibility

KEYED = frozenset({"deploy key"})
"""Credentials that open exactly one repository."""


@dataclass(frozen=True)
class Holder:
    """Whoever holds the credential of one environment; an App or machine user holds it for every repository."""

    environment: str
    credential: str
    """`deploy key`, `app` or `machine user`."""
    repository: str | None
    """`owner/name` that a deploy key opens; None for the others, which are one for all."""

    def __str__(self) -> str:
        return f"the {self.credential} of {self.environment}"


@dataclass(frozen=True)
class Place:
    """An environment branch where it is, or where it was before its isolation changed."""

    environment: str
    words: str
    movers: frozenset[Holder]
    """Empty: nobody."""
    former: bool
    checks: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    """Who keeps out what is not on the default branch."""


@dataclass(frozen=True)
class Ground:
    """A repository."""

    application: str
    """Name of the application's repository that it belongs to, or is."""
    state: bool
    """Whether it is, or was, the state repository of an environment."""
    visibility: Visibility
    default_ref: str
    """Full ref of the application's default branch."""


@dataclass(frozen=True)
class Admission:
    """Whose jobs read the secrets of an environment."""

    review: bool
    """Jobs of pull requests, by design."""
    approval: bool
    """Whether somebody must agree, and the price plan holds that."""


class Environments:
    """The places of one topology."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.applications = tuple(each.name for each in (topology.application, *(topology.repositories or ())))
        """Names of the repositories that are deployed, that of `application` first."""
        self.grounds: dict[str, Ground] = {}
        """By `owner/name`."""
        self.places: dict[tuple[str, str], Place] = {}
        """By `owner/name` and full ref."""
        self._by_name = {each.name: each for each in topology.environments}
        for application in (topology.application, *(topology.repositories or ())):
            self._settle(application)

    def _settle(self, application: Application) -> None:
        own, owner = f"{self.topology.owner}/{application.name}", self.topology.owner
        visible, default = application.visibility or Visibility.PRIVATE, default_ref(application)
        self.grounds[own] = Ground(application.name, state=False, visibility=visible, default_ref=default)
        for environment in self.topology.environments:
            if kind_of(environment) is EnvironmentKind.REVIEW:
                continue
            ref = f"refs/heads/{branch_of(environment)}"
            now = environment.isolation or Isolation.REPOSITORY
            for isolation, former in ((now, False), (environment.moved_from, True)):
                if isolation is None:
                    continue
                where = own
                if isolation is Isolation.REPOSITORY:
                    where = f"{owner}/{state_of(application.name, environment)}"
                    seen = environment.state_visibility or visible
                    self.grounds[where] = Ground(application.name, state=True, visibility=seen, default_ref=default)
                self.places[where, ref] = self._place(application, environment, where, ref, former=former)

    def _place(
        self, application: Application, environment: Environment, where: str, ref: str, *, former: bool
    ) -> Place:
        words = f"{ref.removeprefix('refs/heads/')} of {where}"
        if former:
            return Place(environment.name, f"the former place {words}", frozenset(), former=True)
        agent = environment.cluster is not None and environment.sync is not None and environment.sync.signed_by
        return Place(
            environment.name,
            words,
            frozenset(self._movers(application.name, environment)),
            former=False,
            checks=tuple(environment.required_checks or ()),
            deployments=tuple(environment.required_deployments or ()),
            guards=(Guard.PROMOTION_JOB, *([Guard.AGENT] if agent else []), Guard.AUDIT),
        )

    def _movers(self, application: str, environment: Environment) -> Iterator[Holder]:
        """The environment's own credential; under `shared` that of every environment whose key is in the repository."""
        if not has_credential(environment):
            return
        for other in self.topology.environments:
            together = environment.isolation is Isolation.SHARED and other.isolation is Isolation.SHARED
            if other is environment or (together and has_credential(other)):
                yield self.holder(application, other.name)

    def holder(self, application: str, environment: str) -> Holder:
        """Whoever holds the credential of that environment for that repository. Raises KeyError."""
        wanted = self._by_name[environment]
        if wanted.isolation is Isolation.BRANCH:
            by_app = wanted.writer is not None and wanted.writer.app is not None
            return Holder(environment, "app" if by_app else "machine user", None)
        own = application if wanted.isolation is Isolation.SHARED else state_of(application, wanted)
        return Holder(environment, "deploy key", f"{self.topology.owner}/{own}")

    def reader(self, application: str, environment: str) -> Holder:
        """The read-only key of the environment's cluster, which follows the branch wherever it is. Raises KeyError."""
        held = self.holder(application, environment)
        return Holder(environment, "deploy key", held.repository or f"{self.topology.owner}/{application}")

    def admission(self, secrets: str, ground: Ground) -> Admission:
        """Whose jobs of that repository read the secrets of `environment/<name>`. Raises KeyError."""
        wanted = self._by_name[secrets.removeprefix("environment/")]
        approval = bool(wanted.reviewers) and Protection.REQUIRED_REVIEWERS not in self.not_held(ground.visibility)
        return Admission(kind_of(wanted) is EnvironmentKind.REVIEW, approval)

    def is_release_tag(self, ref: str) -> bool:
        """Whether a promotion starts with a release of that tag."""
        patterns = [
            each.tags or "v*.*.*" for each in self.topology.promotions or () if each.trigger is Trigger.ON_RELEASE
        ]
        return any(re.fullmatch(_as_expression(f"refs/tags/{pattern}"), ref) for pattern in patterns)

    def not_held(self, visibility: Visibility) -> frozenset[Protection]:
        """What GitHub does not hold for such a repository under the declared price plan: `enforcement` must report it.

        Source: GitHub, availability notes of "About rulesets" and "Managing environments for deployment".
        """
        price_plan = self.topology.github_plan
        if visibility is Visibility.PUBLIC or price_plan is PricePlan.ENTERPRISE:
            return frozenset()
        approvals = {
            Protection.REQUIRED_REVIEWERS,
            Protection.PREVENT_SELF_REVIEW,
            Protection.WAIT_TIMER,
            Protection.NO_ADMIN_BYPASS,
        }
        paid = price_plan in {PricePlan.PRO, PricePlan.TEAM} and visibility is Visibility.PRIVATE
        return frozenset(approvals if paid else Protection)


def default_ref(application: Application) -> str:
    """Full ref of the default branch."""
    return f"refs/heads/{application.default_branch or 'main'}"


def kind_of(environment: Environment) -> EnvironmentKind:
    """The kind, stated or the one that the name says. Raises ValueError for a name that says none."""
    return environment.kind or EnvironmentKind(environment.name)


def branch_of(environment: Environment) -> str:
    """The branch: given, or `env/` with the name, the former one after a renaming."""
    return environment.branch or f"env/{environment.formerly or environment.name}"


def state_of(application: str, environment: Environment) -> str:
    """The state repository: given, or made of both names, the former one after a renaming."""
    return environment.state_repository or f"{application}-env-{environment.formerly or environment.name}"


def has_credential(environment: Environment) -> bool:
    """Whether anything may move its branch: no review, not retired, and a credential is wanted."""
    return kind_of(environment) is not EnvironmentKind.REVIEW and not (
        environment.retired or environment.write_credential is False
    )


def _as_expression(pattern: str) -> str:
    return "".join("[^/]*" if part == "*" else "[^/]" if part == "?" else re.escape(part) for part in pattern)
