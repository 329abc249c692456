"""Pending creates of objects in clusters: looked up with the kubeconfig that the stack's provider has.

Pulumi makes such an object anew, which fails when it is there ("already exists"). Its import id is `namespace/name`,
or `name` for what is in no namespace. Source: pulumi-kubernetes, "Import".
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitops_infra.audit.cluster_client import ClusterReader
from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.kubeconfigs import REMEDY, Kubeconfig, default, kubeconfig
from gitops_infra.plan.delivery import LABEL
from gitops_infra.plan.resources import IN_CLUSTER
from gitops_infra.recovery.fate import Decision, Fate
from gitops_infra.recovery.state import PendingCreate, opened

CORE = "core/"
KINDS: Mapping[str, tuple[str, str]] = {
    kind.token: (api_version.removeprefix(CORE), kind.value) for kind, api_version in IN_CLUSTER.items()
}
"""Type -> API version and kind."""


class Clusters:
    """Readers by the URN of the provider, made when the first look-up needs one."""

    def __init__(self, shown: Callable[[], Mapping[str, Any]], environment: Mapping[str, str]) -> None:
        """`shown` exports the stack with its secrets, which are kept in memory alone."""
        self._shown, self._environment = shown, environment
        self._inputs: dict[str, Mapping[str, Any]] | None = None
        self._readers: dict[str, ClusterReader] = {}

    def of(self, provider: str) -> ClusterReader:
        """Raises ClusterFailed, PulumiFailed."""
        if provider not in self._readers:
            self._readers[provider] = ClusterReader(self._kubeconfig(provider))
        return self._readers[provider]

    def _kubeconfig(self, provider: str) -> Kubeconfig:
        if self._inputs is None:
            resources = (self._shown().get("deployment") or {}).get("resources") or ()
            self._inputs = {str(entry["urn"]): entry.get("inputs") or {} for entry in resources}
        inputs = self._inputs.get(provider)
        name = provider.rpartition("::")[2]
        if inputs is None:
            raise ClusterFailed("no-provider", f"the stack has no provider {name}", "Run `pulumi up` again")
        text, context = opened(inputs.get("kubeconfig")), opened(inputs.get("context"))
        context = context if isinstance(context, str) else None
        if not isinstance(text, str) or not text:
            return default(context, self._environment)
        return kubeconfig(_content(text), context, f"the provider {name}")


def _content(text: str) -> str:
    """The provider takes a path as well."""
    if "\n" in text or ":" in text:
        return text
    try:
        return Path(text).expanduser().read_text(encoding="utf-8")
    except OSError:
        raise ClusterFailed("bad-kubeconfig", "the provider names a kubeconfig that cannot be read", REMEDY) from None


def decide_in_cluster(create: PendingCreate, clusters: Clusters) -> Decision:
    """What becomes of the pending create of an object. Raises PulumiFailed."""
    api_version, kind = KINDS[create.type]
    metadata = create.opened("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str) or create.provider is None:
        return Decision(create, Fate.UNKNOWN, "its name was not known when the run ended")
    import_id = f"{namespace}/{name}" if isinstance(namespace, str) else name
    try:
        found = clusters.of(create.provider).get(api_version, kind, namespace, name)
    except ClusterFailed as failed:
        if failed.code != "api-absent":
            return Decision(create, Fate.UNKNOWN, _unlooked(failed, create.provider))
        found = None
    if found is None:
        return Decision(create, Fate.ABSENT, "is not in the cluster; made by the next `pulumi up`")
    if foreign := _foreign(metadata, found):
        return Decision(create, Fate.UNKNOWN, f"{kind} {import_id} is in the cluster, but {foreign}")
    return Decision(create, Fate.IMPORT, f"is in the cluster; imported as {import_id}", import_id)


def _unlooked(failed: ClusterFailed, provider: str) -> str:
    stale = failed.code in {"refused-credentials", "bad-credentials", "bad-kubeconfig", "untrusted"}
    return f"{failed}, and write it into the state with `pulumi up --target '{provider}'`" if stale else str(failed)


def _foreign(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Why the object is not what the interrupted run made: our labels tell for which environment it is."""
    there = (found.get("metadata") or {}).get("labels") or {}
    ours = {key: value for key, value in (wanted.get("labels") or {}).items() if key.startswith(f"{LABEL}/")}
    differing = sorted(key for key, value in ours.items() if there.get(key) != value)
    return f"not this environment's: {', '.join(differing)} differ" if differing else None
