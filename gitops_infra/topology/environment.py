"""One place that an application is deployed to."""

from typing import Optional

from gitops_infra.topology.model import Model
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation, Visibility


class Reviewer(Model):
    """Someone who may approve a deployment. Exactly one of `user` and `team`."""

    user: Optional[str] = None
    """Login."""
    team: Optional[str] = None
    """Team slug (organisations only)."""
    id: Optional[int] = None
    """Numeric id. Given: no call is made to look it up."""


class Environment(Model):
    """One environment: its branch, its credential, who approves, what its jobs may read."""

    name: str
    """Lower-case letters, digits and `-`, at most 40: also a branch, a file and a Kubernetes label."""
    kind: Optional[EnvironmentKind] = None
    """Inferred only from the names `staging`, `production` and `review`; any other name must state it."""
    branch: Optional[str] = None
    """Environment branch, an exact name. Default `env/<name>`; `review` has none."""
    isolation: Optional[Isolation] = Isolation.REPOSITORY
    """How far the credential reaches."""
    state_repository: Optional[str] = None
    """Repository that holds the branch under `repository` isolation. Default `<application>-env-<name>`."""
    reviewers: Optional[list[Reviewer]] = None
    """At most six; one approval is enough."""
    prevent_self_review: Optional[bool] = True
    """Whoever started a deployment cannot approve it. Counts only with reviewers."""
    wait_minutes: Optional[int] = 0
    """Delay before a deployment starts, 0 to 43,200 minutes."""
    manifests: Optional[str] = None
    """Folder of this environment's manifests in the application repository. Default `deploy/<name>`."""
    variables: Optional[dict[str, str]] = None
    """CI variables of this environment."""
    secrets: Optional[dict[str, str]] = None
    """CI secrets of this environment: secret name -> key of a secret value in the stack's configuration."""
    generation: Optional[int] = 1
    """Raise by one to rotate the credential."""
    write_credential: Optional[bool] = None
    """Whether a credential that may push the branch is made. Default: true, and never for `review`."""
    retired: Optional[bool] = False
    """True: credential revoked, nobody may move the branch, branch kept."""
    allow_degraded: Optional[bool] = False
    """True: accept for production what the price plan cannot enforce; it is reported in `enforcement`."""
    accept_shared_bypass: Optional[bool] = False
    """True: accept that under `shared` isolation every write key moves every environment's branch."""
    allow_destroy: Optional[bool] = None
    """True: `pulumi destroy` deletes everything of it. Default: false for production, true otherwise."""
    adopt: Optional[bool] = False
    """True: an environment or secrets of the same names may be taken over; they are retained on destroy."""
    state_visibility: Optional[Visibility] = None
    """Visibility of the state repository. Default: the application's."""
