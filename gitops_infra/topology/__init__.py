"""What users write: one typed topology of plain values. No Pulumi, and no I/O but `load`."""

from gitops_infra.topology.application import Application, Grant, Label
from gitops_infra.topology.cluster import HealthCheck, Permission, Sync, TargetCluster
from gitops_infra.topology.environment import Environment, Reviewer
from gitops_infra.topology.load import load
from gitops_infra.topology.problems import Problem, TopologyError
from gitops_infra.topology.promotion import Promotion
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import check, validate, validate_model
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
    "Application",
    "Environment",
    "EnvironmentKind",
    "Forge",
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
    "check",
    "load",
    "validate",
    "validate_model",
]
