"""Waits: for objects to become ready, and to be gone."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.failures import (
    ApiError,
    NoMatchError,
    PartialError,
    RefusedError,
    UnansweredError,
)
from gitops_infra.sandbox.plugins.kubernetes.objects import (
    DELETION_POLICY,
    SKIP_AWAIT,
    Object,
    annotation,
    is_on,
    metadata,
    timeout,
    title,
)
from gitops_infra.sandbox.plugins.kubernetes.readiness import Wait, wait_for

_DELETE_SECONDS = 600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_POLICIES = {"orphan": "Orphan", "background": "Background"}
# Kinds whose deletion is not waited for with skipAwait, as it always was; for others the annotation is about creation.
_NOT_WAITED = frozenset({("v1", "Namespace"), ("apps/v1", "Deployment")})


class Waiter:
    """Waits on one cluster until it is cancelled."""

    def __init__(self, cluster: Cluster, cancelled: threading.Event) -> None:
        self._cluster, self._cancelled = cluster, cancelled

    def wait_for(self, inputs: Mapping[str, Any]) -> Wait | None:
        """What to wait for after a write; asked before it, for a bad annotation must not lose what was written."""
        return wait_for(inputs, self._cluster)

    def until_ready(self, wanted: Wait | None, inputs: Mapping[str, Any], live: Object, custom: float) -> Object:
        """The object when it is ready. Raises PartialError after the timeout or a cancellation."""
        lacking: list[str] = []
        if wanted is None:
            return self._latest(live)
        name = metadata(live)["name"]
        for _ in self._pauses(timeout(inputs, custom, wanted.seconds)):
            live = self._latest(live)
            lacking = _lacking(wanted, live)
            if not lacking:
                return live
        if self._cancelled.is_set():
            raise PartialError(f'Resource operation was cancelled for "{name}"', live, lacking)
        raise PartialError(f"'{name}' timed out waiting to be Ready", live, lacking)

    def lacks_on_read(self, inputs: Mapping[str, Any], live: Object) -> list[str]:
        """What a refresh finds missing in the object."""
        wanted = wait_for(inputs, self._cluster)
        return _lacking(wanted, live) if wanted and wanted.on_read else []

    def delete(self, inputs: Mapping[str, Any], live: Object, custom: float) -> None:
        """Deletes the object and waits until it is gone, finalizers included. Raises RefusedError, ApiError."""
        policy = _POLICIES.get(annotation(inputs, DELETION_POLICY).lower(), "Foreground")
        try:
            there = self._cluster.get(live)
            self._cluster.delete(live, policy)
        except NoMatchError:
            return
        except ApiError as error:
            if error.not_found:
                return
            raise
        if is_on(inputs, SKIP_AWAIT) and (live.get("apiVersion"), live.get("kind")) in _NOT_WAITED:
            return
        uid = metadata(there).get("uid")
        for _ in self._pauses(timeout(inputs, custom, _DELETE_SECONDS)):
            found = self._if_there(live)
            if found is None or metadata(found).get("uid") != uid:
                return
            there = found
        how = "was cancelled" if self._cancelled.is_set() else "timed out"
        raise RefusedError(f"waiting for the deletion of {title(live)} {how}{_holding(there)}")

    def _latest(self, live: Object) -> Object:
        """The object as it is now; as it was if it cannot be read, for what was made must not be forgotten."""
        try:
            return self._cluster.get(live)
        except (ApiError, NoMatchError, UnansweredError):
            return live

    def _if_there(self, live: Object) -> Object | None:
        try:
            return self._cluster.get(live)
        except NoMatchError:
            return None
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def _pauses(self, seconds: float) -> Iterator[None]:
        """Yields at once, and again after growing pauses, until the time is over or a cancellation; and once then."""
        end, pause = time.monotonic() + seconds, _FIRST_PAUSE
        yield
        while time.monotonic() < end and not self._cancelled.is_set():
            self._cancelled.wait(min(pause, max(0.0, end - time.monotonic())))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            yield


def _lacking(wanted: Wait, live: Object) -> list[str]:
    try:
        return wanted.check(live)
    except (ApiError, NoMatchError, UnansweredError) as error:
        return [str(error)]  # such as endpoints that the credentials may not read


def _holding(live: Object) -> str:
    """What keeps an object from being gone."""
    told = []
    if finalizers := [*(metadata(live).get("finalizers") or []), *((live.get("spec") or {}).get("finalizers") or [])]:
        told.append(f"; finalizers might be preventing deletion ({', '.join(finalizers)})")
    if live.get("kind") == "Namespace":
        rows = (live.get("status") or {}).get("conditions") or []
        told += [f"; {row.get('message')}" for row in rows if row.get("status") == "True" and row.get("message")]
    return "".join(told)
