"""Creates and updates objects: by whom their fields are owned, and what a dry run may leave open."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes.checkpoint import normal
from gitops_infra.sandbox.plugins.kubernetes.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.failures import ApiError, NoMatchError, RefusedError, explained
from gitops_infra.sandbox.plugins.kubernetes.ignoring import respecting
from gitops_infra.sandbox.plugins.kubernetes.objects import PATCH_FORCE, Object, is_on, metadata, with_metadata
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings

CREATOR = "pulumi-kubernetes"
"""Field manager of client-side creation. The first update by server-side apply takes over what it owns."""

# Others whose fields an update takes over: kubectl, and what older versions of the provider called themselves.
_TAKEN_OVER = frozenset(
    {
        ("kubectl", "Apply"),
        ("kubectl", "Update"),
        ("before-first-apply", "Update"),
        (CREATOR, "Update"),
        ("pulumi-kubernetes.exe", "Update"),
        ("pulumi-resource-kubernetes", "Update"),
    }
)
_OWN = frozenset({CREATOR, "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"})
# A namespace or a definition made at the same time may be a moment away. The official provider waits up to 31 s.
_PAUSES = (0.25, 0.5, 1.0, 2.0)


_TRIES = 5
_TEST_FAILED = 422
"""What an API server answers to a JSON patch whose test does not hold."""


class UnseenError(Exception):
    """A dry run that cannot tell: its namespace or kind does not exist yet, or it is not allowed."""


class Writer:
    """Writes to one cluster as one provider is configured."""

    def __init__(self, cluster: Cluster, settings: Settings, cancelled: threading.Event) -> None:
        self._cluster, self._settings, self._cancelled = cluster, settings, cancelled

    def preview_create(self, desired: Object, manager: str) -> Object:
        """The object as a creation would make it. Raises UnseenError; RefusedError if the server would refuse it."""
        try:
            return self._create(desired, manager, dry_run=True)
        except NoMatchError as error:
            raise UnseenError(str(error)) from error
        except ApiError as error:
            # What is there already may be what this creation replaces.
            if error.forbidden or error.no_namespace or error.already_exists or _no_dry_run(error):
                raise UnseenError(str(error)) from error
            raise RefusedError(explained(error, manager)) from error

    def create(self, desired: Object, manager: str) -> Object:
        """Makes the object, waiting for its namespace and kind for some seconds. Raises RefusedError, NoMatchError."""

        def attempt() -> Object:
            return self._create(desired, manager, dry_run=False)

        try:
            return self._patiently(attempt)
        except ApiError as error:
            raise RefusedError(explained(error, manager)) from error

    def update(self, desired: Object, manager: str, ignore: list[str], *, dry_run: bool) -> Object:
        """Changes the live object, but nothing at the paths to ignore. Raises ApiError, NoMatchError."""
        desired = normal(desired)
        live = self._cluster.get(desired)
        if desired["kind"] == "CustomResourceDefinition":
            # As `kubectl replace` does: the versions of a definition are no list that could be merged.
            body = with_metadata(desired, resourceVersion=metadata(live).get("resourceVersion"))
            return self._cluster.replace(body, manager, dry_run=dry_run)
        if not self._settings.server_side_apply:
            return self._cluster.replace(_merged(desired, live), CREATOR, dry_run=dry_run)
        desired = respecting(desired, live, ignore, {*_TAKEN_OVER, (manager, "Apply")})
        if not dry_run:
            self._take_over(live, manager)
        force = self._force(desired) or (dry_run and _is_ours_by_update(live))
        return self._cluster.apply(desired, manager, force=force, dry_run=dry_run)

    def _create(self, desired: Object, manager: str, *, dry_run: bool) -> Object:
        desired = normal(desired)
        if self._settings.server_side_apply and self._settings.upsert:
            force = self._force(desired) or dry_run
            return self._cluster.apply(desired, manager, force=force, dry_run=dry_run)
        return self._cluster.create(desired, CREATOR, dry_run=dry_run)

    def _force(self, desired: Object) -> bool:
        return is_on(desired, PATCH_FORCE) or self._settings.patch_force

    def _take_over(self, live: Object, manager: str) -> None:
        """Gives `manager` the fields of those whose place it takes; else a field left out later would stay."""
        for _ in range(_TRIES):
            try:
                return self._hand_over(live, manager)
            except ApiError as error:
                if error.code != _TEST_FAILED:
                    raise
            live = self._cluster.get(live)  # a controller wrote its status in between
        return self._hand_over(live, manager)

    def _hand_over(self, live: Object, manager: str) -> None:
        entries = metadata(live).get("managedFields") or []
        kept, owned, version = _ownership(entries, manager)
        if owned is None:
            return
        mine = {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": version,
            "fieldsType": "FieldsV1",
            "fieldsV1": owned,
        }
        self._cluster.patch(
            live,
            [
                {"op": "test", "path": "/metadata/resourceVersion", "value": metadata(live)["resourceVersion"]},
                {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, mine]},
            ],
        )

    def _patiently(self, attempt: Callable[[], Object]) -> Object:
        for pause in _PAUSES:
            try:
                return attempt()
            except NoMatchError:
                self._cluster.forget_kinds()
            except ApiError as error:
                if not error.not_found:
                    raise
                self._cluster.forget_kinds()
            if self._cancelled.wait(pause):
                break
        return attempt()


def _ownership(entries: list[dict[str, Any]], manager: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None, str]:
    """Entries that stay, all fields that become `manager`'s (None if nothing changes hands), and their version."""
    taken = [one for one in entries if (one["manager"], one["operation"]) in _TAKEN_OVER and "subresource" not in one]
    if not taken:
        return entries, None, ""
    mine = [one for one in entries if (one["manager"], one["operation"]) == (manager, "Apply")]
    owned: dict[str, Any] = {}
    for one in [*mine, *taken]:
        owned = _union(owned, one.get("fieldsV1") or {})
    return [one for one in entries if one not in taken and one not in mine], owned, (mine or taken)[-1]["apiVersion"]


def _union(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    both = {name: _union(first[name], second[name]) for name in first.keys() & second.keys()}
    return {**first, **second, **both}


def _is_ours_by_update(live: Object) -> bool:
    entries = metadata(live).get("managedFields") or []
    return any(one["operation"] == "Update" and one["manager"] in _OWN for one in entries)


def _merged(desired: Object, live: Object) -> Object:
    """Client-side apply: what the program says, over what is there."""
    result = dict(live)
    for name, value in desired.items():
        before = live.get(name)
        result[name] = _merged(value, before) if isinstance(value, dict) and isinstance(before, dict) else value
    return result


def _no_dry_run(error: ApiError) -> bool:
    """An admission webhook with side effects cannot be asked without them."""
    return error.code == 400 and "does not support dry run" in str(error)  # noqa: PLR2004  Bad Request
