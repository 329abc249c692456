"""Rules about isolation: who moves an environment's branch, where it is, and what changes of that need."""

from collections.abc import Callable, Iterator
from functools import wraps

from gitops_infra.topology import names
from gitops_infra.topology.defaults import branch_of, kind_of
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.rules.application import WRITING
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation, OwnerKind

EnvironmentRule = Callable[[Topology, int, Environment], Iterator[Problem]]
"""A rule about one environment, which is told its position too."""

STATE_KEYS = ("state_repository", "state_visibility")
"""What only an environment with a state repository has."""

GATE_KEYS = ("required_checks", "required_deployments")
"""What GitHub looks up in the repository of the branch, where a state repository has neither checks nor deployments."""

ACTIONS_APP = 15368
"""GitHub's id of the App behind the token of every job of every workflow."""


def writer_missing(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Under `branch` isolation somebody who can be named in a ruleset must move the branch."""
    idle = environment.retired or environment.write_credential is False
    if environment.isolation is Isolation.BRANCH and environment.writer is None and not idle:
        yield Problem(
            path("environments", index, "writer"),
            "writer-missing",
            f"isolation `branch` of {shown(environment.name)} needs a GitHub App or machine user that moves its branch",
            f"Run `gitops-infra app create {environment.name}`"
            if names.environment_name(environment.name) is None
            else "Give `writer` with `app` or `user`, and `key`",
        )


def writer_without_branch_isolation(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """The other modes move the branch with a deploy key that is made for it."""
    if environment.writer is not None and environment.isolation is not Isolation.BRANCH:
        yield Problem(
            path("environments", index, "writer"),
            "writer-without-branch-isolation",
            f"`writer` counts under isolation `branch` only, and this is `{environment.isolation}`",
            "Set `isolation: branch`, or remove `writer`",
        )


def writer_is_actions(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Every job of every branch acts as that App."""
    if environment.writer is not None and environment.writer.app == ACTIONS_APP:
        yield Problem(
            path("environments", index, "writer", "app"),
            "writer-is-actions",
            "that is the GitHub Actions App: every job of every branch could move the environment's",
            "Make an App of your own with `gitops-infra app create`",
        )


def writer_id_of_an_app(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """`id` is a user's; an App has its own in `app`."""
    writer = environment.writer
    if writer is not None and writer.app is not None and writer.id is not None:
        yield Problem(
            path("environments", index, "writer", "id"),
            "writer-id-of-an-app",
            "`id` is the numeric id of a machine user, and an App is given",
            "Remove `id`: `app` is the App's id",
        )


def machine_user_without_write(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """A bypass lifts a rule, it gives no access. An existing repository may give it by a team: preflight looks."""
    writer, application = environment.writer, topology.application
    if writer is None or writer.user is None or writer.app is not None or application.existing:
        return
    able = {(grant.user or "").casefold() for grant in application.grants or () if grant.role in WRITING}
    if writer.user.casefold() not in able:
        yield Problem(
            path("environments", index, "writer", "user"),
            "writer-without-access",
            f"machine user {shown(writer.user)} has no role that may write in the new repository "
            f"{shown(application.name)}",
            "Add it under that repository's `grants` with `role: write`",
        )


def branch_isolation_of_a_user(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Whether a user's repository takes an App or another user into a bypass list could not be confirmed."""
    if topology.owner_kind is OwnerKind.USER and environment.isolation is Isolation.BRANCH:
        yield Problem(
            path("environments", index, "isolation"),
            "branch-isolation-of-a-user",
            "isolation `branch` needs rulesets that an organisation's Apps and members can be named in",
            "Use `isolation: repository`, or move the repository to an organisation",
        )


def shared_bypass(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """GitHub's bypass for deploy keys has no id: it is every write key of the repository."""
    if environment.isolation is Isolation.SHARED and not environment.accept_shared_bypass:
        yield Problem(
            path("environments", index, "isolation"),
            "shared-bypass",
            f"under isolation `shared` every write key of the repository moves the branch of {shown(environment.name)}",
            "Use `isolation: repository` or `branch`, or accept and report it with `accept_shared_bypass: true`",
        )


def state_keys_without_state(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """A name that nothing gets is a mistake somewhere."""
    if Isolation.REPOSITORY in (environment.isolation, environment.moved_from):
        return
    for key in STATE_KEYS:
        if getattr(environment, key) is not None:
            yield Problem(
                path("environments", index, key),
                "no-state-repository",
                f"isolation `{environment.isolation}` has no state repository",
                f"Remove `{key}`, or use `isolation: repository`",
            )


def gates_of_a_state_repository(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Checks and deployments of a commit belong to the repository in which it was checked and deployed."""
    if environment.isolation is not Isolation.REPOSITORY:
        return
    for key in GATE_KEYS:
        if getattr(environment, key):
            yield Problem(
                path("environments", index, key),
                "gate-of-a-state-repository",
                f"the branch is in a state repository, where no commit has what `{key}` asks for",
                "Use `isolation: branch`, or remove it: the promotion job checks what passed before",
            )


def moved_nowhere(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """`branch` and `shared` keep the branch in the application's repository, so nothing moves between them."""
    before = environment.moved_from
    if before is not None and (before is Isolation.REPOSITORY) is (environment.isolation is Isolation.REPOSITORY):
        yield Problem(
            path("environments", index, "moved_from"),
            "moved-nowhere",
            f"from isolation `{before}` to `{environment.isolation}` the branch stays where it is",
            "Remove `moved_from`",
        )


def renamed_to_itself(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Then nothing was renamed."""
    if environment.formerly == environment.name:
        yield Problem(
            path("environments", index, "formerly"),
            "renamed-to-itself",
            f"environment {shown(environment.name)} is called as before",
            "Remove `formerly`",
        )


def folder_of_the_default_branch(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Git cannot hold `env` and `env/staging` in one repository."""
    branch, default = branch_of(environment), topology.application.default_branch or "main"
    former = environment.moved_from not in {None, Isolation.REPOSITORY}
    if branch is None or (environment.isolation is Isolation.REPOSITORY and not former):
        return
    one, other = branch.casefold(), default.casefold()
    if one.startswith(f"{other}/") or other.startswith(f"{one}/"):
        yield Problem(
            path("environments", index, "branch"),
            "branch-folder-conflict",
            f"environment {shown(environment.name)} is on branch {shown(branch)}, and the default branch is "
            f"{shown(default)}, which git cannot hold both, in repository {shown(topology.application.name)}",
            "Choose another `branch`, or use `isolation: repository`",
        )


def _with_branch(rule: EnvironmentRule) -> EnvironmentRule:
    """The rule for environments that have a branch; what a review environment may not say is one rule elsewhere."""

    @wraps(rule)
    def ask(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
        if kind_of(environment) is not EnvironmentKind.REVIEW:
            yield from rule(topology, index, environment)

    return ask


EACH_ENVIRONMENT: tuple[EnvironmentRule, ...] = (
    *map(
        _with_branch,
        (
            writer_missing,
            writer_without_branch_isolation,
            writer_is_actions,
            writer_id_of_an_app,
            machine_user_without_write,
            branch_isolation_of_a_user,
            shared_bypass,
            state_keys_without_state,
            gates_of_a_state_repository,
            moved_nowhere,
            folder_of_the_default_branch,
        ),
    ),
    renamed_to_itself,
)
