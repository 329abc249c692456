"""Topology -> Plan: one pure function decides everything that one `up` makes.

The topology is taken as validated (`topology.validate`). What would leave something unprotected is refused here all the
same: production that gets less than it asks for, and whatever is not available yet.
"""

from collections.abc import Iterable, Sequence

from gitops_infra.plan.credentials import bypass_of, credential, variables
from gitops_infra.plan.delivery import delivery
from gitops_infra.plan.enforcement import degraded_production, enforcement
from gitops_infra.plan.files import application_files
from gitops_infra.plan.model import (
    Access,
    Actions,
    Environment,
    FormerPlace,
    LabelSpec,
    Plan,
    Promotion,
    Repository,
    Ruleset,
)
from gitops_infra.plan.policy import deployment_policy
from gitops_infra.plan.promotions import not_available, promotions, release_tags
from gitops_infra.plan.rulesets import application_rulesets, branch_rulesets, state_rulesets, too_many
from gitops_infra.topology.application import Application
from gitops_infra.topology.cluster import TargetCluster
from gitops_infra.topology.defaults import (
    branch_of,
    identity_of,
    kind_of,
    per_repository,
    state_repository_name,
    state_repository_of,
)
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.problems import Problem, TopologyError
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import EnvironmentKind, Isolation, OwnerKind, PricePlan, Visibility


def plans(topology: Topology) -> tuple[Plan, ...]:
    """The plan of each repository of the topology, that of `application` first. Raises TopologyError as `plan`."""
    return tuple(plan(each) for each in per_repository(topology))


def plan(topology: Topology) -> Plan:
    """Everything that one `up` makes for the repository `application`; equal topologies give equal plans.

    Raises TopologyError with the codes `production-degraded`, `kind-missing`, `promotion-not-available` and
    `too-many-rulesets`.
    """
    owner, price_plan, application = topology.owner, topology.github_plan, topology.application
    owner_kind = topology.owner_kind or OwnerKind.ORGANIZATION
    _refuse(
        [
            *(
                problem
                for wanted in topology.environments
                for problem in _problems(wanted, application, owner_kind, price_plan)
            ),
            *not_available(topology.promotions or ()),
        ]
    )
    clusters = {cluster.name: cluster for cluster in topology.clusters or ()}
    environments = tuple(
        plan_environment(
            wanted,
            application,
            owner=owner,
            owner_kind=owner_kind,
            price_plan=price_plan,
            known_hosts=tuple(topology.known_hosts or ()),
            cluster=clusters.get(wanted.cluster or ""),
        )
        for wanted in topology.environments
    )
    edges = promotions(topology.promotions, environments)
    repository = plan_application(
        application,
        owner=owner,
        owner_kind=owner_kind,
        price_plan=price_plan,
        environments=environments,
        promotions=edges,
    )
    made = Plan(
        owner=owner,
        owner_kind=owner_kind,
        price_plan=price_plan,
        application=repository,
        environments=environments,
        promotions=edges,
        enforcement={
            wanted.name: enforcement(wanted, application, owner_kind=owner_kind, price_plan=price_plan)
            for wanted in topology.environments
        },
        known_hosts=tuple(topology.known_hosts or ()),
    )
    _refuse(problem for each in made.repositories for problem in too_many(each))
    return made


def plan_application(  # noqa: PLR0913 - what a component is told, by keyword
    application: Application,
    *,
    owner: str,
    owner_kind: OwnerKind = OwnerKind.ORGANIZATION,  # noqa: ARG001 - the same question as for an environment
    price_plan: PricePlan,  # noqa: ARG001 - as above; nothing of it depends on the price plan today
    environments: Sequence[Environment] = (),
    promotions: Sequence[Promotion] = (),
) -> Repository:
    """The application repository: new, or the protection around an existing one.

    `environments` and `promotions` (planned ones) decide which files and tag rules it gets. Content and settings of an
    existing repository are left alone: no files, labels or Actions permissions, and it is never deleted.
    """
    existing = bool(application.existing)
    return Repository(
        owner=owner,
        name=application.name,
        existing=existing,
        imported=bool(application.import_),
        visibility=application.visibility or Visibility.PRIVATE,
        default_branch=application.default_branch or "main",
        description=application.description,
        auto_init=not existing,
        linear_history=bool(application.linear_history),
        files=application_files(application, environments),
        rulesets=application_rulesets(application, release_tags(promotions)),
        access=tuple(Access(grant.role, grant.team, grant.user) for grant in application.grants or ()),
        labels=tuple(LabelSpec(label.name, label.color, label.description) for label in application.labels or ()),
        actions=_actions(application),
        retain=existing or not application.allow_destroy,
    )


