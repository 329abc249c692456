"""What the provider does with one resource: the operations of Pulumi's protocol, in plain values."""

import threading
from collections.abc import Mapping
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes import checkpoint, naming, objects, tokens, values
from gitops_infra.sandbox.plugins.kubernetes.answering import InitFailedError
from gitops_infra.sandbox.plugins.kubernetes.applying import UnseenError, Writer
from gitops_infra.sandbox.plugins.kubernetes.awaiting import Waiter
from gitops_infra.sandbox.plugins.kubernetes.checking import Checker
from gitops_infra.sandbox.plugins.kubernetes.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.engine_log import EngineLog
from gitops_infra.sandbox.plugins.kubernetes.failures import (
    DELETE_UNREACHABLE,
    FORGOTTEN,
    UNREACHABLE,
    ApiError,
    NoMatchError,
    PartialError,
    RefusedError,
    UnansweredError,
    explained,
)
from gitops_infra.sandbox.plugins.kubernetes.objects import Object
from gitops_infra.sandbox.plugins.kubernetes.reading import Reader
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings

Values = Mapping[str, Any]
_NO_API = (
    "failed because the Kubernetes API server reported that the apiVersion for this resource does not exist. "
    "Verify that any required CRDs have been created"
)


class Resources:
    """The resources of one provider."""

    def __init__(self, settings: Settings, cancelled: threading.Event, log: EngineLog) -> None:
        self._settings, self._log = settings, log
        self._cluster = Cluster(settings)
        self._writer = Writer(self._cluster, settings, cancelled)
        self._waiter = Waiter(self._cluster, cancelled)
        checker = Checker(settings, self._cluster)
        self.check, self.diff = checker.check, checker.diff
        self.read = Reader(settings, self._cluster, self._waiter, log).read

    def preview_create(self, urn: str, inputs: Values) -> dict[str, Any]:
        """The state as the API server would make it, or the inputs where it cannot tell."""
        tokens.kind(urn, values.opened(inputs))
        desired = values.opened(inputs)
        if not self._can_preview(desired) or not self._settings.server_side_apply:
            return dict(inputs)
        manager = naming.manager(desired, {}, self._settings)
        try:
            seen = self._writer.preview_create(desired, manager)
        except UnseenError:
            return dict(inputs)
        except RefusedError as error:
            raise RefusedError(_not_created(urn, error)) from error
        seen.pop("status", None)
        return checkpoint.state(desired, seen, inputs, api_version=desired["apiVersion"], manager=manager)

    def create(self, urn: str, inputs: Values, timeout: float) -> tuple[str, dict[str, Any]]:
        """Makes the object and waits until it is ready: its id and state."""
        api_version, kind = tokens.kind(urn, values.opened(inputs))
        self._must_be_reachable()
        desired = values.opened(inputs)
        manager = naming.manager(desired, {}, self._settings)
        wanted = self._waiter.wait_for(desired)
        try:
            live = self._writer.create(desired, manager)
        except NoMatchError as error:
            raise RefusedError(
                f'creation of resource "{urn}" with kind {api_version}/{kind} {_NO_API}: {error}'
            ) from error
        except (RefusedError, UnansweredError) as error:
            raise RefusedError(_not_created(urn, error)) from error
        if kind == "CustomResourceDefinition":
            self._cluster.forget_kinds()

        def state(obj: Object) -> dict[str, Any]:
            return checkpoint.state(desired, obj, inputs, api_version=desired["apiVersion"], manager=manager)

        try:
            live = self._waiter.until_ready(wanted, desired, live, timeout)
        except PartialError as error:
            told = (
                f'resource "{urn}" was successfully created, but the Kubernetes API server '
                f"reported that it failed to fully initialize or become live: {error}"
            )
            raise InitFailedError(objects.identity(error.live), state(error.live), told, error.reasons) from error
        return objects.identity(live), state(live)

    def preview_update(self, urn: str, olds: Values, news: Values, ignore: list[str]) -> dict[str, Any]:
        """The state as the API server would make it, or the inputs where it cannot tell."""
        desired = objects.writable(values.opened(news))
        if not self._can_preview(desired):
            return dict(news)
        manager = naming.manager(desired, olds, self._settings)
        try:
            seen = self._writer.update(desired, manager, ignore, dry_run=True)
        except NoMatchError:
            return dict(news)
        except ApiError as error:
            if error.forbidden:
                return dict(news)
            raise RefusedError(f'update of resource "{urn}" failed: {explained(error, manager)}') from error
        return self._state(desired, seen, news, olds, manager)

    def update(self, urn: str, olds: Values, news: Values, ignore: list[str], timeout: float) -> dict[str, Any]:
        """Changes the object and waits until it is ready."""
        tokens.kind(urn, values.opened(news))
        self._must_be_reachable()
        desired = objects.writable(values.opened(news))
        manager = naming.manager(desired, olds, self._settings)
        wanted, identity = self._waiter.wait_for(desired), objects.identity(desired)
        told = f'the Kubernetes API server reported that "{identity}" failed to fully initialize or become live: '
        try:
            live = self._writer.update(desired, manager, ignore, dry_run=False)
            live = self._waiter.until_ready(wanted, desired, live, timeout)
        except NoMatchError as error:
            raise RefusedError(f'update of resource "{urn}" {_NO_API}: {error}') from error
        except PartialError as error:
            state = self._state(desired, error.live, news, olds, manager)
            raise InitFailedError(identity, state, f"{told}{error}", error.reasons) from error
        except ApiError as error:
            reason = explained(error, manager)
            try:
                live = self._cluster.get(desired)
            except (ApiError, UnansweredError) as gone:
                said = f'update of resource "{urn}" failed: {reason}\nunable to get cluster state: {gone}'
                raise RefusedError(said) from error
            state = self._state(desired, live, news, olds, manager)
            raise InitFailedError(identity, state, f"{told}{reason}", []) from error
        if desired["kind"] == "CustomResourceDefinition":
            self._cluster.forget_kinds()
        return self._state(desired, live, news, olds, manager)

    def delete(self, urn: str, resource_id: str, state: Values, timeout: float) -> None:
        """Deletes the object and waits until it is gone."""
        api_version, kind = tokens.kind(urn)
        if reason := self._cluster.unreachable:
            self._log.warning(urn, f"{UNREACHABLE}: {reason}")
            if not self._settings.delete_unreachable:
                raise RefusedError(f"{UNREACHABLE}. {DELETE_UNREACHABLE}")
            self._log.info(urn, FORGOTTEN)
            return
        asked, live = checkpoint.parsed(state)
        space, name = objects.split(resource_id)
        wanted = {"apiVersion": live.get("apiVersion", api_version), "kind": live.get("kind", kind)}
        wanted["metadata"] = {"name": name, **({"namespace": space} if space else {})}
        self._waiter.delete(asked, wanted, timeout)
        if kind == "CustomResourceDefinition":
            self._cluster.forget_kinds()

    def _state(self, desired: Object, live: Object, news: Values, olds: Values, manager: str) -> dict[str, Any]:
        initial = str(olds.get(checkpoint.INITIAL_API_VERSION) or desired["apiVersion"])
        return checkpoint.state(desired, live, news, api_version=initial, manager=manager)

    def _can_preview(self, desired: Object) -> bool:
        """Whether the API server can tell what the object will be."""
        if values.has_unknown(desired) or not self._settings.known or self._cluster.unreachable:
            return False
        try:
            self._cluster.kind(str(desired["apiVersion"]), str(desired["kind"]))
        except (NoMatchError, ApiError, UnansweredError):
            return False
        return True

    def _must_be_reachable(self) -> None:
        if reason := self._cluster.unreachable:
            raise RefusedError(f"{UNREACHABLE}: {reason}")


def _not_created(urn: str, error: Exception) -> str:
    return f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}'
