"""Pulumi components that turn one typed topology into a working, proven GitOps delivery system.

Names are loaded when they are first used: importing this package loads neither Pulumi's SDK nor a provider's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitops_infra.components.application_repository import ApplicationRepository, ApplicationRepositoryArgs
    from gitops_infra.components.branch_credential import BranchCredential, BranchCredentialArgs
    from gitops_infra.components.ci_variables import CiVariables, CiVariablesArgs
    from gitops_infra.components.cluster import Cluster, ClusterArgs, ClusterTenant
    from gitops_infra.components.configuration import topology_from_config
    from gitops_infra.components.deployment_environment import DeploymentEnvironment, DeploymentEnvironmentArgs
    from gitops_infra.components.environment_branch import EnvironmentBranch, EnvironmentBranchArgs
    from gitops_infra.components.gitops_agent import GitOpsAgent, GitOpsAgentArgs
    from gitops_infra.components.gitops_topology import GitOpsTopology, GitOpsTopologyArgs
    from gitops_infra.components.secrecy import refuse_plain_secrets
    from gitops_infra.forges.errors import ConfigurationError
    from gitops_infra.forges.github.provider import AppAuth, configured_provider, github_provider
    from gitops_infra.topology.application import Application, Grant, Label
    from gitops_infra.topology.cluster import HealthCheck, Permission, Sync, TargetCluster
    from gitops_infra.topology.environment import Environment, Reviewer, Writer
    from gitops_infra.topology.problems import Problem, TopologyError
    from gitops_infra.topology.promotion import Promotion
    from gitops_infra.topology.topology import Topology
    from gitops_infra.topology.vocabulary import (
        Agent,
        AgentInstall,
        EnvironmentKind,
        Forge,
        Isolation,
        Method,
        OwnerKind,
        PodSecurity,
        PricePlan,
        Protection,
        RepositoryRole,
        Trigger,
        Visibility,
    )

__all__ = [
    "Agent",
    "AgentInstall",
    "AppAuth",
    "Application",
    "ApplicationRepository",
    "ApplicationRepositoryArgs",
    "BranchCredential",
    "BranchCredentialArgs",
    "CiVariables",
    "CiVariablesArgs",
    "Cluster",
    "ClusterArgs",
    "ClusterTenant",
    "ConfigurationError",
    "DeploymentEnvironment",
    "DeploymentEnvironmentArgs",
    "Environment",
    "EnvironmentBranch",
    "EnvironmentBranchArgs",
    "EnvironmentKind",
    "Forge",
    "GitOpsAgent",
    "GitOpsAgentArgs",
    "GitOpsTopology",
    "GitOpsTopologyArgs",
    "Grant",
    "HealthCheck",
    "Isolation",
    "Label",
    "Method",
    "OwnerKind",
    "Permission",
    "PodSecurity",
    "PricePlan",
    "Problem",
    "Promotion",
    "Protection",
    "RepositoryRole",
    "Reviewer",
    "Sync",
    "TargetCluster",
    "Topology",
    "TopologyError",
    "Trigger",
    "Visibility",
    "Writer",
    "configured_provider",
    "github_provider",
    "refuse_plain_secrets",
    "topology_from_config",
]

_MODULES = {
    "components.application_repository": ("ApplicationRepository", "ApplicationRepositoryArgs"),
    "components.branch_credential": ("BranchCredential", "BranchCredentialArgs"),
    "components.ci_variables": ("CiVariables", "CiVariablesArgs"),
    "components.cluster": ("Cluster", "ClusterArgs", "ClusterTenant"),
    "components.configuration": ("topology_from_config",),
    "components.deployment_environment": ("DeploymentEnvironment", "DeploymentEnvironmentArgs"),
    "components.environment_branch": ("EnvironmentBranch", "EnvironmentBranchArgs"),
    "forges.errors": ("ConfigurationError",),
    "components.gitops_agent": ("GitOpsAgent", "GitOpsAgentArgs"),
    "components.gitops_topology": ("GitOpsTopology", "GitOpsTopologyArgs"),
    "components.secrecy": ("refuse_plain_secrets",),
    "forges.github.provider": ("AppAuth", "configured_provider", "github_provider"),
    "topology.application": ("Application", "Grant", "Label"),
    "topology.cluster": ("HealthCheck", "Permission", "Sync", "TargetCluster"),
    "topology.environment": ("Environment", "Reviewer", "Writer"),
    "topology.problems": ("Problem", "TopologyError"),
    "topology.promotion": ("Promotion",),
    "topology.topology": ("Topology",),
    "topology.vocabulary": (
        "Agent",
        "AgentInstall",
        "EnvironmentKind",
        "Forge",
        "Isolation",
        "Method",
        "OwnerKind",
        "PodSecurity",
        "PricePlan",
        "Protection",
        "RepositoryRole",
        "Trigger",
        "Visibility",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, loaded now and kept. Raises AttributeError for any other name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
