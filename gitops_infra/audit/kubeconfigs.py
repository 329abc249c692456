"""Which kubeconfig belongs to a cluster of a topology, and what is in it."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitops_infra.agents.kubeconfig import NotYaml, parsed, problem
from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.topology.cluster import TargetCluster

KeyReader = Callable[[str], str | None]
"""Configuration key -> the kubeconfig, or None where the stack's configuration gives none."""

REMEDY = "Pass the content that `kubectl config view --raw --minify --flatten` prints"
FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Keys that name a file; kubectl reads it relative to the kubeconfig that names it."""


@dataclass(frozen=True)
class Kubeconfig:
    """One kubeconfig and the context of it that is meant."""

    source: str
    """Where it comes from, in words."""
    context: str
    server: str
    document: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Kubeconfigs:
    """Where kubeconfigs are taken from: a file that is given, else the stack's configuration, else kubectl's own."""

    given: Mapping[str, Path] = field(default_factory=dict)
    """Files by the name of the cluster."""
    read_key: KeyReader | None = None
    """Reads the stack's configuration; None: there is no stack."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def of(self, cluster: TargetCluster) -> Kubeconfig:
        """The kubeconfig of the cluster. Raises ClusterFailed: `no-kubeconfig` where there is none."""
        if cluster.name in self.given:
            return self._of_file(self.given[cluster.name], cluster)
        if cluster.kubeconfig is not None:
            return kubeconfig(self._configured(cluster.name, cluster.kubeconfig), cluster.context, cluster.kubeconfig)
        return default(cluster.context, self.environment)

    def _configured(self, cluster: str, key: str) -> str:
        if self.read_key is None:
            raise ClusterFailed(
                "no-kubeconfig",
                f"its kubeconfig `{key}` is in a stack's configuration",
                f"Give --stack, or --kubeconfig {cluster}=FILE",
            )
        text = self.read_key(key)
        if text is None:
            raise ClusterFailed(
                "no-kubeconfig",
                f"the stack's configuration gives no value for `{key}`",
                f"Run `pulumi config set --secret {key} < FILE`",
            )
        return text

    @staticmethod
    def _of_file(path: Path, cluster: TargetCluster) -> Kubeconfig:
        document = _merged((path,))
        contexts = {str(entry.get("name")) for entry in document["contexts"]}
        # A file of one's own names contexts in its own way.
        context = cluster.context if cluster.context in contexts else None
        return kubeconfig(json.dumps(document, default=str), context, str(path))


def default(context: str | None, environment: Mapping[str, str]) -> Kubeconfig:
    """What kubectl uses: the files of KUBECONFIG, else `~/.kube/config`. Raises ClusterFailed."""
    home = environment.get("HOME") or environment.get("USERPROFILE")
    named = environment.get("KUBECONFIG") or (str(Path(home, ".kube", "config")) if home else "")
    paths = tuple(path for part in named.split(os.pathsep) if part and (path := Path(part).expanduser()).exists())
    if not paths:
        raise ClusterFailed(
            "no-kubeconfig",
            "there is no kubeconfig: none is given, and kubectl has none",
            "Give --kubeconfig CLUSTER=FILE, set KUBECONFIG, or name a secret of the stack in `kubeconfig`",
        )
    return kubeconfig(json.dumps(_merged(paths), default=str), context, named)


def kubeconfig(text: str, context: str | None, source: str) -> Kubeconfig:
    """The text of a whole kubeconfig, looked at. Raises ClusterFailed: `bad-kubeconfig`."""
    bad = problem(text, context, source, REMEDY)
    if bad is not None:
        raise ClusterFailed("bad-kubeconfig", f"{source}: {bad.reason}", bad.remedy)
    document = _parsed(text, source)
    chosen = str(context or document.get("current-context"))
    of_context = _named(document, "contexts", chosen)
    return Kubeconfig(source, chosen, str(_named(document, "clusters", of_context.get("cluster"))["server"]), document)


def _named(document: Mapping[str, Any], section: str, name: object) -> Mapping[str, Any]:
    found = next(entry for entry in document[section] if entry.get("name") == name)
    inside: Mapping[str, Any] = found[section.removesuffix("s")]
    return inside


def _merged(paths: tuple[Path, ...]) -> dict[str, Any]:
    """Several files as one, as kubectl does it: of two entries of one name the first counts."""
    merged: dict[str, Any] = {"contexts": [], "clusters": [], "users": []}
    for path in paths:
        try:
            document = _parsed(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise ClusterFailed("bad-kubeconfig", f"{path} cannot be read: {reason}", "Name another file") from None
        for section in ("contexts", "clusters", "users"):
            entries = document.get(section)
            known = {entry["name"] for entry in merged[section]}
            merged[section] += [
                _placed(entry, section, path.parent)
                for entry in (entries if isinstance(entries, list) else ())
                if isinstance(entry, Mapping) and entry.get("name") not in {None, *known}
            ]
        if document.get("current-context"):
            merged.setdefault("current-context", document["current-context"])
    return merged


def _placed(entry: Mapping[str, Any], section: str, folder: Path) -> dict[str, Any]:
    """The entry with the files that it names found from anywhere."""
    inside = entry.get(section.removesuffix("s"))
    if not isinstance(inside, Mapping):
        return dict(entry)
    found = {key: str(folder.absolute() / str(inside[key])) for key in FILES if inside.get(key)}
    return {**entry, section.removesuffix("s"): {**inside, **found}}


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        document = parsed(text)
    except NotYaml:
        document = None
    if not isinstance(document, dict):
        raise ClusterFailed("bad-kubeconfig", f"{source} is no kubeconfig: it is no YAML, or no mapping", REMEDY)
    return document
