"""GitHub's decision, predicted from the plan: permission level first, then every ruleset that names the ref."""

import re
from enum import StrEnum

from gitops_infra.plan.actors import Actor, ActorKind, Mechanism, Operation, Prediction, secrets_of
from gitops_infra.plan.capabilities import Capability, capabilities
from gitops_infra.plan.model import (
    BypassActor,
    BypassKind,
    Credential,
    CredentialKind,
    Environment,
    Plan,
    RefKind,
    Repository,
    Rules,
    Ruleset,
)
from gitops_infra.topology.rules.isolation import ACTIONS_APP
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

_ROLES = {
    ActorKind.OUTSIDER: Level.NONE,
    ActorKind.READER: Level.READ,
    ActorKind.DEVELOPER: Level.WRITE,
    ActorKind.MAINTAINER: Level.MAINTAIN,
    ActorKind.ADMIN: Level.ADMIN,
    ActorKind.OWNER: Level.ADMIN,
}

# A workflow may ask for more than the repository's default, so a job of a branch counts as a writer; a fork's never.
_JOBS = {
    ActorKind.FORK_JOB: Level.READ,
    ActorKind.FEATURE_JOB: Level.WRITE,
    ActorKind.DEFAULT_JOB: Level.WRITE,
}

_ROLE_IDS = {2: Level.MAINTAIN, 4: Level.WRITE, 5: Level.ADMIN}
"""GitHub's actor ids of repository roles in a bypass list."""

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

_FORBIDDEN_BY = {
    Operation.PUSH: ("update", "pull_request"),
    Operation.PUSH_FOREIGN: ("update", "pull_request", "required_checks", "required_deployments"),
    Operation.FORCE_PUSH: ("update", "non_fast_forward", "pull_request"),
    Operation.DELETE: ("deletion",),
    Operation.CREATE: ("creation", "pull_request"),
    Operation.MERGE_REVIEWED: ("update", "required_deployments"),
    Operation.MERGE_UNREVIEWED: ("update", "pull_request", "required_deployments"),
}
"""Rules, each of which refuses the operation for whoever does not bypass its ruleset."""

_MERGES = frozenset({Operation.MERGE_REVIEWED, Operation.MERGE_UNREVIEWED})

_FEATURE_REFS = ("feature", "feature/x", "refs/pull/1/merge")
"""What an environment's policy sees of a job of a branch, of a branch with a slash, and of a pull request."""

_KINDS = {"refs/heads/": RefKind.BRANCH, "refs/tags/": RefKind.TAG}


def kind_of_ref(ref: str) -> RefKind | None:
    """Whether a full ref is a branch or a tag; None for any other namespace, which no ruleset governs."""
    return next((kind for prefix, kind in _KINDS.items() if ref.startswith(prefix)), None)


def matches(pattern: str, ref: str) -> bool:
    """Whether a ruleset's pattern names that full ref: exact, `~ALL`, or a glob whose `*` stops at a slash."""
    if pattern in {"~ALL", ref}:
        return True
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.fullmatch("".join(wild.get(part, re.escape(part)) for part in parts), ref) is not None


