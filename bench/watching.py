"""When a release became visible in the cluster: a watch on the API server, as any client of it would see it."""

import threading
import time
from types import TracebackType
from typing import Any, Self

import urllib3
from kubernetes import client, watch

from bench.manifests import RELEASE


class Watching:
    """Notes the first time at which each release was seen, in any namespace. A context manager."""

    def __init__(self, connected: client.ApiClient) -> None:
        self._api = client.CoreV1Api(connected)
        self._seen: dict[str, float] = {}
        self._news = threading.Condition()
        self._stream: Any = watch.Watch()  # type: ignore[no-untyped-call]
        self._ended = False
        self._thread = threading.Thread(target=self._look, name="bench-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The thread hangs in a read until the next event; it ends with that, or with the process.
        self._ended = True
        self._stream.stop()

    def seen(self, release: str, seconds: float) -> float:
        """When it was seen, in seconds since the epoch. Raises TimeoutError after so many seconds."""
        with self._news:
            if not self._news.wait_for(lambda: release in self._seen, seconds):
                raise TimeoutError(f"{release} was not in the cluster after {seconds:.0f} s")
            return self._seen[release]

    def _look(self) -> None:
        while not self._ended:
            try:
                self._read()
            except (client.ApiException, urllib3.exceptions.HTTPError):
                time.sleep(0.05)  # the next list tells what was missed, so that it counts as late

    def _read(self) -> None:
        every = self._api.list_config_map_for_all_namespaces
        for event in self._stream.stream(every, field_selector=f"metadata.name={RELEASE}", timeout_seconds=600):
            self.note(event["object"], time.time())

    def note(self, found: Any, now: float) -> None:
        """Remembers the release that the ConfigMap tells, unless it was seen before."""
        release = (found.data or {}).get("RELEASE", "")
        with self._news:
            self._seen.setdefault(release, now)
            self._news.notify_all()
