"""The cluster of a provider: whether it answers, what kinds it has, and one method for each verb."""

import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_infra.sandbox.plugins.kubernetes import kubeconfig
from gitops_infra.sandbox.plugins.kubernetes.failures import ApiError, NoMatchError, UnansweredError
from gitops_infra.sandbox.plugins.kubernetes.objects import Object, name, namespace, without
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings
from gitops_infra.sandbox.plugins.kubernetes.tokens import BUILT_IN, OWNER

if TYPE_CHECKING:
    from gitops_infra.sandbox.plugins.kubernetes.transport import Transport

PROBE_SECONDS = 10.0
"""A cluster that has not answered by then is unreachable, for this provider and until it ends."""

_PARSE = "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- "
_LOAD = "unable to load Kubernetes client configuration from kubeconfig file. "
_SCHEMA = "unable to load schema information from the API server: "
_NONE = (
    f"The provider has no kubeconfig, and {OWNER} does not read ~/.kube/config, which may be of a real cluster: "
    f"set kubeconfig on the provider"
)


class _UnreachableError(Exception):
    """Why there is no cluster."""


@dataclass(frozen=True)
class Kind:
    """One kind of object on the API server."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, space: str = "", object_name: str = "") -> str:
        """The path of an object, or without a name of all."""
        root = "/api" if "/" not in self.api_version else "/apis"
        inside = f"/namespaces/{quote(space or 'default')}" if self.namespaced else ""
        return f"{root}/{self.api_version}{inside}/{self.plural}" + (f"/{quote(object_name)}" if object_name else "")


class Cluster:
    """Connects in the background, asks once whether the API server answers, and remembers the answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config: kubeconfig.Kubeconfig = {}
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._lock = threading.Lock()
        self._probe: Future[Transport] = ThreadPoolExecutor(1).submit(self._connect)

    @cached_property
    def unreachable(self) -> str:
        """Why it cannot be used; empty if it can. Waits for the probe, 10 seconds at most."""
        if not self._settings.known:
            return "the configuration of its provider is not known yet"
        try:
            self._probe.result(PROBE_SECONDS)
        except FutureTimeoutError:
            return f"{_SCHEMA}no answer within {PROBE_SECONDS:.0f} seconds"
        except _UnreachableError as error:
            return str(error)
        return ""

    @cached_property
    def default_namespace(self) -> str:
        """Where objects without a namespace go: the provider's, else the kubeconfig's, else `default`."""
        if self._settings.namespace:
            return self._settings.namespace
        _ = self.unreachable
        return kubeconfig.namespace(self._config)

    def kind(self, api_version: str, kind: str) -> Kind:
        """How the API server knows a kind. Raises NoMatchError; remembers only what there is."""
        if found := _built_in(api_version, kind) or self._kinds.get((api_version, kind)):
            return found
        root = "/api" if "/" not in api_version else "/apis"
        try:
            listed = self._transport.request("GET", f"{root}/{api_version}").get("resources") or []
        except ApiError as error:
            if error.not_found:
                raise NoMatchError(api_version, kind) from error
            raise
        with self._lock:
            self._kinds |= {
                (api_version, row["kind"]): Kind(api_version, row["name"], row["namespaced"])
                for row in listed
                if "/" not in row["name"]
            }
        if (api_version, kind) not in self._kinds:
            raise NoMatchError(api_version, kind)
        return self._kinds[api_version, kind]

    def forget_kinds(self) -> None:
        """After a change of a definition, kinds are asked for again."""
        with self._lock:
            self._kinds.clear()

    def is_namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of a kind live in a namespace; None if the API server cannot tell."""
        if found := _built_in(api_version, kind):
            return found.namespaced
        if self.unreachable:
            return None
        try:
            return self.kind(api_version, kind).namespaced
        except (NoMatchError, ApiError, UnansweredError):
            return None

    def get(self, obj: Mapping[str, Any]) -> Object:
        """The live object of the same kind, namespace and name."""
        return self._transport.request("GET", self._path(obj, named=True))

    def create(self, obj: Object, manager: str, *, dry_run: bool) -> Object:
        """A new object; refused with AlreadyExists if there is one."""
        kind = self.kind(obj["apiVersion"], obj["kind"])
        query = {"fieldManager": manager, "dryRun": dry_run and "All", "fieldValidation": "Warn"}
        path = kind.path(namespace(obj))
        return self._transport.request("POST", path, query=query, body=_scoped(obj, kind))

    def apply(self, obj: Object, manager: str, *, force: bool, dry_run: bool) -> Object:
        """Server-side apply."""
        from gitops_infra.sandbox.plugins.kubernetes.transport import APPLY  # noqa: PLC0415  as in _connect

        kind = self.kind(obj["apiVersion"], obj["kind"])
        query = {
            "fieldManager": manager,
            "force": force and "true",
            "dryRun": dry_run and "All",
            "fieldValidation": "Warn",
        }
        path = kind.path(namespace(obj), name(obj))
        return self._transport.request("PATCH", path, query=query, body=_scoped(obj, kind), content_type=APPLY)

    def replace(self, obj: Object, manager: str, *, dry_run: bool) -> Object:
        """Writes the whole object over the version that it names."""
        query = {"fieldManager": manager, "dryRun": dry_run and "All"}
        return self._transport.request("PUT", self._path(obj, named=True), query=query, body=obj)

    def patch(self, obj: Mapping[str, Any], operations: list[dict[str, Any]]) -> Object:
        """JSON patch."""
        from gitops_infra.sandbox.plugins.kubernetes.transport import JSON_PATCH  # noqa: PLC0415  as in _connect

        path = self._path(obj, named=True)
        return self._transport.request("PATCH", path, body=operations, content_type=JSON_PATCH)

    def delete(self, obj: Mapping[str, Any], policy: str) -> None:
        """Asks for the deletion; it may take its time."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        self._transport.request("DELETE", self._path(obj, named=True), body=body)

    def endpoint_slices(self, service: Mapping[str, Any]) -> list[Object]:
        """The endpoints of a Service."""
        path = Kind("discovery.k8s.io/v1", "endpointslices", namespaced=True).path(namespace(service))
        query = {"labelSelector": f"kubernetes.io/service-name={name(service)}"}
        return list(self._transport.request("GET", path, query=query).get("items") or [])

    def _path(self, obj: Mapping[str, Any], *, named: bool) -> str:
        kind = self.kind(str(obj["apiVersion"]), str(obj["kind"]))
        return kind.path(namespace(obj), name(obj) if named else "")

    @cached_property
    def _transport(self) -> "Transport":
        return self._probe.result(PROBE_SECONDS)

    def _connect(self) -> "Transport":
        text = self._settings.kubeconfig or os.environ.get("KUBECONFIG", "")
        try:
            parsed = kubeconfig.parse(text)
        except kubeconfig.KubeconfigError as error:
            raise _UnreachableError(f"{_PARSE}{error}") from error
        # The client takes 0.25 s to import: only here, beside whatever else goes on.
        from gitops_infra.sandbox.plugins.kubernetes.transport import Transport  # noqa: PLC0415

        if not parsed:
            raise _UnreachableError(f"{_LOAD}{_NONE}")
        try:
            self._config = kubeconfig.active(parsed, self._settings.context, self._settings.cluster)
            transport = Transport(self._config, self._settings.timeout)
        except kubeconfig.KubeconfigError as error:
            raise _UnreachableError(f"{_LOAD}{error}") from error
        try:
            transport.request("GET", "/api/v1")
        except (ApiError, UnansweredError) as error:
            raise _UnreachableError(f"{_SCHEMA}{error}") from error
        return transport


def _built_in(api_version: str, kind: str) -> Kind | None:
    found = BUILT_IN.get((api_version, kind))
    return Kind(api_version, *found) if found else None


def _scoped(obj: Object, kind: Kind) -> Object:
    """A kind that nobody knew when the namespace was filled in may turn out to have none."""
    return obj if kind.namespaced else without(obj, "namespace")
