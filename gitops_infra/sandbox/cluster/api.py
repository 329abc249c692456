"""The few calls to an API server that starting a cluster needs. Everything else uses the Kubernetes client."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx

from gitops_infra.sandbox.cluster.failure import ClusterError

FIELD_MANAGER = "gitops-infra-sandbox"
_TIMEOUT = 20.0


class Api:
    """One API server, called as the user whose certificate and key are in `identity` (PEM)."""

    def __init__(self, cluster: str, server: str, authority: str, identity: Path) -> None:
        context = ssl.create_default_context(cadata=authority)
        context.load_cert_chain(identity)
        self._cluster = cluster
        self._client = httpx.Client(base_url=server, verify=context, trust_env=False, timeout=_TIMEOUT)

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def ready(self, path: str = "/readyz") -> bool:
        """Whether it answers, and that it is ready."""
        try:
            return self._client.get(path).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def get(self, path: str) -> dict[str, Any] | None:
        """The object, or None if there is none."""
        response = self._client.get(path)
        return None if response.status_code == httpx.codes.NOT_FOUND else self._answer(response, f"GET {path}")

    def apply(self, path: str, body: str | dict[str, Any]) -> dict[str, Any]:
        """Server-side apply of an object, as YAML text or as a value."""
        response = self._client.patch(
            path,
            params={"fieldManager": FIELD_MANAGER, "force": "true"},
            content=body if isinstance(body, str) else json.dumps(body),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return self._answer(response, f"apply {path}")

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a creation answers."""
        return self._answer(self._client.post(path, json=body), f"POST {path}")

    def _answer(self, response: httpx.Response, call: str) -> dict[str, Any]:
        if response.is_error:
            why = f"{call} was answered {response.status_code}: {response.text[:300]}"
            raise ClusterError(f"cluster {self._cluster}", why, "Look into the log of its kube-apiserver")
        answer: dict[str, Any] = response.json()
        return answer
