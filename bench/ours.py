"""The program with the components, as a user writes it."""

from collections.abc import Mapping
from typing import Any

import pulumi

from bench.subject import APPLICATION, OWNER, Subject
from gitops_infra import GitOpsTopology, GitOpsTopologyArgs, Topology, github_provider


def program(subject: Subject, settings: Mapping[str, Any] | None = None) -> None:
    """Registers the topology. `settings` of the GitHub provider replace those that `github_provider` gives."""
    provider = github_provider("github", owner=OWNER) if settings is None else _provider(settings)
    secrets = {key: pulumi.Config().require_secret(key) for key in subject.config_keys}
    args = GitOpsTopologyArgs(topology=Topology(**subject.topology), secrets=secrets or None)
    made = GitOpsTopology(APPLICATION, args, pulumi.ResourceOptions(providers=[provider]))
    pulumi.export("environments", made.environments)


def _provider(settings: Mapping[str, Any]) -> pulumi.ProviderResource:
    import pulumi_github as github  # noqa: PLC0415 - a user's program has no such import

    return github.Provider("github", owner=OWNER, **settings)