class Predictor:
    """Answers for one plan. Made once for many questions; `access.predict` is the short way to ask one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.repositories = {each.full_name: each for each in plan.repositories}
        """By full name, the application first."""
        self._environments = {each.name: each for each in plan.environments}
        self._machine_users = {_machine_user(each.credential) for each in plan.environments} - {None}

    def predict(self, actor: Actor, repository: str, ref: str, operation: Operation) -> Prediction:
        """As `access.predict`."""
        where = self.repositories[repository]
        if operation is Operation.READ_SECRET:
            return self._read_secret(actor, where, ref)
        if operation in _MERGES and kind_of_ref(ref) is not RefKind.BRANCH:
            raise ValueError(f"a pull request merges into a branch, and {ref} is none")
        level, mechanism, words = self.level(actor, where)
        if operation is Operation.READ:
            return Prediction(level is not Level.NONE, words, mechanism)
        if level.rank < Level.WRITE.rank:
            return Prediction(allowed=False, rule=words, mechanism=mechanism)
        credential = self.credential(actor)
        if credential is not None and credential.kind is not CredentialKind.APP and operation in _MERGES:
            words = "an SSH key has no access to the API"
            return Prediction(allowed=False, rule=words, mechanism=Mechanism.KEY_SCOPE)
        return self._by_rulesets(actor, where, ref, operation)

    def level(self, actor: Actor, repository: Repository) -> tuple[Level, Mechanism, str]:
        """What the actor may do there before any rule, by which mechanism, in words."""
        public = Level.READ if repository.visibility is Visibility.PUBLIC else Level.NONE
        credential = self.credential(actor)
        if credential is not None:
            mechanism, own, others = _REACH[credential.kind]
            if credential.repository == repository.full_name:
                return Level.WRITE, mechanism, own.format(repository.full_name)
            return Level.NONE if credential.kind is CredentialKind.DEPLOY_KEY else public, mechanism, others
        if actor.kind in _ROLES:
            level = _ROLES[actor.kind]
            if level is Level.NONE:
                return public, Mechanism.ROLE, f"no role; the repository is {repository.visibility.value}"
            return level, Mechanism.ROLE, f"role {level.value}"
        if repository.full_name == self.plan.application.full_name:
            level = _JOBS[actor.kind]
            return level, Mechanism.TOKEN_SCOPE, f"a job token of this repository, at most {level.value}"
        return public, Mechanism.TOKEN_SCOPE, "a job token writes to its own repository only"

    def credential(self, actor: Actor) -> Credential | None:
        """The credential that the actor is; None for all others. Raises ValueError for one that does not exist."""
        if (actor.kind is ActorKind.CREDENTIAL) is (actor.environment is None):
            raise ValueError("a credential belongs to an environment, and nothing else does")
        if actor.environment is None:
            return None
        own = self._environment(actor.environment)
        if own.credential is None:
            raise ValueError(f"environment '{own.name}' has no credential")
        return own.credential

    def _by_rulesets(self, actor: Actor, repository: Repository, ref: str, operation: Operation) -> Prediction:
        """What the rulesets say to someone who may write: every ruleset that names the ref must let it pass."""
        active = Capability.BRANCH_RULESETS in capabilities(self.plan.price_plan, repository.visibility)
        level, kind, bypassed = self.level(actor, repository)[0], kind_of_ref(ref), []
        for ruleset in repository.rulesets if active else ():
            if ruleset.target is not kind or not _names(ruleset, ref):
                continue
            broken = next((rule for rule in _FORBIDDEN_BY[operation] if _forbids(ruleset.rules, rule)), None)
            if broken is None:
                continue
            if not any(self._bypasses(entry, actor, level) for entry in ruleset.bypass):
                return Prediction(allowed=False, rule=f"{ruleset.name}: {broken}", mechanism=Mechanism.RULESET)
            bypassed.append(f"{ruleset.name}: {broken}")
        if bypassed:
            return Prediction(allowed=True, rule=", ".join(bypassed), mechanism=Mechanism.BYPASS)
        return Prediction(allowed=True, rule="no rule", mechanism=Mechanism.NOTHING)

    def _bypasses(self, entry: BypassActor, actor: Actor, level: Level) -> bool:
        """Whether that entry of a bypass list means the actor.

        For a deploy key it is enough that it is one: it authenticates to its own repository only, so who comes this
        far has a key of the very repository. Whoever has a role may be in any team, and may be any user who is no
        machine user of the plan: the worst case. Apps that move no branch of the plan are no actors.
        """
        credential, person = self.credential(actor), actor.kind in _ROLES
        match entry.kind:
            case BypassKind.DEPLOY_KEY:
                return credential is not None and credential.kind is CredentialKind.DEPLOY_KEY
            case BypassKind.REPOSITORY_ROLE:
                return person and level.rank >= _ROLE_IDS.get(entry.id or 0, Level.ADMIN).rank
            case BypassKind.ORGANIZATION_ADMIN:
                return actor.kind is ActorKind.OWNER
            case BypassKind.INTEGRATION:
                own = credential is not None and credential.kind is CredentialKind.APP and credential.app == entry.id
                return own or (actor.kind in _JOBS and entry.id == ACTIONS_APP)
            case BypassKind.USER:
                named = (entry.id, entry.login)
                return named == _machine_user(credential) or (person and named not in self._machine_users)
            case BypassKind.TEAM:
                return person

    def _read_secret(self, actor: Actor, repository: Repository, secret: str) -> Prediction:
        """Only a job reads a secret, and only a job of a ref that the environment's policy admits."""
        environment, application = self._environment(secret.removeprefix("environment/")), self.plan.application
        if secret != secrets_of(environment.name) or repository.full_name != application.full_name:
            raise ValueError(f"secrets are asked for as {application.full_name} and {secrets_of(environment.name)}")
        if actor.kind not in _JOBS:
            words = "GitHub gives the value of a secret to jobs only"
            return Prediction(allowed=False, rule=words, mechanism=Mechanism.WRITE_ONLY)
        if actor.kind is ActorKind.FORK_JOB:
            return Prediction(allowed=False, rule="a job of a fork gets no secrets", mechanism=Mechanism.POLICY)
        if Capability.DEPLOYMENT_BRANCH_POLICY not in capabilities(self.plan.price_plan, repository.visibility):
            return Prediction(allowed=True, rule="no rule", mechanism=Mechanism.NOTHING)
        patterns = environment.policy.branch_patterns
        refs = (application.default_branch,) if actor.kind is ActorKind.DEFAULT_JOB else _FEATURE_REFS
        admitted = f"{environment.name}: jobs of {' and '.join(patterns)} only"
        if not any(matches(pattern, ref) for pattern in patterns for ref in refs):
            return Prediction(allowed=False, rule=admitted, mechanism=Mechanism.POLICY)
        names = " or ".join(approver.user or approver.team or "" for approver in environment.policy.approvers)
        words = f"{admitted}, after approval by {names}" if names else admitted
        return Prediction(allowed=True, rule=words, mechanism=Mechanism.POLICY)

    def _environment(self, name: str) -> Environment:
        if name not in self._environments:
            raise ValueError(f"the plan has no environment '{name}'")
        return self._environments[name]


def _machine_user(credential: Credential | None) -> tuple[int | None, str | None] | None:
    """Id and login of the machine user that the credential is; None for any other."""
    if credential is None or credential.kind is not CredentialKind.MACHINE_USER:
        return None
    return credential.user_id, credential.user


def _names(ruleset: Ruleset, ref: str) -> bool:
    included = any(matches(pattern, ref) for pattern in ruleset.include)
    return included and not any(matches(pattern, ref) for pattern in ruleset.exclude)


def _forbids(rules: Rules, rule: str) -> bool:
    if rule == "pull_request":
        return rules.pull_request is not None
    return bool(getattr(rules, rule))
