"""Rules about one environment."""

from collections.abc import Iterator, Mapping

from gitops_infra.topology import names
from gitops_infra.topology.defaults import KIND_BY_NAME, branch_of, identity_of, kind_of, state_repository_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation, OwnerKind, PricePlan, Visibility

MAX_REVIEWERS = 6
"""Source: GitHub REST, environments."""

MAX_OWN: Mapping[str, int] = {"secrets": 99, "variables": 97}
"""GitHub allows 100 of each per environment; one secret and up to three variables are made for the credential."""

WRITE_KEYS = (
    "branch",
    "writer",
    "state_repository",
    "state_visibility",
    "moved_from",
    "required_checks",
    "required_deployments",
    "paths",
)
"""What only an environment with a branch has, beside its `isolation`."""


def approvals_exist(topology: Topology) -> bool:
    """Whether the price plan has reviewers and wait timers for the application's environments.

    Public repositories have them on every plan, others on `enterprise` only. Source: GitHub, managing environments.
    """
    return topology.application.visibility is Visibility.PUBLIC or topology.github_plan is PricePlan.ENTERPRISE


def kind_missing(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Safeguards hang on the kind, so it is never guessed from a similar name."""
    if kind_of(environment) is None:
        yield Problem(
            path("environments", index, "kind"),
            "kind-missing",
            f"environment {shown(environment.name)} has no kind, and its safeguards depend on it",
            "Set `kind` to `staging`, `production` or `review`",
        )


def production_of_another_kind(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Who reads `production` expects its safeguards."""
    kind = kind_of(environment)
    if KIND_BY_NAME.get(environment.name.casefold()) is EnvironmentKind.PRODUCTION and kind and kind != "production":
        yield Problem(
            path("environments", index, "kind"),
            "kind-contradicts-name",
            f"the environment is called {shown(environment.name)}, and its kind is `{kind}`",
            "Remove `kind`, or give the environment another name",
        )


def review_with_branch(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Nothing is pushed for a review environment."""
    if kind_of(environment) is not EnvironmentKind.REVIEW:
        return
    given = [key for key in WRITE_KEYS if getattr(environment, key) is not None]
    if environment.isolation is not Isolation.REPOSITORY:
        given.append("isolation")
    for key in given:
        yield Problem(
            path("environments", index, key),
            "review-with-branch",
            f"review environment {shown(environment.name)} has no branch and no state repository",
            f"Remove `{key}`",
        )


def review_with_write_credential(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Everyone who opens a pull request can read what a review environment holds."""
    if kind_of(environment) is EnvironmentKind.REVIEW and environment.write_credential:
        yield Problem(
            path("environments", index, "write_credential"),
            "review-with-write-credential",
            f"every author of a pull request could read the key of review environment {shown(environment.name)}",
            "Remove `write_credential`",
        )


def production_without_reviewers(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Where the price plan has approvals, production has them."""
    if kind_of(environment) is EnvironmentKind.PRODUCTION and not environment.reviewers and approvals_exist(topology):
        yield Problem(
            path("environments", index, "reviewers"),
            "production-without-reviewers",
            f"anyone with write access could deploy to {shown(environment.name)}: it has no reviewers",
            "List a user or a team under `reviewers`",
        )


def approvals_not_enforceable(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """What the price plan cannot hold is refused, or accepted by name; production always asks for approvals."""
    if environment.allow_degraded or approvals_exist(topology):
        return
    production = kind_of(environment) is EnvironmentKind.PRODUCTION
    asked = {
        "reviewers": environment.reviewers or production,
        "wait_minutes": environment.wait_minutes,
    }
    for key, wanted in asked.items():
        if wanted:
            what = "required reviewers" if key == "reviewers" else "a wait timer"
            subject = f"production environment {shown(environment.name)}" if production else shown(environment.name)
            yield Problem(
                path("environments", index, key),
                f"{key.replace('_', '-')}-not-enforceable",
                f"the plan `{topology.github_plan}` has no {what.removeprefix('a ')} for "
                f"`{topology.application.visibility}` repositories, and {subject} asks for {what}",
                "Set `allow_degraded: true` to accept that, make the repository public, or use the enterprise plan",
            )


def too_many_reviewers(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """GitHub takes six, users and teams together."""
    count = len(environment.reviewers or ())
    if count > MAX_REVIEWERS:
        yield Problem(
            path("environments", index, "reviewers"),
            "too-many-reviewers",
            f"{count} reviewers are listed, and GitHub allows {MAX_REVIEWERS}",
            "Name a team in place of its members",
        )


def duplicate_reviewers(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """The same reviewer twice is one approval."""
    seen: dict[tuple[str, str], int] = {}
    for position, reviewer in enumerate(environment.reviewers or ()):
        name = reviewer.team or reviewer.user or ""
        kind = "team" if reviewer.team else "user"
        first = seen.setdefault((kind, name.casefold()), position)
        if name and first != position:
            yield Problem(
                path("environments", index, "reviewers", position),
                "duplicate-reviewer",
                f"{kind} {shown(name)} is reviewers[{first}] already",
                "Remove one of the two",
            )


def reviewing_team_of_a_user(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Only organisations have teams."""
    if topology.owner_kind is not OwnerKind.USER:
        return
    for position, reviewer in enumerate(environment.reviewers or ()):
        if reviewer.team:
            yield Problem(
                path("environments", index, "reviewers", position),
                "team-of-a-user",
                "a team is named, and a user account has no teams",
                "Name a user, or set `owner_kind: organization`",
            )


def state_repository_is_application(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """In the application repository the key would move every branch."""
    chosen = environment.state_repository
    if chosen is not None and chosen.casefold() == topology.application.name.casefold():
        yield Problem(
            path("environments", index, "state_repository"),
            "state-repository-is-application",
            f"the state repository of {shown(environment.name)} is the application repository itself",
            "Leave it out, or name a repository of its own",
        )


def state_repository_name_too_long(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """The default name is made of two names."""
    if environment.state_repository is not None:
        return
    derived = state_repository_of(topology.application.name, environment)
    if derived is not None and len(derived) > names.MAX_REPOSITORY_NAME >= len(topology.application.name):
        yield Problem(
            path("environments", index, "state_repository"),
            "state-repository-name-too-long",
            f"{shown(topology.application.name)} with `-env-{identity_of(environment)}` has {len(derived)} characters, "
            f"and GitHub allows {names.MAX_REPOSITORY_NAME}",
            "Set a shorter `state_repository`, or shorten a name",
        )


def state_visibility(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """The state repository needs a visibility under which its rules exist."""
    wanted = environment.state_visibility
    if wanted is Visibility.PRIVATE and topology.github_plan is PricePlan.FREE:
        code, reason = "private-on-free", "a private repository on the `free` plan has no rulesets and no environments"
    elif wanted is Visibility.INTERNAL and topology.github_plan is not PricePlan.ENTERPRISE:
        code = "internal-needs-enterprise"
        reason = f"`internal` does not exist on the `{topology.github_plan}` plan"
    else:
        return
    yield Problem(path("environments", index, "state_visibility"), code, reason, "Use another visibility or plan")


def branch_is_default_branch(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Its pushes would be read as changes of the application."""
    branch = branch_of(environment)
    default = topology.application.default_branch
    if branch is not None and default is not None and branch.casefold() == default.casefold():
        yield Problem(
            path("environments", index, "branch"),
            "branch-is-default-branch",
            f"the branch of {shown(environment.name)} is called like the default branch of the application",
            f"Leave it out: then it is `env/{environment.name}`"
            if names.environment_name(environment.name) is None
            else "Choose another branch",
        )


def too_many_entries(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """GitHub's limits of one environment."""
    for key, limit in MAX_OWN.items():
        count = len(getattr(environment, key) or ())
        if count > limit:
            yield Problem(
                path("environments", index, key),
                f"too-many-{key}",
                f"{count} {key} are listed, and {limit} fit beside those made for the credential",
                "Move some to another place, such as a file of the application",
            )


def same_name_twice(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """GitHub stores these names in capitals; a job that reads the wrong one of two gets a public value."""
    seen: dict[str, tuple[str, str]] = {}
    for key in MAX_OWN:
        for name in getattr(environment, key) or ():
            first_key, first = seen.setdefault(name.upper(), (key, name))
            if (first_key, first) != (key, name):
                yield Problem(
                    path("environments", index, key, name),
                    "same-name-twice",
                    f"{shown(name)} is also under `{first_key}`; case does not count",
                    "Rename one of the two",
                )


EACH_ENVIRONMENT = (
    kind_missing,
    production_of_another_kind,
    review_with_branch,
    review_with_write_credential,
    production_without_reviewers,
    approvals_not_enforceable,
    too_many_reviewers,
    duplicate_reviewers,
    reviewing_team_of_a_user,
    state_repository_is_application,
    state_repository_name_too_long,
    state_visibility,
    branch_is_default_branch,
    too_many_entries,
    same_name_twice,
)
