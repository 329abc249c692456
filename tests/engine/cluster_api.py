"""What tests see of a cluster."""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes import client, config
from ruamel.yaml import YAML

WAIT = 150.0
"""Seconds. A push right after `up` may come before Flux has taken the receiver up; then it is found by a poll."""


class Api:
    """One cluster, as its administrator sees it."""

    def __init__(self, kubeconfig: str) -> None:
        self.client = config.new_client_from_config_dict(YAML(typ="safe").load(kubeconfig))
        self.core = client.CoreV1Api(self.client)
        self.objects = client.CustomObjectsApi(self.client)

    def close(self) -> None:
        self.client.close()

    def data(self, namespace: str, name: str = "app") -> Mapping[str, str] | None:
        try:
            return self.core.read_namespaced_config_map(name, namespace).data or {}
        except client.ApiException as error:
            if error.status != 404:
                raise
            return None

    def secrets(self, namespace: str) -> set[str]:
        return {each.metadata.name for each in self.core.list_namespaced_secret(namespace).items}

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        found = self.core.read_namespaced_secret(name, namespace).data
        return {key: base64.b64decode(value).decode() for key, value in found.items()}

    def source(self, namespace: str, name: str) -> dict[str, Any]:
        return self.objects.get_namespaced_custom_object(
            "source.toolkit.fluxcd.io", "v1", namespace, "gitrepositories", name
        )

    def kustomization(self, namespace: str, name: str) -> dict[str, Any]:
        return self.objects.get_namespaced_custom_object(
            "kustomize.toolkit.fluxcd.io", "v1", namespace, "kustomizations", name
        )

    def said(self, namespace: str, name: str) -> str:
        status = self.kustomization(namespace, name).get("status", {})
        return next((each["message"] for each in status.get("conditions", ()) if each["type"] == "Ready"), "")

    def has(self, namespace: str) -> bool:
        return any(each.metadata.name == namespace for each in self.core.list_namespace().items)


def until(holds: Callable[[], Any], why: Callable[[], Any] = lambda: "") -> Any:
    """What `holds` gives as soon as that is true."""
    end = time.monotonic() + WAIT
    while not (found := holds()):
        assert time.monotonic() < end, why()
        time.sleep(0.05)
    return found
