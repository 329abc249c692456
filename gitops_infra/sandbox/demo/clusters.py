"""The demo's clusters: made ready beside the rest of the story, and looked into."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.cluster.folder import NAMES
from gitops_infra.sandbox.demo.screen import Screen

_POLL = 0.01
_WAIT = 90.0
_TELL = 10.0


class _LastLine:
    """Progress of another thread: its last line, for whoever waits for it."""

    def __init__(self) -> None:
        self.line = ""

    def say(self, line: str) -> None:
        """Remembers the line."""
        self.line = line

    @contextmanager
    def step(self, title: str, expected: float) -> Iterator[Any]:
        """Remembers the step, and how long it usually takes."""
        self.line = title + (f" (about {expected / 60:.0f} min)" if expected >= 60 else "")  # noqa: PLR2004 - seconds
        yield lambda _detail: None


class ReadyLater:
    """Clusters that are built and started in the background. A context manager: afterwards nothing of them runs."""

    def __init__(self) -> None:
        self._progress = _LastLine()
        self._clusters = Clusters(NAMES, progress=self._progress)
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._future = self._pool.submit(self._clusters.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._clusters.stop()

    def wait(self, screen: Screen) -> Clusters:
        """The clusters, once all are ready. Raises what kept them from it."""
        told = time.monotonic()
        while not self._future.done():
            time.sleep(0.1)
            if time.monotonic() - told >= _TELL:
                told = time.monotonic()
                screen.say(self._progress.line)
        return self._future.result()


class Looker:
    """Reads objects of one cluster, as its administrator."""

    def __init__(self, clusters: Clusters, name: str) -> None:
        from kubernetes import client, config  # noqa: PLC0415 - as heavy as all the rest of the demo
        from ruamel.yaml import YAML  # noqa: PLC0415 - as above

        settings = YAML(typ="safe").load(clusters[name].kubeconfig)
        self._client = client
        connected: Any = config.new_client_from_config_dict(settings)  # type: ignore[no-untyped-call]
        self._api = client.CoreV1Api(connected)
        self._objects = client.CustomObjectsApi(self._api.api_client)

    def close(self) -> None:
        """Closes its connections."""
        self._api.api_client.close()

    def config_map(self, namespace: str, name: str) -> dict[str, str] | None:
        """Its data; None where there is no such ConfigMap."""
        try:
            return dict(self._api.read_namespaced_config_map(name, namespace).data or {})
        except self._client.ApiException as error:
            if error.status != 404:  # noqa: PLR2004 - not found
                raise
            return None

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """The data of a Secret, in base64."""
        found: Any = self._api.read_namespaced_secret(name, namespace)
        return dict(found.data)

    def namespaces(self) -> set[str]:
        """Names of all."""
        listed: Any = self._api.list_namespace()
        return {each.metadata.name for each in listed.items}

    def why_not(self, namespace: str) -> str:
        """What the agent says of its objects in the namespace."""
        found = []
        for group, plural in (
            ("source.toolkit.fluxcd.io", "gitrepositories"),
            ("kustomize.toolkit.fluxcd.io", "kustomizations"),
        ):
            listed: Any = self._objects.list_namespaced_custom_object(group, "v1", namespace, plural)
            for each in listed["items"]:
                ready = [one for one in each.get("status", {}).get("conditions", ()) if one["type"] == "Ready"]
                found += [f"{each['kind']}: {one['message']}" for one in ready]
        return "; ".join(found) or "the agent has not looked yet"

    def until(self, namespace: str, name: str, key: str, value: str) -> float | None:
        """When the ConfigMap had that value, in seconds since the epoch; None: not within a minute and a half."""
        end = time.time() + _WAIT
        while time.time() < end:
            if (self.config_map(namespace, name) or {}).get(key) == value:
                return time.time()
            time.sleep(_POLL)
        return None
