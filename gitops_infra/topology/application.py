"""The repository that holds an application's code and manifests."""

from typing import Optional

from pydantic import Field

from gitops_infra.topology.model import Model
from gitops_infra.topology.vocabulary import RepositoryRole, Visibility


class Grant(Model):
    """A team or a user with a role in the application repository."""

    role: RepositoryRole
    """One of the five repository roles."""
    team: Optional[str] = None
    """Team slug (organisations only). Exactly one of `team` and `user`."""
    user: Optional[str] = None
    """Login of an outside collaborator or member."""


class Label(Model):
    """An issue label."""

    name: str
    """At most 50 characters, without `/`, `?`, `#` and `%`."""
    color: str
    """Six hexadecimal digits, without `#`."""
    description: Optional[str] = None
    """At most 100 characters."""


class Application(Model):
    """One application repository: new, or one that exists already."""

    name: str
    """Repository name, without the owner."""
    existing: Optional[bool] = False
    """True: content and settings are left alone and protection is added around them."""
    import_: Optional[bool] = Field(default=False, alias="import")
    """For an existing repository: true takes the repository itself into the stack, with the settings it has. Only those
    that are named here are ever changed, and it is never deleted."""
    default_branch: Optional[str] = "main"
    """Must be `main` for a new repository: GitHub creates it."""
    visibility: Optional[Visibility] = Visibility.PRIVATE
    """For an existing repository: what it is, not what it should become."""
    description: Optional[str] = None
    """Description of a new or imported repository, at most 350 characters."""
    linear_history: Optional[bool] = False
    """True: the default branch accepts no merge commits."""
    code_owners: Optional[bool] = False
    """For an existing repository: whether it has a CODEOWNERS file that covers `.github/` and the manifests."""
    owners: Optional[list[str]] = None
    """Code owners of a new repository, `@login` or `@organisation/team`; written to `.github/CODEOWNERS`."""
    required_reviews: Optional[int] = 1
    """Approvals before a pull request may merge into the default branch, 1 to 6."""
    required_checks: Optional[list[str]] = None
    """Names of status checks that must pass on the default branch. Default: none."""
    grants: Optional[list[Grant]] = None
    """Teams and users with access."""
    labels: Optional[list[Label]] = None
    """Issue labels of a new repository."""
    allowed_actions: Optional[list[str]] = None
    """Patterns of actions that may be used beside GitHub's own, such as `acme/*`. Given for an imported repository, all
    others are forbidden there from then on."""
    sha_pinning: Optional[bool] = None
    """Whether workflows must name actions by commit. Default: true for a new repository, left alone otherwise."""
    allow_destroy: Optional[bool] = False
    """True: `pulumi destroy` deletes what was made here. Never deletes an existing repository."""
