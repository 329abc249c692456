"""Rules about the application repository and its owner."""

from collections.abc import Iterator, Mapping

from gitops_infra.topology import names
from gitops_infra.topology.application import Application
from gitops_infra.topology.draft import skip_unreadable
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import OwnerKind, PricePlan, RepositoryRole, Visibility

PLANS: Mapping[OwnerKind, tuple[PricePlan, ...]] = {
    OwnerKind.ORGANIZATION: (PricePlan.FREE, PricePlan.TEAM, PricePlan.ENTERPRISE),
    OwnerKind.USER: (PricePlan.FREE, PricePlan.PRO),
}
"""Which plans GitHub sells to whom. Source: GitHub's plans, docs."""

ONLY_NEW = ("labels",)
"""Settings that are written to a new repository and left alone in an existing one."""

ONLY_OURS = ("allowed_actions", "description", "sha_pinning")
"""Settings that are written to a repository that is new or imported."""

WRITING = (RepositoryRole.WRITE, RepositoryRole.MAINTAIN, RepositoryRole.ADMIN)
"""Roles that may push."""


def price_plan_of_another_owner(topology: Topology) -> Iterator[Problem]:
    """A plan that is not sold to this kind of owner decides about protections that will not exist."""
    kind = topology.owner_kind or OwnerKind.ORGANIZATION
    if topology.github_plan not in PLANS[kind]:
        article = "an organisation" if kind is OwnerKind.ORGANIZATION else "a user"
        words = ", ".join(f"`{plan}`" for plan in PLANS[kind])
        yield Problem(
            "github_plan",
            "plan-of-another-owner",
            f"{article} cannot have the plan `{topology.github_plan}`",
            f"Give the plan as billed ({words}), or correct `owner_kind`",
        )


def private_on_free(topology: Topology) -> Iterator[Problem]:
    """Rulesets and environments do not exist there, so nothing would be protected."""
    if topology.github_plan is PricePlan.FREE and topology.application.visibility is Visibility.PRIVATE:
        yield Problem(
            path("application", "visibility"),
            "private-on-free",
            "a private repository on the `free` plan has no rulesets and no environments",
            "Use a paid plan, or `visibility: public`",
        )


def internal_needs_enterprise(topology: Topology) -> Iterator[Problem]:
    """`internal` exists in organisations of an enterprise only."""
    if topology.application.visibility is Visibility.INTERNAL and topology.github_plan is not PricePlan.ENTERPRISE:
        yield Problem(
            path("application", "visibility"),
            "internal-needs-enterprise",
            f"`internal` does not exist on the `{topology.github_plan}` plan",
            "Use `visibility: private`, or state `github_plan: enterprise` if it is billed",
        )


def new_default_branch(topology: Topology) -> Iterator[Problem]:
    """GitHub names the first branch of a repository that it initialises."""
    application = topology.application
    if not application.existing and application.default_branch != "main":
        yield Problem(
            path("application", "default_branch"),
            "new-default-branch",
            "the default branch of a new repository is `main`",
            "Leave it out, or set `existing: true` if the repository exists",
        )


def code_owners_of_new(topology: Topology) -> Iterator[Problem]:
    """A new repository gets its CODEOWNERS from `owners`."""
    if not topology.application.existing and topology.application.code_owners:
        yield Problem(
            path("application", "code_owners"),
            "code-owners-of-new",
            "`code_owners` says whether an existing repository has a CODEOWNERS file, and this one is new",
            "List the code owners under `owners`, or set `existing: true`",
        )


def owners_of_existing(topology: Topology) -> Iterator[Problem]:
    """The files of an existing repository are left alone."""
    if topology.application.existing and topology.application.owners:
        yield Problem(
            path("application", "owners"),
            "owners-of-existing",
            "`owners` is written to the CODEOWNERS file of a new repository, and this one exists",
            "Add the file by a pull request, then set `code_owners: true`",
        )


def settings_of_existing(topology: Topology) -> Iterator[Problem]:
    """The settings of an existing repository are left alone, those of an imported one until they are named."""
    application = topology.application
    if not application.existing:
        return
    for key in ONLY_NEW:
        if getattr(application, key):
            yield Problem(
                path("application", key),
                "setting-of-existing",
                f"`{key}` is written to new repositories only, and this one exists",
                "Remove it here and set it in the repository",
            )
    for key in ONLY_OURS:
        if not application.import_ and getattr(application, key) is not None:
            yield Problem(
                path("application", key),
                "setting-of-existing",
                f"`{key}` is written to new and imported repositories only, and this one exists",
                "Set `import: true` to manage its settings here, or remove it and set it in the repository",
            )


def import_of_new(topology: Topology) -> Iterator[Problem]:
    """Only what exists can be imported."""
    if topology.application.import_ and not topology.application.existing:
        yield Problem(
            path("application", "import"),
            "import-of-new",
            "a repository that the topology makes cannot be imported",
            "Set `existing: true` if it exists, or remove `import`",
        )


