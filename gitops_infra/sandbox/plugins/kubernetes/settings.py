"""The configuration of a provider, and what a change of it means."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops_infra.sandbox.plugins import wire
from gitops_infra.sandbox.plugins.kubernetes.kubeconfig import KubeconfigError, active_cluster, parse
from gitops_infra.sandbox.plugins.kubernetes.tokens import OWNER

_PREFIX = "kubernetes:config:"
_WHERE = ("kubeconfig", "context", "cluster")
_IDENTIFIER = "clusterIdentifier"
# Settings that concern only what is not served here (Helm, rendering to files), or nothing.
_NOT_SERVED = ("renderYamlToDirectory",)
_FALSE_OR_ABSENT = (None, "", "false", False)


@dataclass(frozen=True)
class Settings:
    """How a provider behaves. Defaults are the official provider's."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    server_side_apply: bool = True
    upsert: bool = False
    patch_force: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    config_map_mutable: bool = False
    secret_mutable: bool = False
    timeout: float = 0.0
    """Seconds for one request; 0: the plugin's own limit."""
    known: bool = True
    """False in a preview whose cluster is made by the same program."""


def configured(variables: Mapping[str, str]) -> Settings:
    """The settings in a Configure request; `PULUMI_K8S_*` for what it does not say."""

    def text(name: str) -> str:
        return variables.get(_PREFIX + name) or ""

    def flag(name: str, variable: str, *, default: bool = False) -> bool:
        if _PREFIX + name in variables:
            return variables[_PREFIX + name] == "true"
        return os.environ[variable] == "true" if variable in os.environ else default

    client = json.loads(text("kubeClientSettings") or "{}")
    return Settings(
        kubeconfig=text("kubeconfig"),
        context=text("context"),
        cluster=text("cluster"),
        namespace=text("namespace"),
        server_side_apply=flag("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", default=True),
        upsert=flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
        patch_force=flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
        delete_unreachable=flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
        skip_update_unreachable=flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
        config_map_mutable=flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
        secret_mutable=flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
        timeout=float(client.get("timeout") or os.environ.get("PULUMI_K8S_CLIENT_TIMEOUT") or 0),
        known=not any(text(name) == wire.UNKNOWN for name in (*_WHERE, "namespace")),
    )


def problems(urn: str, news: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a provider's inputs: property, or empty, and reason."""
    found = [
        (name, f"{OWNER} does not implement the setting {name}; remove it")
        for name in _NOT_SERVED
        if news.get(name) not in _FALSE_OR_ABSENT
    ]
    if _is_strict(news):
        if urn.rsplit("::", maxsplit=1)[-1].startswith("default"):
            found.append(("", "strict mode prohibits default provider"))
        found += [
            (name, f'strict mode requires Provider "{name}" argument')
            for name in ("kubeconfig", "context")
            if not news.get(name)
        ]
    return found


def changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Settings that differ, and those of them that make it another cluster, so that every resource is replaced.

    It is another cluster if the active entry of the kubeconfig differs, as Kubernetes has no identity of a cluster.
    With a `clusterIdentifier` only that one counts.
    """
    differing = sorted(name for name in {*olds, *news} if olds.get(name) != news.get(name))
    before, after = olds.get(_IDENTIFIER), news.get(_IDENTIFIER)
    if not differing or (after and before == after):
        return differing, []
    replaced = [_IDENTIFIER] if before and after else []
    unknown = [name for name in _WHERE if news.get(name) == wire.UNKNOWN]
    if unknown:
        return unknown, [*replaced, *unknown]
    try:
        was = active_cluster(parse(_text(olds)), olds.get("context"), olds.get("cluster"))
        now = active_cluster(parse(_text(news)), news.get("context"), news.get("cluster"))
    except KubeconfigError:
        return differing, replaced
    if was is not None and now is not None and was != now:
        replaced += [name for name in _WHERE if name in differing]
    return differing, replaced


def _text(values: Mapping[str, Any]) -> str:
    given = values.get("kubeconfig") or ""
    return given if isinstance(given, str) else json.dumps(given)


def _is_strict(news: Mapping[str, Any]) -> bool:
    try:
        ambient = json.loads(os.environ.get("PULUMI_CONFIG") or "{}")
    except ValueError:
        ambient = {}
    return str(news.get("strictMode", ambient.get("strictMode", ""))).lower() == "true"
