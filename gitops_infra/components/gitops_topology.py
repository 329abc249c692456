"""A whole topology."""

from collections.abc import Mapping
from typing import Any, Optional, Union

import pulumi
from pydantic import Field

from gitops_infra.components.application_repository import ApplicationRepository, ApplicationRepositoryArgs
from gitops_infra.components.collector import collect_rarely
from gitops_infra.components.deployment_environment import (
    DeploymentEnvironment,
    DeploymentEnvironmentArgs,
    missing_secrets,
    report,
)
from gitops_infra.components.gate import known
from gitops_infra.components.inputs import Args, In, checked, decided
from gitops_infra.components.scope import OneEnvironment
from gitops_infra.forges.github.approvers import Approvers
from gitops_infra.forges.github.placement import Placement
from gitops_infra.forges.github.retained import retained
from gitops_infra.plan.access import reach, undoers
from gitops_infra.plan.build import plan as plan_topology
from gitops_infra.plan.model import Environment, Plan
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate


class GitOpsTopologyArgs(Args):
    """Arguments of `GitOpsTopology`."""

    topology: Topology
    """An application, its environments, and how a change moves between them."""
    secrets: Optional[dict[str, In[str]]] = Field(default=None, repr=False)
    """Values of the environments' secrets, by the configuration key that the topology names."""


class GitOpsTopology(pulumi.ComponentResource):
    """An application repository and all of its environments, in the right order.

    The default branch is protected before any environment exists, and every rule before any credential.
    """

    environments: pulumi.Output[dict[str, Any]]
    """By name: `kind`, `branch`, `ref`, `repository`, `ssh_url`, `url`, `fingerprint`, `secret_name`."""
    access: pulumi.Output[dict[str, Any]]
    """Predicted: by environment, the `movers` and `breakers` of its branch and the `secret_readers`; and the `undoers`
    of the rules, in sentences."""
    enforcement: pulumi.Output[dict[str, Any]]
    """By environment: `requested` and `achieved` protections, `degraded`, and `why`."""
    retained: pulumi.Output[list[Any]]
    """What destroy keeps: `type`, `name` and import `id` of each resource."""

    def __init__(self, name: str, args: GitOpsTopologyArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        """Raises ConfigurationError with every problem found, before anything is registered."""
        valid = _valid(args)
        topology = valid.topology
        plan = decided(lambda: _with_files(plan_topology(topology)))
        as_before = collect_rarely()
        super().__init__("gitops-infra:index:GitOpsTopology", name, None, opts)
        place = Placement.of(self, name, opts, retain=False)
        application = ApplicationRepository(
            place.child("application"), _application(topology), place.nested(), _plan=plan.application
        )
        approvers = Approvers(topology.owner, self)
        made = {
            wanted.name: DeploymentEnvironment(
                place.child(wanted.name),
                DeploymentEnvironmentArgs(
                    **_common(topology),
                    environment=wanted,
                    secrets=valid.secrets,
                    default_branch_protected=True,
                ),
                # Rules before secrets; and GitHub refuses a reviewer who has no access yet.
                place.nested(*application.protection, *application.granted),
                _plan=OneEnvironment(plan.environment(wanted.name), plan.enforcement[wanted.name]),
                _approvers=approvers,
            )
            for wanted in topology.environments
        }
        self.environments = _summaries(plan, made)
        # Also in a preview, where it is not known; not after a failure, which ends the program.
        self.environments.apply(as_before, run_with_unknowns=True)
        self.access = known(access_report(plan))
        self.enforcement = known(
            {environment.name: report(plan.enforcement[environment.name]) for environment in plan.environments}
        )
        kept = [resource for environment in made.values() for resource in environment.retained]
        self.retained = retained(topology.owner, [*application.retained, *kept])
        self.register_outputs(
            {
                "environments": self.environments,
                "access": self.access,
                "enforcement": self.enforcement,
                "retained": self.retained,
            }
        )


def access_report(plan: Plan) -> dict[str, Any]:
    """Who reaches each environment, and who can undo the rules. Not the whole matrix, which has a thousand rows."""
    return {
        "environments": {
            row.environment: {
                "movers": list(row.movers),
                "breakers": list(row.breakers),
                "secret_readers": list(row.secret_readers),
            }
            for row in reach(plan)
        },
        "undoers": list(undoers(plan)),
    }


def _summaries(plan: Plan, made: Mapping[str, DeploymentEnvironment]) -> pulumi.Output[dict[str, Any]]:
    """By environment, what is known of it. One output for all: see `gate` on what nested ones cost."""
    found = [output for one in made.values() for output in (one.repository, one.ssh_url, one.url, one.fingerprint)]

    def summarise(values: list[Any]) -> dict[str, Any]:
        groups = zip(values[0::4], values[1::4], values[2::4], values[3::4], strict=True)
        return {name: _summary(plan.environment(name), *group) for name, group in zip(made, groups, strict=True)}

    return pulumi.Output.all(*found).apply(summarise)


def _summary(plan: Environment, repository: str, ssh_url: str, url: str, fingerprint: str) -> dict[str, Any]:
    return {
        "kind": plan.kind.value,
        "branch": plan.branch,
        "ref": plan.ref,
        "repository": repository,
        "ssh_url": ssh_url,
        "url": url,
        "fingerprint": fingerprint,
        "secret_name": None if plan.credential is None else plan.credential.secret_name,
    }


def _with_files(plan: Plan) -> Plan:
    if plan.application.existing:
        return plan
    # A YAML writer comes with it, which a program around an existing repository does without.
    from gitops_infra.pipelines.github_actions import with_workflows  # noqa: PLC0415

    return with_workflows(plan)


def _common(topology: Topology) -> dict[str, Any]:
    return {
        "owner": topology.owner,
        "owner_kind": topology.owner_kind,
        "github_plan": topology.github_plan,
        "application": topology.application,
    }


def _application(topology: Topology) -> ApplicationRepositoryArgs:
    return ApplicationRepositoryArgs(
        **_common(topology), environments=topology.environments, promotions=topology.promotions
    )


def _valid(args: Union[GitOpsTopologyArgs, Mapping[str, Any]]) -> GitOpsTopologyArgs:
    given = args
    if isinstance(args, GitOpsTopologyArgs):
        decided(lambda: validate(args.topology))
    elif isinstance(args, Mapping) and "topology" in args:
        # First on its own: its messages then name places in the topology, and all of them at once.
        given = {**args, "topology": decided(lambda: validate(args["topology"]))}
    return checked(GitOpsTopologyArgs, given, _missing_secrets)


def _missing_secrets(args: GitOpsTopologyArgs) -> tuple[Problem, ...]:
    return tuple(
        problem
        for index, environment in enumerate(args.topology.environments)
        for problem in missing_secrets(environment, args.secrets or {}, "environments", index)
    )
