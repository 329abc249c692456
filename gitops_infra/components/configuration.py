"""A topology and its secrets from the configuration of a Pulumi stack."""

from pathlib import Path

import pulumi

from gitops_infra.components.deployment_environment import bad_kubeconfig, named_secrets
from gitops_infra.components.gitops_topology import GitOpsTopologyArgs
from gitops_infra.components.inputs import decided
from gitops_infra.components.parts import Part
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.github.deploy_key import no_private_key
from gitops_infra.topology.load import encrypted, load_value, project_folder
from gitops_infra.topology.problems import Problem, path
from gitops_infra.topology.topology import Topology


def topology_from_config(config: pulumi.Config) -> GitOpsTopologyArgs:
    """The topology under the key `topology`, laid over what it `extends`, with the values of the secrets it names.

    The keys `part`, `foundation` and `released` say what of it this stack makes; see `GitOpsTopologyArgs`.
    A secret's key is looked up in the namespace of `config`, or in its own if it is written `namespace:key`.
    Raises ConfigurationError: problems of the topology, which must not be a secret itself; a secret that is missing, or
    that is stored in plain text.
    """
    data = config.require_object("topology")
    if pulumi.runtime.is_config_secret(config.full_key("topology")):
        raise ConfigurationError([encrypted(config.full_key("topology"))])
    topology = decided(lambda: load_value(data, _project()))
    part, foundation = config.get("part"), config.get("foundation")
    secrets: dict[str, pulumi.Output[str]] = {}
    problems: list[Problem] = []
    for where, key in _named(topology, Part(part)):
        full_key = key if ":" in key else config.full_key(key)
        namespace, _, name = full_key.partition(":")
        value = pulumi.Config(namespace).get_secret(name)
        if value is None:
            problems.append(_missing(where, full_key))
        elif not pulumi.runtime.is_config_secret(full_key):
            problems.append(_plain(where, full_key))
        elif where.endswith(".writer.key") and (bad := _no_key(where, full_key)):
            problems.append(bad)
        elif where.startswith("clusters") and (wrong := _bad_kubeconfig(topology, where, full_key)):
            problems += wrong
        else:
            secrets[key] = value
    if problems:
        raise ConfigurationError(problems)
    return GitOpsTopologyArgs(
        topology=topology,
        secrets=dict(secrets),
        part=part,
        foundation=foundation,
        released=config.get_object("released"),
    )


def _project() -> Path:
    """The folder of the project, from which `extends` counts.

    The engine tells it to a program (https://github.com/pulumi/pulumi/pull/18595). An inline program of the Automation
    API has none, and Pulumi then gives a word that is no folder: it is the project around the current folder.
    """
    told = Path(pulumi.runtime.get_root_directory() or "")
    return told if told.is_absolute() else project_folder(Path.cwd())


def _named(topology: Topology, part: Part) -> list[tuple[str, str]]:
    """Path and configuration key of each secret that is needed here."""
    used = {environment.cluster for environment in topology.environments if part.makes(environment.name)}
    kubeconfigs = [
        (path("clusters", index, "kubeconfig"), cluster.kubeconfig)
        for index, cluster in enumerate(topology.clusters or ())
        if cluster.kubeconfig and cluster.name in used
    ]
    return kubeconfigs + [
        named
        for index, environment in enumerate(topology.environments)
        if part.makes(environment.name)
        for named in named_secrets(environment, "environments", index)
    ]


def _no_key(where: str, key: str) -> Problem | None:
    """Looked at here, where nothing is registered yet; the component itself sees the value only later."""
    return no_private_key(str(pulumi.runtime.config.get_config(key)), where, key)


def _bad_kubeconfig(topology: Topology, where: str, key: str) -> tuple[Problem, ...]:
    cluster = next(
        each for index, each in enumerate(topology.clusters or ()) if path("clusters", index, "kubeconfig") == where
    )
    return bad_kubeconfig(str(pulumi.runtime.config.get_config(key)), cluster, where)


def _missing(where: str, key: str) -> Problem:
    return Problem(
        where=where,
        code="secret-not-given",
        reason=f"the stack's configuration has no value '{key}'",
        remedy=f"Run `pulumi config set --secret {key}`",
    )


def _plain(where: str, key: str) -> Problem:
    return Problem(
        where=where,
        code="secret-in-plain-text",
        reason=f"the stack's configuration holds '{key}' in plain text",
        remedy=f"Run `pulumi config set --secret {key}` and replace the value: it may have been read",
    )
