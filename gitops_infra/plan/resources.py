"""Which resources of the provider a plan becomes: kind by kind, counted."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

from gitops_infra.plan.model import CredentialKind, Delivery, Environment, Plan, Repository


class ResourceKind(StrEnum):
    """Every kind of resource that a component registers, by its name in the providers' SDKs."""

    REPOSITORY = "Repository"
    RULESET = "RepositoryRuleset"
    FILE = "RepositoryFile"
    ALERTS = "RepositoryVulnerabilityAlerts"
    ACTIONS = "ActionsRepositoryPermissions"
    WORKFLOW_TOKEN = "WorkflowRepositoryPermissions"  # noqa: S105 - the name of a resource
    LABEL = "IssueLabel"
    TEAM = "TeamRepository"
    COLLABORATOR = "RepositoryCollaborator"
    ENVIRONMENT = "RepositoryEnvironment"
    POLICY = "RepositoryEnvironmentDeploymentPolicy"
    VARIABLE = "ActionsEnvironmentVariable"
    SECRET = "ActionsEnvironmentSecret"  # noqa: S105 - as above
    DEPLOY_KEY = "RepositoryDeployKey"
    WEBHOOK = "RepositoryWebhook"
    KEY_PAIR = "PrivateKey"
    """Made on the machine that runs `pulumi up`: no call."""
    NAMESPACE = "Namespace"
    SERVICE_ACCOUNT = "ServiceAccount"
    ROLE = "Role"
    ROLE_BINDING = "RoleBinding"
    CLUSTER_SECRET = "Secret"  # noqa: S105 - as above
    GIT_REPOSITORY = "GitRepository"
    KUSTOMIZATION = "Kustomization"
    RECEIVER = "Receiver"
    """The last eight are in a cluster: no call to the forge."""

    @property
    def token(self) -> str:
        """The type by which Pulumi's state knows it: `github:index/repository:Repository`."""
        if self in IN_CLUSTER:
            return f"kubernetes:{IN_CLUSTER[self]}:{self.value}"
        module = "tls" if self is ResourceKind.KEY_PAIR else "github"
        return f"{module}:index/{self.value[0].lower()}{self.value[1:]}:{self.value}"


IN_CLUSTER: Mapping[ResourceKind, str] = {
    ResourceKind.NAMESPACE: "core/v1",
    ResourceKind.SERVICE_ACCOUNT: "core/v1",
    ResourceKind.CLUSTER_SECRET: "core/v1",
    ResourceKind.ROLE: "rbac.authorization.k8s.io/v1",
    ResourceKind.ROLE_BINDING: "rbac.authorization.k8s.io/v1",
    ResourceKind.GIT_REPOSITORY: "source.toolkit.fluxcd.io/v1",
    ResourceKind.KUSTOMIZATION: "kustomize.toolkit.fluxcd.io/v1",
    ResourceKind.RECEIVER: "notification.toolkit.fluxcd.io/v1",
}
"""Kinds of objects in a cluster, with their API version as Pulumi's types have it."""


def resources(plan: Plan) -> Counter[ResourceKind]:
    """How many resources of each kind a first `up` of the plan registers.

    The workflows of a new application repository count where they are among its files (`pipelines.with_workflows`).
    """
    return Counter((*_of_repositories(plan), *_of_environments(plan)))


def _of_repositories(plan: Plan) -> Iterator[ResourceKind]:
    for repository in plan.repositories:
        if repository.imported or not repository.existing:
            yield ResourceKind.REPOSITORY
        yield from _settings(repository)
        yield from (ResourceKind.RULESET for _ in repository.rulesets)
        yield from (ResourceKind.FILE for _ in repository.files)
        yield from (ResourceKind.LABEL for _ in repository.labels)
        yield from (ResourceKind.TEAM if grant.team else ResourceKind.COLLABORATOR for grant in repository.access)
    if not plan.application.existing:
        yield ResourceKind.ALERTS


def _settings(repository: Repository) -> Iterator[ResourceKind]:
    actions = repository.actions
    if actions is not None:
        yield ResourceKind.ACTIONS
        if actions.enabled and actions.read_only_token:
            yield ResourceKind.WORKFLOW_TOKEN


def _of_environments(plan: Plan) -> Iterator[ResourceKind]:
    for environment in plan.environments:
        yield ResourceKind.ENVIRONMENT
        yield from (ResourceKind.POLICY for _ in environment.policy.branch_patterns)
        yield from (ResourceKind.VARIABLE for _ in environment.variables)
        yield from (ResourceKind.SECRET for _ in environment.secrets)
        yield from _of_credential(environment)
        if environment.delivery is not None:
            yield from _of_delivery(environment.delivery)


def _of_credential(environment: Environment) -> Iterator[ResourceKind]:
    if environment.credential is None:
        return
    yield ResourceKind.SECRET
    if environment.credential.kind is CredentialKind.DEPLOY_KEY:
        yield from (ResourceKind.KEY_PAIR, ResourceKind.DEPLOY_KEY)


def _of_delivery(delivery: Delivery) -> Iterator[ResourceKind]:
    tenant = delivery.tenant
    if tenant.made:
        yield ResourceKind.NAMESPACE
    if tenant.rules:
        yield ResourceKind.ROLE
    yield from (ResourceKind.SERVICE_ACCOUNT, ResourceKind.ROLE_BINDING)
    yield from (ResourceKind.KEY_PAIR, ResourceKind.DEPLOY_KEY, ResourceKind.CLUSTER_SECRET)
    yield from (ResourceKind.GIT_REPOSITORY, ResourceKind.KUSTOMIZATION)
    if delivery.signed_by:
        yield ResourceKind.CLUSTER_SECRET
    if delivery.receiver_url is not None:
        yield from (ResourceKind.KEY_PAIR, ResourceKind.CLUSTER_SECRET, ResourceKind.RECEIVER, ResourceKind.WEBHOOK)
