"""GitHub's decision, predicted from the plan: permission level first, then every ruleset that names the ref."""

from gitops_infra.plan.actors import (
    RENAMED,
    SETTINGS,
    SETTINGS_OPERATIONS,
    Actor,
    ActorKind,
    Guard,
    Mechanism,
    Operation,
    Prediction,
    secrets_of,
)
from gitops_infra.plan.capabilities import Capability, capabilities
from gitops_infra.plan.guards import guards
from gitops_infra.plan.model import (
    BypassActor,
    BypassKind,
    Credential,
    CredentialKind,
    Plan,
    RefKind,
    Repository,
    Rules,
    Ruleset,
)
from gitops_infra.plan.refs import HEADS, kind_of_ref, matches
from gitops_infra.plan.standing import JOBS, ROLES, UNKNOWN, Level, Standing, Standings
from gitops_infra.topology.rules.isolation import ACTIONS_APP
from gitops_infra.topology.vocabulary import Visibility

_ROLE_IDS = {2: Level.MAINTAIN, 4: Level.WRITE, 5: Level.ADMIN}
"""GitHub's actor ids of repository roles in a bypass list."""

_FORBIDDEN_BY = {
    Operation.PUSH: ("update", "pull_request"),
    Operation.PUSH_FOREIGN: ("update", "pull_request", "required_checks", "required_deployments"),
    Operation.PUSH_WORKFLOW: ("update", "pull_request", "required_checks", "required_deployments"),
    Operation.FORCE_PUSH: ("update", "non_fast_forward", "pull_request"),
    Operation.DELETE: ("deletion",),
    Operation.CREATE: ("creation", "pull_request"),
    Operation.REST_UPDATE: ("update", "pull_request"),
    Operation.REST_FORCE: ("update", "non_fast_forward", "pull_request"),
    Operation.MERGE_REVIEWED: ("update", "required_deployments"),
    Operation.MERGE_UNREVIEWED: ("update", "pull_request", "required_deployments"),
}
"""Rules, each of which refuses the operation for whoever does not bypass its ruleset."""

_OF_BRANCHES = {
    Operation.MERGE_REVIEWED: "a pull request merges into a branch",
    Operation.MERGE_UNREVIEWED: "a pull request merges into a branch",
    Operation.RENAME: "a branch is renamed",
}
"""Operations that only branches have, and why."""

_BY_API = frozenset({*_OF_BRANCHES, Operation.REST_UPDATE, Operation.REST_FORCE})
"""What git has no command for."""

_NEEDED = {
    Operation.EDIT_RULESET: (Capability.BRANCH_RULESETS, "rulesets"),
    Operation.EDIT_POLICY: (Capability.ENVIRONMENTS, "environments"),
}
"""What must be there to be edited, and what it is called."""

_FEATURE_REFS = ("feature", "feature/x", "refs/pull/1/merge")
"""What an environment's policy sees of a job of a branch, of a branch with a slash, and of a pull request."""


