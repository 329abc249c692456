"""Kubeconfigs: where the cluster is, and with which credentials."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Kubeconfig = dict[str, Any]


class KubeconfigError(ValueError):
    """A kubeconfig that cannot be used; the text quotes nothing of it."""


def parse(text: str) -> Kubeconfig:
    """The kubeconfig given as YAML, JSON or the path of a file; empty for an empty text. Raises KubeconfigError."""
    import yaml  # noqa: PLC0415  not in every start of the plugin: it costs 30 ms

    if not text.strip():
        return {}
    if "\n" not in text and not text.lstrip().startswith("{") and ":" not in text:
        path = Path(os.path.expandvars(text)).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise KubeconfigError(f"the file {path} cannot be read: {error.strerror}") from error
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        # Parsers quote the line at fault, which may hold a token.
        raise KubeconfigError("it is neither YAML nor JSON") from None
    if not isinstance(document, dict):
        raise KubeconfigError("it is no mapping")
    return document


def active_cluster(config: Mapping[str, Any], context: object, cluster: object) -> dict[str, Any] | None:
    """The cluster entry in use; empty if there is none, None if a named one is missing."""
    if not config.get("clusters"):
        return {}
    chosen = _named(config, "contexts", str(context or config.get("current-context") or "")).get("context")
    if not chosen:
        return {}
    return _named(config, "clusters", str(cluster or chosen.get("cluster") or "")).get("cluster")


def active(config: Mapping[str, Any], context: str, cluster: str) -> Kubeconfig:
    """The kubeconfig with the given context, or its own, as current, and with the given cluster in it.

    Raises KubeconfigError if one of them is missing.
    """
    name = context or str(config.get("current-context") or "")
    if not name:
        raise KubeconfigError("it has no current context, and the provider names none")
    found = _named(config, "contexts", name)
    if not found:
        raise KubeconfigError(f'context "{name}" does not exist')
    chosen = dict(found.get("context") or {})
    chosen["cluster"] = cluster or chosen.get("cluster")
    if not _named(config, "clusters", str(chosen["cluster"])):
        raise KubeconfigError(f'cluster "{chosen["cluster"]}" does not exist')
    return {**config, "current-context": name, "contexts": [{"name": name, "context": chosen}]}


def namespace(config: Mapping[str, Any]) -> str:
    """The namespace of the active context, `default` if it says none."""
    chosen = _named(config, "contexts", str(config.get("current-context"))).get("context") or {}
    return str(chosen.get("namespace") or "default")


def _named(config: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    return next((entry for entry in config.get(section) or [] if entry.get("name") == name), {})
