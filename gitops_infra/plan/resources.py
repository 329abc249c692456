"""Which resources of the provider a plan becomes: kind by kind, counted."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

from gitops_infra.plan.model import CredentialKind, Environment, Plan, Repository


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
    KEY_PAIR = "PrivateKey"
    """Made on the machine that runs `pulumi up`: no call."""

    @property
    def token(self) -> str:
        """The type by which Pulumi's state knows it: `github:index/repository:Repository`."""
        module = "tls" if self is ResourceKind.KEY_PAIR else "github"
        return f"{module}:index/{self.value[0].lower()}{self.value[1:]}:{self.value}"


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


def _of_credential(environment: Environment) -> Iterator[ResourceKind]:
    if environment.credential is None:
        return
    yield ResourceKind.SECRET
    if environment.credential.kind is CredentialKind.DEPLOY_KEY:
        yield from (ResourceKind.KEY_PAIR, ResourceKind.DEPLOY_KEY)