class Predictor:
    """Answers for one plan. Made once for many questions; `access.predict` is the short way to ask one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.repositories = {each.full_name: each for each in plan.repositories}
        """By full name, the application first."""
        self.standings = Standings(plan)
        self._places = {(each.repository, each.ref): each for each in plan.environments if each.repository and each.ref}
        credentials = [each.credential for each in plan.environments if each.credential is not None]
        self._machine_users = {_machine_user(each) for each in credentials} - {None}
        self._apps = {each.app for each in credentials if each.kind is CredentialKind.APP} | {ACTIONS_APP}
        self._governing: dict[tuple[str, str], tuple[Ruleset, ...]] = {}

    def predict(self, actor: Actor, repository: str, ref: str, operation: Operation) -> Prediction:
        """As `access.predict`."""
        where = self.repositories[repository]
        if operation in {Operation.READ_SECRET, Operation.EDIT_POLICY}:
            self._check_secret(where, ref)
        elif operation in SETTINGS_OPERATIONS and ref != SETTINGS:
            raise ValueError(f"settings are asked for as {SETTINGS}")
        elif operation in _OF_BRANCHES and kind_of_ref(ref) is not RefKind.BRANCH:
            raise ValueError(f"{_OF_BRANCHES[operation]}, and {ref} is none")
        verdict = self._verdict(actor, where, ref, operation)
        environment = self._places.get((repository, ref))
        held = guards(actor, operation, environment) if verdict.allowed else (Guard.FORGE,)
        return Prediction(verdict.allowed, verdict.rule, verdict.mechanism, held)

    def _verdict(  # noqa: PLR0911 - one line a reason
        self, actor: Actor, where: Repository, ref: str, operation: Operation
    ) -> Prediction:
        standing = self.standings.of(actor, where)
        if operation is Operation.READ_SECRET:
            return self._read_secret(actor, where, ref)
        if operation is Operation.READ:
            public = standing.level is not Level.NONE and where.visibility is Visibility.PUBLIC
            why = ("the repository is public", Mechanism.NOTHING) if public else (standing.rule, standing.mechanism)
            return Prediction(standing.level is not Level.NONE, *why)
        if operation in SETTINGS_OPERATIONS:
            return self._settings(standing, where, operation)
        if not standing.writes:
            return _denied(standing.rule, standing.mechanism)
        if operation in _BY_API and not standing.api:
            return _denied("an SSH key has no access to the API", Mechanism.KEY_SCOPE)
        if operation is Operation.RENAME:
            return self._rename(actor, standing, where, ref)
        verdict = self._by_rulesets(actor, where, ref, operation)
        if verdict.allowed and operation is Operation.PUSH_WORKFLOW and actor.kind in JOBS:
            return _denied("a job token never changes a workflow file", Mechanism.TOKEN_SCOPE)
        return verdict

    def _settings(self, standing: Standing, where: Repository, operation: Operation) -> Prediction:
        """Settings are for administrators, as far as the repository has such a thing."""
        if standing.level is Level.NONE:
            return _denied(standing.rule, standing.mechanism)
        if standing.level is not Level.ADMIN:
            return _denied("settings take the role admin", standing.mechanism)
        needed = _NEEDED.get(operation)
        if needed is not None and needed[0] not in capabilities(self.plan.price_plan, where.visibility):
            return _denied(f"the price plan has no {needed[1]} for the repository", Mechanism.PRICE_PLAN)
        return Prediction(allowed=True, rule=standing.rule, mechanism=standing.mechanism)

    def _rename(self, actor: Actor, standing: Standing, where: Repository, ref: str) -> Prediction:
        """The new name must be free to make and the old one to delete; of the default branch, by an admin only."""
        if ref == f"{HEADS}{where.default_branch}" and standing.level is not Level.ADMIN:
            return _denied("renaming the default branch takes the role admin", standing.mechanism)
        made = self._by_rulesets(actor, where, RENAMED, Operation.CREATE)
        return self._by_rulesets(actor, where, ref, Operation.DELETE, renamed=True) if made.allowed else made

    def _by_rulesets(
        self, actor: Actor, where: Repository, ref: str, operation: Operation, *, renamed: bool = False
    ) -> Prediction:
        """What the rulesets say to someone who may write: every ruleset that names the ref must let it pass."""
        bypassed = []
        for ruleset in self._rulesets(where, ref):
            broken = next((rule for rule in _FORBIDDEN_BY[operation] if _forbids(ruleset.rules, rule)), None)
            if broken is None:
                continue
            if not any(self._bypasses(entry, actor, where) for entry in ruleset.bypass):
                return _denied(f"{ruleset.name}: {broken}", Mechanism.RULESET)
            bypassed.append(f"{ruleset.name}: {broken}")
        if bypassed:
            return Prediction(allowed=True, rule=", ".join(bypassed), mechanism=Mechanism.BYPASS)
        is_default = ref == f"{HEADS}{where.default_branch}" and not renamed
        if operation is Operation.DELETE and is_default and not self._enforced(where):
            return _denied("the forge deletes no default branch", Mechanism.DEFAULT_BRANCH)
        return Prediction(allowed=True, rule="no rule", mechanism=Mechanism.NOTHING)

    def _enforced(self, where: Repository) -> bool:
        return Capability.BRANCH_RULESETS in capabilities(self.plan.price_plan, where.visibility)

    def _rulesets(self, where: Repository, ref: str) -> tuple[Ruleset, ...]:
        """Those that govern the ref; none where the price plan enforces none."""
        key = (where.full_name, ref)
        if key not in self._governing:
            kind, own = kind_of_ref(ref), where.rulesets if self._enforced(where) else ()
            self._governing[key] = tuple(each for each in own if each.target is kind and _names(each, ref))
        return self._governing[key]

    def _bypasses(self, entry: BypassActor, actor: Actor, where: Repository) -> bool:
        """Whether that entry of a bypass list means the actor.

        For a deploy key it is enough that it is one: it authenticates to its own repository only, so who comes this
        far has a key of the very repository. Whoever has a role may be in any team, and may be any user who is no
        machine user of the plan, and the provisioner any App that moves no branch of the plan: the worst case.
        """
        credential, person = self.standings.credential(actor), actor.kind in ROLES
        match entry.kind:
            case BypassKind.DEPLOY_KEY:
                return credential is not None and credential.kind is CredentialKind.DEPLOY_KEY
            case BypassKind.REPOSITORY_ROLE:
                level = self.standings.of(actor, where).level
                return person and level.rank >= _ROLE_IDS.get(entry.id or 0, Level.ADMIN).rank
            case BypassKind.ORGANIZATION_ADMIN:
                return actor.kind is ActorKind.OWNER
            case BypassKind.INTEGRATION:
                own = credential is not None and credential.kind is CredentialKind.APP and credential.app == entry.id
                provisions = actor.kind is ActorKind.PROVISIONER and entry.id not in self._apps
                return own or provisions or (actor.kind in JOBS and entry.id == ACTIONS_APP)
            case BypassKind.USER:
                named = (entry.id, entry.login)
                return named == _machine_user(credential) or (person and named not in self._machine_users)
            case BypassKind.TEAM:
                return person

    def _read_secret(  # noqa: PLR0911 - one line a reason
        self, actor: Actor, where: Repository, secret: str
    ) -> Prediction:
        """Only a job reads a secret, and only a job of a ref that the environment's policy admits."""
        environment = self.standings.environment(secret.removeprefix("environment/"))
        if actor.kind in UNKNOWN:
            return _denied(UNKNOWN[actor.kind], Mechanism.AUTHENTICATION)
        if actor.kind not in JOBS:
            return _denied("GitHub gives the value of a secret to jobs only", Mechanism.WRITE_ONLY)
        if actor.kind is ActorKind.FORK_JOB:
            return _denied("a job of a fork gets no secrets", Mechanism.POLICY)
        offered = capabilities(self.plan.price_plan, where.visibility)
        if Capability.ENVIRONMENTS not in offered:
            return _denied("the price plan has no environments for the repository", Mechanism.PRICE_PLAN)
        if Capability.DEPLOYMENT_BRANCH_POLICY not in offered:
            return Prediction(allowed=True, rule="no rule", mechanism=Mechanism.NOTHING)
        patterns = environment.policy.branch_patterns
        refs = (where.default_branch,) if actor.kind is ActorKind.DEFAULT_JOB else _FEATURE_REFS
        admitted = f"{environment.name}: jobs of {' and '.join(patterns)} only"
        if not any(matches(pattern, ref) for pattern in patterns for ref in refs):
            return _denied(admitted, Mechanism.POLICY)
        names = " or ".join(approver.user or approver.team or "" for approver in environment.policy.approvers)
        words = f"{admitted}, after approval by {names}" if names else admitted
        return Prediction(allowed=True, rule=words, mechanism=Mechanism.POLICY)

    def _check_secret(self, where: Repository, secret: str) -> None:
        environment, application = (
            self.standings.environment(secret.removeprefix("environment/")),
            self.plan.application,
        )
        if secret != secrets_of(environment.name) or where.full_name != application.full_name:
            raise ValueError(f"secrets are asked for as {application.full_name} and {secrets_of(environment.name)}")


def _denied(rule: str, mechanism: Mechanism) -> Prediction:
    return Prediction(allowed=False, rule=rule, mechanism=mechanism)


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
