"""What an actor may do in a repository before any ruleset is asked: by role, token, installation or key."""

from dataclasses import dataclass
from enum import StrEnum

from gitops_infra.plan.actors import OF_ENVIRONMENT, Actor, ActorKind, Mechanism
from gitops_infra.plan.model import Credential, CredentialKind, Environment, Plan, Repository
from gitops_infra.topology.vocabulary import Visibility


class Level(StrEnum):
    """What someone may do in a repository before any rule is asked, least first."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for none up to 4 for admin."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Level)}

ROLES = {
    ActorKind.OUTSIDER: (Level.NONE, "none"),
    ActorKind.READER: (Level.READ, "read"),
    ActorKind.TRIAGER: (Level.READ, "triage"),
    ActorKind.DEVELOPER: (Level.WRITE, "write"),
    ActorKind.MAINTAINER: (Level.MAINTAIN, "maintain"),
    ActorKind.ADMIN: (Level.ADMIN, "admin"),
    ActorKind.OWNER: (Level.ADMIN, "admin"),
}
"""People: what their role amounts to, and what GitHub calls it."""

# A workflow may ask for more than the repository's default, so a job of a branch counts as a writer; a fork's never.
JOBS = {
    ActorKind.FORK_JOB: Level.READ,
    ActorKind.FEATURE_JOB: Level.WRITE,
    ActorKind.DEFAULT_JOB: Level.WRITE,
}

UNKNOWN = {
    ActorKind.EXPIRED: "the token has expired",
    ActorKind.REVOKED: "the token was revoked",
    ActorKind.ROTATED_OUT: "the credential was replaced, and is revoked",
}
"""Whom the forge does not know any more, and why. They read not even what is public."""

_REACH = {
    CredentialKind.DEPLOY_KEY: (
        Mechanism.KEY_SCOPE,
        "the write deploy key of {}",
        "a deploy key authenticates to its own repository only",
    ),
    CredentialKind.APP: (
        Mechanism.APP_SCOPE,
        "the App that is installed on {}",
        "the App is not installed there",
    ),
    CredentialKind.MACHINE_USER: (
        Mechanism.ROLE,
        "the machine user with the role write in {}",
        "the machine user has no role there",
    ),
}
"""How far a credential reaches: by what mechanism, in its own repository, and in any other."""


@dataclass(frozen=True)
class Standing:
    """What one actor may do in one repository before any rule is asked, by which mechanism, and why in words."""

    level: Level
    mechanism: Mechanism
    rule: str
    api: bool = True
    """Whether the API is open to it; False for SSH keys."""

    @property
    def writes(self) -> bool:
        """Whether rulesets are all that is left to ask about a push."""
        return self.level.rank >= Level.WRITE.rank


class Standings:
    """The standing of every actor in every repository of one plan; each is worked out once."""

    def __init__(self, plan: Plan) -> None:
        self._application = plan.application.full_name
        self._environments = {each.name: each for each in plan.environments}
        self._known: dict[tuple[Actor, str], Standing] = {}

    def of(self, actor: Actor, repository: Repository) -> Standing:
        """The actor's standing there. Raises ValueError for an actor that the plan does not have."""
        key = (actor, repository.full_name)
        if key not in self._known:
            self._known[key] = self._of(actor, repository)
        return self._known[key]

    def environment(self, name: str) -> Environment:
        """The environment of that name. Raises ValueError."""
        if name not in self._environments:
            raise ValueError(f"the plan has no environment '{name}'")
        return self._environments[name]

    def credential(self, actor: Actor) -> Credential | None:
        """The credential that the actor is; None for all others. Raises ValueError for one that does not exist."""
        if (actor.kind in OF_ENVIRONMENT) is (actor.environment is None):
            raise ValueError("credentials and cluster keys belong to an environment, and nothing else does")
        if actor.environment is None:
            return None
        own = self.environment(actor.environment)
        if actor.kind is not ActorKind.CREDENTIAL:
            return None
        if own.credential is None:
            raise ValueError(f"environment '{own.name}' has no credential")
        return own.credential

    def _of(self, actor: Actor, repository: Repository) -> Standing:  # noqa: PLR0911 - one line a reason
        name, credential = repository.full_name, self.credential(actor)
        public = Level.READ if repository.visibility is Visibility.PUBLIC else Level.NONE
        if credential is not None:
            return _of_credential(credential, name, public)
        if actor.kind in UNKNOWN:
            return Standing(Level.NONE, Mechanism.AUTHENTICATION, UNKNOWN[actor.kind])
        if actor.kind is ActorKind.CLUSTER_KEY:
            return self._of_cluster_key(actor.environment or "", name, public)
        if actor.kind is ActorKind.PROVISIONER:
            words = "the App that runs `pulumi up` administers every repository of the plan"
            return Standing(Level.ADMIN, Mechanism.APP_SCOPE, words)
        if actor.kind in ROLES:
            level, role = ROLES[actor.kind]
            if level is Level.NONE:
                return Standing(public, Mechanism.ROLE, f"no role; the repository is {repository.visibility.value}")
            return Standing(level, Mechanism.ROLE, f"role {role}")
        if name == self._application:
            level = JOBS[actor.kind]
            return Standing(level, Mechanism.TOKEN_SCOPE, f"a job token of this repository, at most {level.value}")
        return Standing(public, Mechanism.TOKEN_SCOPE, "a job token writes to its own repository only")

    def _of_cluster_key(self, environment: str, repository: str, public: Level) -> Standing:
        delivery = self.environment(environment).delivery
        if delivery is None:
            raise ValueError(f"no cluster follows environment '{environment}', so no cluster has a key of it")
        if delivery.key.repository == repository:
            return Standing(Level.READ, Mechanism.KEY_SCOPE, f"a read-only deploy key of {repository}", api=False)
        words = _REACH[CredentialKind.DEPLOY_KEY][2]
        return Standing(public, Mechanism.KEY_SCOPE, words, api=False)


def _of_credential(credential: Credential, repository: str, public: Level) -> Standing:
    mechanism, own, others = _REACH[credential.kind]
    api = credential.kind is CredentialKind.APP
    if credential.repository == repository:
        return Standing(Level.WRITE, mechanism, own.format(repository), api)
    return Standing(public, mechanism, others, api)
