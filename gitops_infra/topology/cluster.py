"""Where applications run, and how an agent there follows an environment's branch."""

from typing import Optional

from gitops_infra.topology.model import Model
from gitops_infra.topology.vocabulary import Agent, AgentInstall, PodSecurity


class TargetCluster(Model):
    """A Kubernetes cluster that one or several environments are delivered to."""

    name: str
    """By which environments name it. Lower-case letters, digits and `-`, at most 40."""
    kubeconfig: Optional[str] = None
    """Key of a secret value in the stack's configuration: a whole kubeconfig. Default: the one that the program gives,
    else that of `kubectl`."""
    context: Optional[str] = None
    """Context of the kubeconfig. Default: its current one."""
    agent: Optional[Agent] = Agent.FLUX
    """What follows the branches there."""
    install: Optional[AgentInstall] = AgentInstall.EXISTING
    """Where the agent comes from. For any but `existing`, `gitops-infra render --agents` prints what installs it."""
    receiver_url: Optional[str] = None
    """Address under which the forge reaches the agent's webhook receivers, such as `https://flux.example.com`. Given: a
    push is applied at once. Without: with the next poll."""


class Permission(Model):
    """What manifests may contain, as one rule of a Kubernetes Role."""

    resources: list[str]
    """Plural names, such as `secrets` or `externalsecrets`."""
    groups: Optional[list[str]] = None
    """API groups. Default: the core group."""
    verbs: Optional[list[str]] = None
    """Default: get, list, watch, create, update, patch and delete."""


class HealthCheck(Model):
    """An object that must be healthy before a revision counts as applied."""

    api_version: str
    """Such as `apps/v1`."""
    kind: str
    """Such as `Deployment`."""
    name: str
    """Name of the object, in the environment's namespace."""


class Sync(Model):
    """How the agent applies an environment's branch."""

    poll_seconds: Optional[int] = 60
    """How often the branch is looked at where no webhook tells of a push, 10 to 3,600 seconds."""
    timeout_seconds: Optional[int] = 300
    """How long objects may take to become healthy, 30 to 3,600 seconds."""
    wait: Optional[bool] = True
    """Whether a revision counts as applied only when all of its objects are healthy."""
    health_checks: Optional[list[HealthCheck]] = None
    """Objects that must be healthy, in place of all of them."""
    prune: Optional[bool] = True
    """Whether objects that are no longer in the branch are deleted."""
    permissions: Optional[list[Permission]] = None
    """What manifests may contain beside workloads, services, configuration and ingress. Never RBAC objects."""
    cluster_role: Optional[str] = None
    """ClusterRole that the agent gets inside the namespace, in place of a Role of least rights."""
    pod_security: Optional[PodSecurity] = PodSecurity.BASELINE
    """What pods may ask of their machine; a privileged one owns it, and all that runs there. Enforced by the namespace,
    unless that is there already."""
    signed_by: Optional[list[str]] = None
    """OpenPGP public keys (ASCII armour). Given: the agent refuses a commit that none of them has signed."""
    existing_namespace: Optional[bool] = False
    """True: the namespace is there already and stays on destroy."""
    generation: Optional[int] = 1
    """Raise by one to rotate the agent's read-only deploy key and its webhook secret."""
