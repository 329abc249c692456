"""Every fixed word that a topology may use; a typo fails at import, not as an unprotected branch."""

from enum import StrEnum


class Forge(StrEnum):
    """Where repositories live."""

    GITHUB = "github"
    GITLAB = "gitlab"


class OwnerKind(StrEnum):
    """What kind of account owns the repositories."""

    ORGANIZATION = "organization"
    USER = "user"


class PricePlan(StrEnum):
    """The forge plan that the owner pays for; decides what can be enforced (`plan.capabilities`)."""

    FREE = "free"
    PRO = "pro"
    TEAM = "team"
    ENTERPRISE = "enterprise"


class Visibility(StrEnum):
    """Who can see a repository. `internal` exists on GitHub Enterprise only."""

    PUBLIC = "public"
    PRIVATE = "private"
    INTERNAL = "internal"


class RepositoryRole(StrEnum):
    """The five repository roles, in GitHub's words."""

    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"


class EnvironmentKind(StrEnum):
    """What an environment is for. Safeguards hang on it, so it is never guessed from a similar name."""

    STAGING = "staging"
    PRODUCTION = "production"
    REVIEW = "review"


class Isolation(StrEnum):
    """How far one environment's write credential reaches.

    `repository`: one state repository per environment, with exactly one write deploy key.
    `branch`: one repository, one ruleset actor (App, machine user, bot) per environment.
    `shared`: several write keys in one repository; each can move every environment's branch.
    """

    REPOSITORY = "repository"
    BRANCH = "branch"
    SHARED = "shared"


class Trigger(StrEnum):
    """What starts a promotion."""

    ON_DEFAULT_BRANCH = "on_default_branch"
    ON_APPROVAL = "on_approval"
    ON_RELEASE = "on_release"
    ON_ITEM_PULL_REQUEST = "on_item_pull_request"


class Method(StrEnum):
    """How a promotion moves the target."""

    FAST_FORWARD = "fast_forward"
    PULL_REQUEST = "pull_request"
    RETAG = "retag"


class Agent(StrEnum):
    """What follows an environment's branch in a cluster."""

    FLUX = "flux"
    ARGO_CD = "argocd"
    GITLAB_AGENT = "gitlab_agent"


class AgentInstall(StrEnum):
    """Where the agent of a cluster comes from.

    `existing`: it runs there already. `helm`: its community chart. `operator`: a FluxInstance, for Flux Operator.
    """

    EXISTING = "existing"
    HELM = "helm"
    OPERATOR = "operator"


class PodSecurity(StrEnum):
    """What pods of a namespace may ask of their machine. Source: Kubernetes, Pod Security Standards."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"


class Protection(StrEnum):
    """One safeguard of an environment, as `enforcement` names it in `requested` and `achieved`."""

    ISOLATED_CREDENTIAL = "isolated_credential"
    FORWARD_ONLY = "forward_only"
    LOCKED_REPOSITORY = "locked_repository"
    SECRET_IN_ENVIRONMENT = "secret_in_environment"  # noqa: S105 - the name of a safeguard
    REVIEWED_DEFAULT_BRANCH = "reviewed_default_branch"
    CODE_OWNERS = "code_owners"
    REQUIRED_REVIEWERS = "required_reviewers"
    PREVENT_SELF_REVIEW = "prevent_self_review"
    WAIT_TIMER = "wait_timer"
    NO_ADMIN_BYPASS = "no_admin_bypass"
    REQUIRED_CHECKS = "required_checks"
    REQUIRED_DEPLOYMENTS = "required_deployments"
