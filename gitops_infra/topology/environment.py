"""One place that an application is deployed to."""

from typing import Optional

from gitops_infra.topology.cluster import Sync
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


class Writer(Model):
    """Who moves the branch under `branch` isolation, and nobody else. Exactly one of `app` and `user`."""

    app: Optional[int] = None
    """Id of a GitHub App of this environment alone (not of its installation): `gitops-infra app create` makes one."""
    user: Optional[str] = None
    """Login of a machine user of this environment alone, who has the role write in the repository."""
    id: Optional[int] = None
    """Numeric id of the machine user. Given: no call is made to look it up."""
    key: str
    """Key of a secret value in the stack's configuration: the App's private key (PEM), or an SSH private key of the
    machine user."""


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
    writer: Optional[Writer] = None
    """The App or machine user that moves the branch, under `branch` isolation only."""
    state_repository: Optional[str] = None
    """Repository that holds the branch under `repository` isolation. Default `<application>-env-<name>`."""
    formerly: Optional[str] = None
    """Name before it was renamed. Branch, state repository and key keep the names that were made of it."""
    moved_from: Optional[Isolation] = None
    """Isolation before it was changed. While this is set, the branch in its old place is kept and locked."""
    required_checks: Optional[list[str]] = None
    """Names of status checks that a commit must have passed before it may reach the branch. Not under `repository`
    isolation, where the commit is in another repository than its checks."""
    required_deployments: Optional[list[str]] = None
    """Environments that a commit must have been deployed to before it may reach the branch. As `required_checks`."""
    reviewers: Optional[list[Reviewer]] = None
    """At most six; one approval is enough."""
    prevent_self_review: Optional[bool] = True
    """Whoever started a deployment cannot approve it. Counts only with reviewers."""
    wait_minutes: Optional[int] = 0
    """Delay before a deployment starts, 0 to 43,200 minutes."""
    manifests: Optional[str] = None
    """Folder of this environment's manifests in the application repository. Default `deploy/<name>`."""
    cluster: Optional[str] = None
    """Name of the cluster in which an agent follows the branch. Default: none, CI deploys."""
    namespace: Optional[str] = None
    """Kubernetes namespace there. Default `<application>-<name>`."""
    sync: Optional[Sync] = None
    """How the agent applies the branch. Needs a `cluster`."""
    paths: Optional[list[str]] = None
    """Folders of a monorepo: only a change below one of them starts a promotion by itself. Default: any change. Without
    `promotions`, environments with the same folders follow each other."""
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