def import_allows_no_destroy(topology: Topology) -> Iterator[Problem]:
    """An existing repository is never deleted."""
    if topology.application.existing and topology.application.allow_destroy:
        yield Problem(
            path("application", "allow_destroy"),
            "destroy-of-existing",
            "an existing repository is never deleted",
            "Remove `allow_destroy`",
        )


def code_owner_without_write(topology: Topology) -> Iterator[Problem]:
    """GitHub ignores such a code owner, and with nobody else in the line no pull request could ever be merged."""
    application = topology.application
    able = _granted(application, WRITING)
    if topology.owner_kind is OwnerKind.USER:
        able.add(("", topology.owner.casefold()))
    for index, owner in enumerate(application.owners or ()):
        organisation, slash, name = owner.removeprefix("@").casefold().rpartition("/")
        if slash and (topology.owner_kind is OwnerKind.USER or organisation != topology.owner.casefold()):
            continue  # no team of this owner: another rule says so
        if (slash, name) not in able:
            yield Problem(
                path("application", "owners", index),
                "code-owner-without-write",
                f"code owner {shown(owner)} has no role that may write, so GitHub would ignore the review",
                "Add it under `grants` with `role: write` or a stronger one",
            )


def _granted(application: Application, roles: tuple[RepositoryRole, ...]) -> set[tuple[str, str]]:
    """Who has one of the roles by the topology, in small letters: `/` and a team, or nothing and a user."""
    found = set()
    for grant in application.grants or ():
        with skip_unreadable():
            if grant.role in roles:
                found.add(("/" if grant.team else "", (grant.team or grant.user or "").casefold()))
    return found


def teams_of_a_user(topology: Topology) -> Iterator[Problem]:
    """Only organisations have teams."""
    if topology.owner_kind is not OwnerKind.USER:
        return
    application = topology.application
    grants = [("grants", index) for index, grant in enumerate(application.grants or ()) if grant.team]
    owners = [("owners", index) for index, owner in enumerate(application.owners or ()) if "/" in owner]
    for key, index in (*grants, *owners):
        yield Problem(
            path("application", key, index),
            "team-of-a-user",
            "a team is named, and a user account has no teams",
            "Name a user, or set `owner_kind: organization`",
        )


def teams_of_another_owner(topology: Topology) -> Iterator[Problem]:
    """GitHub ignores a team of another organisation in CODEOWNERS, so nobody would have to review."""
    if topology.owner_kind is OwnerKind.USER or names.login(topology.owner) is not None:
        return
    for index, owner in enumerate(topology.application.owners or ()):
        organisation, slash, _ = owner.removeprefix("@").partition("/")
        if slash and organisation.casefold() != topology.owner.casefold():
            yield Problem(
                path("application", "owners", index),
                "team-of-another-owner",
                f"the team belongs to {shown(organisation)}, the repository to {shown(topology.owner)}",
                f"Name a team of {shown(topology.owner)}: GitHub ignores others in CODEOWNERS",
            )


def role_of_a_users_repository(topology: Topology) -> Iterator[Problem]:
    """Every collaborator of a user's repository may write, whatever role is asked for."""
    if topology.owner_kind is not OwnerKind.USER:
        return
    for index, grant in enumerate(topology.application.grants or ()):
        if grant.user and grant.role is not RepositoryRole.WRITE:
            yield Problem(
                path("application", "grants", index, "role"),
                "role-of-a-users-repository",
                f"`{grant.role}` does not exist in a user's repository: every collaborator may write",
                "Use `role: write`, or move the repository to an organisation",
            )


def duplicate_grants(topology: Topology) -> Iterator[Problem]:
    """Two roles for one actor: the last call would win."""
    seen: dict[tuple[str, str], int] = {}
    for index, grant in enumerate(topology.application.grants or ()):
        kind = "team" if grant.team else "user"
        actor = (kind, (grant.team or grant.user or "").casefold())
        first = seen.setdefault(actor, index)
        if actor[1] and first != index:
            yield Problem(
                path("application", "grants", index),
                "duplicate-grant",
                f"{kind} {shown(grant.team or grant.user or '')} has a role already in grants[{first}]",
                "Keep one of the two",
            )


def duplicate_labels(topology: Topology) -> Iterator[Problem]:
    """GitHub compares label names without case."""
    seen: dict[str, int] = {}
    for index, label in enumerate(topology.application.labels or ()):
        first = seen.setdefault(label.name.casefold(), index)
        if first != index:
            yield Problem(
                path("application", "labels", index, "name"),
                "duplicate-label",
                f"label {shown(label.name)} is in labels[{first}] already; case does not count",
                "Remove one of the two",
            )


RULES = (
    price_plan_of_another_owner,
    private_on_free,
    internal_needs_enterprise,
    new_default_branch,
    code_owners_of_new,
    owners_of_existing,
    settings_of_existing,
    import_of_new,
    import_allows_no_destroy,
    code_owner_without_write,
    teams_of_a_user,
    teams_of_another_owner,
    role_of_a_users_repository,
    duplicate_grants,
    duplicate_labels,
)
