"""Reads objects: for a refresh what became of them, for an import all of them."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes import checkpoint, naming, objects, tokens, values
from gitops_infra.sandbox.plugins.kubernetes.answering import InitFailedError
from gitops_infra.sandbox.plugins.kubernetes.awaiting import Waiter
from gitops_infra.sandbox.plugins.kubernetes.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.diffing import pruned
from gitops_infra.sandbox.plugins.kubernetes.engine_log import EngineLog
from gitops_infra.sandbox.plugins.kubernetes.failures import (
    DELETE_UNREACHABLE,
    FORGOTTEN,
    UNREACHABLE,
    ApiError,
    NoMatchError,
    RefusedError,
)
from gitops_infra.sandbox.plugins.kubernetes.objects import Object
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings

Values = Mapping[str, Any]
Read = tuple[dict[str, Any], dict[str, Any]]
"""State and inputs."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_REVISION = "deployment.kubernetes.io/revision"


class Reader:
    """Reads from one cluster."""

    def __init__(self, settings: Settings, cluster: Cluster, waiter: Waiter, log: EngineLog) -> None:
        self._settings, self._cluster, self._waiter, self._log = settings, cluster, waiter, log

    def read(
        self, urn: str, resource_id: str, state: Values, inputs: Values
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The state and inputs as the cluster has them now; None if the object is gone."""
        api_version, kind = tokens.kind(urn, values.opened(inputs))
        if reason := self._cluster.unreachable:
            return self._unreachable(urn, reason, state, inputs)
        asked = values.opened(inputs)
        imported = not asked and not values.opened(state)
        space, name = objects.split(resource_id)
        if not asked:
            asked = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
            if space:
                asked["metadata"]["namespace"] = space
        wanted = objects.with_metadata(asked, name=name, **({"namespace": space} if space else {}))
        try:
            live = self._cluster.get(wanted)
        except NoMatchError:
            return None
        except ApiError as error:
            if error.not_found:
                return None
            raise
        seen = _all_inputs(live) if imported else objects.writable(pruned(_as_asked(live, asked), asked))
        marks = inputs or state
        manager = naming.manager(asked, state, self._settings)
        initial = str(state.get(checkpoint.INITIAL_API_VERSION) or asked.get("apiVersion"))
        new_state = checkpoint.state(seen, live, marks, api_version=initial, manager=manager)
        new_inputs = values.marked(values.spelled(seen), marks)
        if not imported and (lacking := self._waiter.lacks_on_read(asked, live)):
            told = f"Resource '{name}' was created but failed to initialize"
            raise InitFailedError(resource_id, new_state, told, lacking, new_inputs)
        return new_state, new_inputs

    def _unreachable(self, urn: str, reason: str, state: Values, inputs: Values) -> Read | None:
        self._log.warning(urn, f"{UNREACHABLE}: {reason}")
        if self._settings.delete_unreachable:
            self._log.info(urn, FORGOTTEN)
            return None
        if self._settings.skip_update_unreachable:
            self._log.info(
                urn,
                f"{UNREACHABLE} and the `skipUnreachable` option is enabled. "
                f"Returned data could not reflect the actual cluster configuration.",
            )
            return dict(state), dict(inputs)
        raise RefusedError(f"failed to read resource state due to unreachable cluster. {DELETE_UNREACHABLE}")


def _all_inputs(live: Object) -> Object:
    """Everything of a live object that a program could have asked for."""
    found = objects.writable({name: value for name, value in live.items() if name != "status"})
    noted = objects.metadata(found).get("annotations")
    if not noted:
        return found
    kept = {name: value for name, value in noted.items() if name not in {_LAST_APPLIED, _REVISION}}
    return objects.with_metadata(found, annotations=kept) if kept else objects.without(found, "annotations")


def _as_asked(live: Object, asked: Object) -> Object:
    """The live object with the values of `stringData` where the program has them; the API server has only `data`."""
    given, stored = asked.get("stringData"), live.get("data") or {}
    if not isinstance(given, Mapping):
        return live
    return {**live, "stringData": {name: _decoded(stored[name]) for name in given if name in stored}}


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, ValueError):
        return value
