"""How many requests a first `pulumi up` sends, kind of resource by kind of resource.

Measured on the provider that is shipped (pulumi-github 6.15 over terraform-provider-github 6.13, with the settings of
`forges.github.provider`); a test counts every route on the sandbox forge. A forge counts at most these: an answer
304 is free on GitHub.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gitops_infra.plan.model import Plan
from gitops_infra.plan.resources import IN_CLUSTER, ResourceKind, resources
from gitops_infra.topology.vocabulary import OwnerKind

ROUNDS = 2
"""`pulumi up` runs the program twice, for the preview and for the update; each looks the owner and approvers up."""


class Call(NamedTuple):
    """One request. `{}` in the route stands for one part of a path, `{}` at the end of `contents/{}` for several."""

    method: str
    route: str

    @property
    def writes(self) -> bool:
        """Whether it changes something; GitHub limits these more strictly."""
        return self.method != "GET"


def _calls(*lines: str) -> tuple[Call, ...]:
    return tuple(Call(*line.split()) for line in lines)


_REPOSITORY = "/repos/{}/{}"
_OF_ENVIRONMENT = f"{_REPOSITORY}/environments/{{}}"
# Secrets are addressed by the number of the repository.
_SECRETS = "/repositories/{}/environments/{}/secrets"
_TEAM_REPOSITORY = "/organizations/{}/team/{}/repos/{}/{}"

CREATE: Mapping[ResourceKind, tuple[Call, ...]] = {
    ResourceKind.REPOSITORY: _calls(
        "POST /orgs/{}/repos", f"PATCH {_REPOSITORY}", f"PATCH {_REPOSITORY}", f"GET {_REPOSITORY}"
    ),
    ResourceKind.RULESET: _calls(f"GET {_REPOSITORY}", f"POST {_REPOSITORY}/rulesets"),
    ResourceKind.FILE: _calls(
        f"GET {_REPOSITORY}",
        f"GET {_REPOSITORY}/branches/{{}}",
        f"GET {_REPOSITORY}/contents/{{}}",
        f"PUT {_REPOSITORY}/contents/{{}}",
        f"GET {_REPOSITORY}/contents/{{}}",
        f"GET {_REPOSITORY}/commits/{{}}",
    ),
    ResourceKind.ALERTS: _calls(f"GET {_REPOSITORY}", f"PUT {_REPOSITORY}/vulnerability-alerts"),
    ResourceKind.ACTIONS: _calls(f"PUT {_REPOSITORY}/actions/permissions", f"GET {_REPOSITORY}/actions/permissions"),
    ResourceKind.WORKFLOW_TOKEN: _calls(
        f"PUT {_REPOSITORY}/actions/permissions/workflow", f"GET {_REPOSITORY}/actions/permissions/workflow"
    ),
    ResourceKind.LABEL: _calls(f"POST {_REPOSITORY}/labels"),
    ResourceKind.TEAM: _calls("GET /orgs/{}/teams/{}", f"PUT {_TEAM_REPOSITORY}", f"GET {_TEAM_REPOSITORY}"),
    ResourceKind.COLLABORATOR: _calls(
        f"PUT {_REPOSITORY}/collaborators/{{}}", f"GET {_REPOSITORY}/invitations", f"GET {_REPOSITORY}/collaborators"
    ),
    ResourceKind.ENVIRONMENT: _calls(f"PUT {_OF_ENVIRONMENT}", f"GET {_REPOSITORY}"),
    ResourceKind.POLICY: _calls(f"POST {_OF_ENVIRONMENT}/deployment-branch-policies", f"GET {_REPOSITORY}"),
    ResourceKind.VARIABLE: _calls(
        f"POST {_OF_ENVIRONMENT}/variables", f"GET {_REPOSITORY}", f"GET {_OF_ENVIRONMENT}/variables/{{}}"
    ),
    ResourceKind.SECRET: _calls(
        f"GET {_REPOSITORY}", f"GET {_SECRETS}/public-key", f"PUT {_SECRETS}/{{}}", f"GET {_SECRETS}/{{}}"
    ),
    ResourceKind.DEPLOY_KEY: _calls(f"POST {_REPOSITORY}/keys", f"GET {_REPOSITORY}/keys/{{}}"),
    ResourceKind.WEBHOOK: _calls(f"POST {_REPOSITORY}/hooks", f"GET {_REPOSITORY}/hooks/{{}}"),
    ResourceKind.KEY_PAIR: (),
    **dict.fromkeys(IN_CLUSTER, ()),
}
"""Requests that make one resource of that kind, reading it back included."""

SELECTION = _calls(
    f"PUT {_REPOSITORY}/actions/permissions/selected-actions", f"GET {_REPOSITORY}/actions/permissions/selected-actions"
)
"""More of Actions permissions, where actions are selected and not just turned off."""

IMPORT: Mapping[ResourceKind, tuple[Call, ...]] = {
    ResourceKind.REPOSITORY: _calls(f"GET {_REPOSITORY}"),
    ResourceKind.ACTIONS: _calls(f"GET {_REPOSITORY}/actions/permissions"),
}
"""What the parts of an imported repository cost first, in the preview too. Of the repository that is all; Actions
permissions are then written."""

START = _calls("GET /orgs/{}")
"""What the provider asks when it starts."""

OF_A_USER = Call("POST", "/user/repos")
"""How a repository is made that belongs to a user."""


@dataclass(frozen=True)
class Budget:
    """The requests of a first `up`, preview included."""

    calls: Mapping[Call, int]
    """How often each route is called."""
    by_kind: Mapping[str, int]
    """Requests by kind of resource, and `look-ups` for what is asked before: the owner, approvers, a machine user."""

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.calls.values())

    @property
    def writes(self) -> int:
        """Those that change something."""
        return sum(number for call, number in self.calls.items() if call.writes)


def budget(plans: Iterable[Plan], made: Mapping[ResourceKind, int] | None = None) -> Budget:
    """The requests of a first `up` of the plans of one topology (`plan.build.plans`), which makes all of it.

    `made` says how many resources of each kind a stack has already: those are not made again. Changes of them are not
    foreseen.
    """
    there = Counter(made or {})
    calls: Counter[Call] = Counter()
    by_kind: Counter[str] = Counter()

    def spend(name: str, *sent: Call, times: int = 1) -> None:
        for call in sent:
            calls[call] += times
        by_kind[name] += len(sent) * times

    plans = tuple(plans)
    spend("look-ups", *START, *_look_ups(plans), times=ROUNDS)
    for plan in plans:
        wanted = resources(plan)
        new, there = wanted - there, there - wanted
        if plan.application.imported:
            for kind, read in IMPORT.items():
                if new[kind] > _made_new(plan, kind):
                    spend(kind, *read, times=ROUNDS)
            new[ResourceKind.REPOSITORY] = min(new[ResourceKind.REPOSITORY], _made_new(plan, ResourceKind.REPOSITORY))
        for kind, number in new.items():
            spend(kind, *_create(kind, plan.owner_kind), times=number)
        selected = sum(
            each.actions is not None and each.actions.enabled and each.actions.patterns is not None
            for each in plan.repositories
        )
        spend(ResourceKind.ACTIONS, *SELECTION, times=min(selected, new[ResourceKind.ACTIONS]))
    spent = {name: number for name, number in sorted(by_kind.items()) if number}
    return Budget({call: calls[call] for call in sorted(calls) if calls[call]}, spent)


def _made_new(plan: Plan, kind: ResourceKind) -> int:
    """How many of that kind are not of the application repository."""
    return resources(replace(plan, application=replace(plan.application, imported=False, actions=None)))[kind]


def _create(kind: ResourceKind, owner_kind: OwnerKind) -> tuple[Call, ...]:
    calls = CREATE[kind]
    if kind is ResourceKind.REPOSITORY and owner_kind is OwnerKind.USER:
        return (OF_A_USER, *calls[1:])
    return calls


def _look_ups(plans: Sequence[Plan]) -> tuple[Call, ...]:
    """One request for everybody whose numeric id is not given, however often they are named."""
    actors = (actor for plan in plans for each in plan.repositories for rule in each.rulesets for actor in rule.bypass)
    approvers = (each for plan in plans for environment in plan.environments for each in environment.policy.approvers)
    users = {actor.login for actor in actors if actor.id is None and actor.login is not None}
    teams = set()
    for approver in approvers:
        if approver.id is None and approver.team is not None:
            teams.add(approver.team)
        elif approver.id is None and approver.user is not None:
            users.add(approver.user)
    return _calls(*("GET /users/{}" for _ in users), *("GET /orgs/{}/teams/{}" for _ in teams))
