"""The kubernetes provider of the sandbox.

Started by the engine as `pulumi-resource-kubernetes`; speaks `pulumirpc.ResourceProvider`. It behaves as the official
provider does for the resource types that the SDK uses (`tokens`); every other type is refused by name.
"""

# ruff: noqa: ARG002, D102, N802  gRPC decides names and signatures of the methods
import importlib.metadata
import json
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from gitops_infra.sandbox.plugins import wire
from gitops_infra.sandbox.plugins.kubernetes import settings as configuration
from gitops_infra.sandbox.plugins.kubernetes.answering import answering
from gitops_infra.sandbox.plugins.kubernetes.engine_log import EngineLog
from gitops_infra.sandbox.plugins.kubernetes.resources import Resources
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings
from gitops_infra.sandbox.plugins.kubernetes.tokens import BUILT_IN, OWNER
from gitops_infra.sandbox.plugins.serving import engine_address, refusing_the_rest, serve

PACKAGE = "kubernetes"
_KINDS = provider_pb2.PropertyDiff.Kind
_SERVICE = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"]


@refusing_the_rest(_SERVICE, OWNER)
class KubernetesProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Objects on one cluster."""

    def __init__(self, engine: str = "") -> None:
        self._log = EngineLog(engine)
        self._cancelled = threading.Event()
        self._settings = Settings(known=False)

    @cached_property
    def _resources(self) -> Resources:
        return Resources(self._settings, self._cancelled, self._log)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._log.attach(request.address)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.cancel()
        return empty_pb2.Empty()

    def cancel(self) -> None:
        """Ends all waits."""
        self._cancelled.set()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=_version())

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema()))

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetMappingResponse:
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetMappingsResponse:
        return provider_pb2.GetMappingsResponse()

    @answering
    def CheckConfig(self, request: Any) -> provider_pb2.CheckResponse:
        news = _revealed(wire.read(request.news))
        failures = [
            provider_pb2.CheckFailure(property=name, reason=reason)
            for name, reason in configuration.problems(request.urn, news)
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @answering
    def DiffConfig(self, request: Any) -> provider_pb2.DiffResponse:
        olds, news = _revealed(wire.read(request.olds)), _revealed(wire.read(request.news))
        differing, replaces = configuration.changes(olds, news)
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        changes = some if differing else none
        return provider_pb2.DiffResponse(changes=changes, diffs=differing, replaces=replaces)

    @answering
    def Configure(self, request: Any) -> provider_pb2.ConfigureResponse:
        self._settings = configuration.configured(dict(request.variables))
        _ = self._resources  # connects meanwhile
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answering
    def Check(self, request: Any) -> provider_pb2.CheckResponse:
        inputs = self._resources.check(
            request.urn,
            wire.read(request.news),
            wire.read(request.olds) if request.HasField("olds") else {},
            seed=request.randomSeed,
            options=request.autonaming if request.HasField("autonaming") else None,
        )
        return provider_pb2.CheckResponse(inputs=wire.write(inputs))

    @answering
    def Diff(self, request: Any) -> provider_pb2.DiffResponse:
        found = self._resources.diff(
            request.urn, wire.read(request.olds), wire.read(request.news), list(request.ignoreChanges)
        )
        detailed = {
            str(one): provider_pb2.PropertyDiff(
                kind=_KINDS.Value(f"{one.change}_REPLACE" if one in found.replaces else one.change),
                inputDiff=one.change == "DELETE",
            )
            for one in found.differences
        }
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if detailed else none,
            replaces=[str(one) for one in found.replaces],
            deleteBeforeReplace=found.delete_first,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    @answering
    def Create(self, request: Any) -> provider_pb2.CreateResponse:
        inputs = wire.read(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(
                properties=wire.write(self._resources.preview_create(request.urn, inputs))
            )
        identity, state = self._resources.create(request.urn, inputs, request.timeout)
        return provider_pb2.CreateResponse(id=identity, properties=wire.write(state))

    @answering
    def Update(self, request: Any) -> provider_pb2.UpdateResponse:
        olds, news, ignore = wire.read(request.olds), wire.read(request.news), list(request.ignoreChanges)
        if request.preview:
            state = self._resources.preview_update(request.urn, olds, news, ignore)
        else:
            state = self._resources.update(request.urn, olds, news, ignore, request.timeout)
        return provider_pb2.UpdateResponse(properties=wire.write(state))

    @answering
    def Read(self, request: Any) -> provider_pb2.ReadResponse:
        found = self._resources.read(request.urn, request.id, wire.read(request.properties), wire.read(request.inputs))
        if found is None:
            return provider_pb2.ReadResponse()
        state, inputs = found
        return provider_pb2.ReadResponse(id=request.id, properties=wire.write(state), inputs=wire.write(inputs))

    @answering
    def Delete(self, request: Any) -> empty_pb2.Empty:
        self._resources.delete(request.urn, request.id, wire.read(request.properties), request.timeout)
        return empty_pb2.Empty()


def schema() -> dict[str, Any]:
    """The package schema of what is served here: the types, without their many properties."""
    listed = {}
    for api_version, kind in BUILT_IN:
        module = api_version if "/" in api_version else f"core/{api_version}"
        listed[f"{PACKAGE}:{module}:{kind}"] = {"description": f"{kind}, see the Kubernetes API."}
    return {"name": PACKAGE, "version": _version(), "resources": listed}


def _revealed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wire.revealed(value) for name, value in values.items()}


def _version() -> str:
    return importlib.metadata.version("pulumi-kubernetes")


def main() -> None:
    """Serves until the engine is gone."""
    provider = KubernetesProvider(engine_address())
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server),
        on_end=provider.cancel,
    )


if __name__ == "__main__":
    main()