def _actions(application: Application) -> Actions | None:
    """What a job may use. In an existing repository only what is named changes: its CI goes on as before."""
    patterns, pinning = application.allowed_actions, application.sha_pinning
    if not application.existing:
        return Actions(enabled=True, sha_pinning=pinning is not False, patterns=tuple(patterns or ()))
    if patterns is None and pinning is None:
        return None
    named = None if patterns is None else tuple(patterns)
    return Actions(enabled=True, sha_pinning=pinning, patterns=named, read_only_token=False)


def plan_environment(  # noqa: PLR0913 - what a component is told, by keyword
    environment: WantedEnvironment,
    application: Application,
    *,
    owner: str,
    owner_kind: OwnerKind = OwnerKind.ORGANIZATION,
    price_plan: PricePlan,
    known_hosts: tuple[str, ...] = (),
    cluster: TargetCluster | None = None,
) -> Environment:
    """One environment, end to end. `cluster` is the one that it names.

    Raises TopologyError with the codes of `plan`.
    """
    _refuse(_problems(environment, application, owner_kind, price_plan))
    kind = kind_of(environment) or EnvironmentKind.PRODUCTION
    retain = is_retained(environment)
    key = credential(environment, application, owner)
    isolation = environment.isolation or Isolation.REPOSITORY
    branch, holder = branch_of(environment), state_repository_of(application.name, environment)
    state: Repository | None = None
    guards: tuple[Ruleset, ...] = ()
    if branch is not None and isolation is Isolation.REPOSITORY:
        state = _state_repository(environment, application, owner, branch, writable=key is not None, retain=retain)
    elif branch is not None:
        guards = branch_rulesets(
            environment,
            f"refs/heads/{branch}",
            writer=bypass_of(key),
            linear_history=bool(application.linear_history),
        )
    return Environment(
        name=environment.name,
        kind=kind,
        branch=branch,
        isolation=isolation,
        state=state,
        credential=key,
        policy=deployment_policy(environment, application, price_plan),
        manifests=environment.manifests or f"deploy/{identity_of(environment)}",
        delivery=delivery(environment, application, owner, cluster, known_hosts),
        repository=None if holder is None else f"{owner}/{holder}",
        rulesets=guards,
        former=None if branch is None else _former_place(environment, application, owner, branch, retain=retain),
        formerly=environment.formerly,
        paths=tuple(environment.paths or ()),
        variables=variables(environment, application, owner, known_hosts),
        secrets=dict(sorted((environment.secrets or {}).items())),
        retired=bool(environment.retired),
        retain=retain,
    )


def is_retained(environment: WantedEnvironment) -> bool:
    """Whether destroy keeps the environment: production and what was adopted, unless the topology says otherwise."""
    allow_destroy = environment.allow_destroy
    if allow_destroy is None:
        allow_destroy = (kind_of(environment) or EnvironmentKind.PRODUCTION) is not EnvironmentKind.PRODUCTION
    return bool(environment.adopt) or not allow_destroy


def _former_place(
    environment: WantedEnvironment, application: Application, owner: str, branch: str, *, retain: bool
) -> FormerPlace | None:
    """What keeps the branch where it was before the isolation changed; there, nobody moves it any more."""
    if environment.moved_from is None:
        return None
    if environment.moved_from is Isolation.REPOSITORY:
        return FormerPlace(_state_repository(environment, application, owner, branch, writable=False, retain=retain))
    linear = bool(application.linear_history)
    return FormerPlace(None, branch_rulesets(environment, f"refs/heads/{branch}", writer=None, linear_history=linear))


def _state_repository(  # noqa: PLR0913 - by name where it is not plain
    environment: WantedEnvironment,
    application: Application,
    owner: str,
    branch: str,
    *,
    writable: bool,
    retain: bool,
) -> Repository:
    """The empty repository that holds the branch. Its first pushed branch becomes its default."""
    return Repository(
        owner=owner,
        name=state_repository_name(application.name, environment),
        existing=False,
        visibility=environment.state_visibility or application.visibility or Visibility.PRIVATE,
        default_branch=branch,
        description=f"State of {application.name} in {environment.name}: {branch}, moved by promotions only",
        linear_history=bool(application.linear_history),
        rulesets=state_rulesets(
            environment.name,
            f"refs/heads/{branch}",
            writable=writable,
            linear_history=bool(application.linear_history),
        ),
        # A write deploy key could otherwise push a workflow that runs here.
        actions=Actions(enabled=False),
        retain=retain,
    )


def _problems(
    environment: WantedEnvironment, application: Application, owner_kind: OwnerKind, price_plan: PricePlan
) -> tuple[Problem, ...]:
    where = f"environment '{environment.name}'"
    if kind_of(environment) is None:
        reason, remedy = (
            "its kind is not stated, and safeguards hang on it",
            "Add `kind`: staging, production or review",
        )
        return (Problem(where, "kind-missing", reason, remedy),)
    report = enforcement(environment, application, owner_kind=owner_kind, price_plan=price_plan)
    return degraded_production(environment, report)


def _refuse(problems: Iterable[Problem]) -> None:
    if found := tuple(problems):
        raise TopologyError(found)
