"""Rules about clusters, and about what environments are in them."""

import re
from collections.abc import Iterator

from gitops_infra.topology import names
from gitops_infra.topology.defaults import forge_host, kind_of, namespace_of, per_repository
from gitops_infra.topology.draft import skip_unreadable
from gitops_infra.topology.environment import Environment
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.secret_shapes import shown
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.translate import nearest
from gitops_infra.topology.vocabulary import EnvironmentKind

ONLY_WITH_CLUSTER = ("namespace", "sync")
"""Keys of an environment that say something about its place in a cluster."""


def duplicate_clusters(topology: Topology) -> Iterator[Problem]:
    """Environments name a cluster, so a name is one cluster."""
    seen: dict[str, int] = {}
    for index, cluster in enumerate(topology.clusters or ()):
        with skip_unreadable():
            first = seen.setdefault(cluster.name, index)
            if first != index:
                yield Problem(
                    path("clusters", index, "name"),
                    "duplicate-cluster",
                    f"cluster {shown(cluster.name)} is clusters[{first}] already",
                    "Rename one of the two",
                )


def shared_namespaces(topology: Topology) -> Iterator[Problem]:
    """Two environments in one namespace would share rights, and delete each other's objects."""
    seen: dict[tuple[str, str], str] = {}
    for one in per_repository(topology):
        for index, environment in enumerate(one.environments):
            with skip_unreadable():
                if environment.cluster is None or kind_of(environment) is EnvironmentKind.REVIEW:
                    continue
                namespace = namespace_of(one.application.name, environment)
                here = f"{shown(environment.name)} of {shown(one.application.name)}"
                first = seen.setdefault((environment.cluster, namespace), here)
                if first != here:
                    yield Problem(
                        path("environments", index, "namespace"),
                        "same-namespace",
                        f"{here} is in namespace {shown(namespace)} of cluster {shown(environment.cluster)}, "
                        f"as {first} is",
                        "Give each a namespace of its own"
                        + (": leave `namespace` out" if environment.namespace and topology.repositories else ""),
                    )


def forge_without_host(topology: Topology) -> Iterator[Problem]:
    """An agent has to be told where the forge's SSH server is."""
    with skip_unreadable():
        if not any(environment.cluster for environment in topology.environments):
            return
        hosts = topology.known_hosts or []
        if hosts and not re.fullmatch(r"[^*?!,\s]+", forge_host(hosts)):
            yield Problem(
                path("known_hosts", 0),
                "forge-without-host",
                "its first word is a pattern, and agents in clusters need the host itself",
                "Begin with a line that names the host alone, as `git.example.com ssh-ed25519 ...`",
            )


def unknown_cluster(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """A cluster that nobody describes."""
    known = [cluster.name for cluster in topology.clusters or ()]
    if environment.cluster is None or environment.cluster in known:
        return
    near = nearest(environment.cluster, known)
    remedy = f"Did you mean `{near}`?" if near else "Describe it under `clusters`"
    yield Problem(
        path("environments", index, "cluster"),
        "unknown-cluster",
        f"{shown(environment.cluster)} is no cluster of this topology",
        remedy,
    )


def review_in_cluster(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """A review environment has no branch that an agent could follow; review apps are not available yet."""
    if kind_of(environment) is EnvironmentKind.REVIEW:
        for key in ("cluster", *ONLY_WITH_CLUSTER):
            if getattr(environment, key) is not None:
                yield Problem(
                    path("environments", index, key),
                    "not-available-yet",
                    f"review environment {shown(environment.name)} has no branch that an agent could follow, and "
                    "review apps are not available yet",
                    f"Remove `{key}`",
                )


def without_cluster(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """Settings that would do nothing."""
    if environment.cluster is not None or kind_of(environment) is EnvironmentKind.REVIEW:
        return
    for key in ONLY_WITH_CLUSTER:
        if getattr(environment, key) is not None:
            yield Problem(
                path("environments", index, key),
                "without-cluster",
                f"environment {shown(environment.name)} is in no cluster, so `{key}` would do nothing",
                f"Name its `cluster`, or remove `{key}`",
            )


def bad_default_namespace(topology: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """A namespace that is made of names, and is none itself."""
    if environment.cluster is None or environment.namespace is not None:
        return
    namespace = namespace_of(topology.application.name, environment)
    refusal = names.namespace(namespace)
    if refusal:
        yield Problem(
            path("environments", index, "namespace"),
            "bad-namespace",
            f"the namespace would be {shown(namespace)}, which {refusal.reason}",
            "Set `namespace`",
        )


def role_twice(_: Topology, index: int, environment: Environment) -> Iterator[Problem]:
    """One of the two would be without effect."""
    sync = environment.sync
    if sync is not None and sync.cluster_role and sync.permissions:
        yield Problem(
            path("environments", index, "sync", "cluster_role"),
            "role-twice",
            "both `cluster_role` and `permissions` are given, and a ClusterRole stands in place of the Role",
            "Give one of the two",
        )


RULES = (duplicate_clusters, shared_namespaces, forge_without_host)
EACH_ENVIRONMENT = (unknown_cluster, review_in_cluster, without_cluster, bad_default_namespace, role_twice)
