"""The tls provider of the sandbox: `tls:index/privateKey:PrivateKey` and nothing else.

Started by the engine as `pulumi-resource-tls`; speaks `pulumirpc.ResourceProvider`.
"""

# ruff: noqa: ARG002, D102, N802  gRPC decides names and signatures of the methods
import importlib.metadata
import json
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from gitops_infra.sandbox.plugins import private_keys, wire
from gitops_infra.sandbox.plugins.serving import refusing_the_rest, serve

TOKEN = "tls:index/privateKey:PrivateKey"  # noqa: S105  a type token
OWNER = f"the tls plugin of the sandbox (it has only {TOKEN})"
_SERVICE = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"]
# The SDK sets them on every provider; they say nothing about keys.
_CONFIG = {"version", "pluginDownloadURL"}
_INTEGERS = {"rsaBits"}


@refusing_the_rest(_SERVICE, OWNER)
class TlsProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Makes key pairs. They live only in the stack's state, so there is nothing outside to read, change or delete."""

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=_version())

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema()))

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetMappingResponse:
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetMappingsResponse:
        return provider_pb2.GetMappingsResponse()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        failures = [
            provider_pb2.CheckFailure(property=name, reason=f"{OWNER} has no setting {name!r}; remove it")
            for name in sorted(set(wire.read(request.news)) - _CONFIG)
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        _only_keys(request.urn, context)
        given = {name: wire.revealed(value) for name, value in wire.read(request.news).items()}
        found = private_keys.problems(given, wire.UNKNOWN)
        failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in found]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        _only_keys(request.urn, context)
        olds = request.old_inputs if request.HasField("old_inputs") else request.olds
        ignored = set(request.ignoreChanges)
        before, after = _effective(olds), _effective(request.news)
        changed = [name for name in after if after[name] != before.get(name) and name not in ignored]
        kinds = {name: provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.UPDATE_REPLACE) for name in changed}
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=changed,
            diffs=changed,
            detailedDiff=kinds,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        _only_keys(request.urn, context)
        inputs = wire.read(request.properties)
        outputs: dict[str, Any] = dict(private_keys.DEFAULTS) | inputs
        if request.preview:
            outputs |= dict.fromkeys(private_keys.PUBLIC, wire.UNKNOWN)
            outputs |= dict.fromkeys(private_keys.PRIVATE, wire.secret(wire.UNKNOWN))
            return provider_pb2.CreateResponse(properties=wire.write(outputs))
        identity, made = private_keys.make({name: wire.revealed(value) for name, value in inputs.items()})
        outputs |= made | {name: wire.secret(made[name]) for name in private_keys.PRIVATE}
        return provider_pb2.CreateResponse(id=identity, properties=wire.write(outputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        _only_keys(request.urn, context)
        state = wire.read(request.properties)
        if not state:
            message = f"{request.urn}: a PrivateKey cannot be imported or looked up, it exists only in a stack's state"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        for name in private_keys.PRIVATE:
            if name in state and not wire.is_secret(state[name]):
                state[name] = wire.secret(state[name])
        return provider_pb2.ReadResponse(id=request.id, properties=wire.write(state), inputs=request.inputs)

    def Update(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        # Every change replaces (see Diff), so the engine never asks; made clear in case it does.
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{request.urn}: a PrivateKey is replaced, never updated")
        raise AssertionError

    def Delete(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        _only_keys(request.urn, context)
        return empty_pb2.Empty()


def schema() -> dict[str, Any]:
    """The package schema of what is served here."""

    def described(names: list[str]) -> dict[str, Any]:
        return {
            name: {"type": "integer" if name in _INTEGERS else "string", "secret": name in private_keys.PRIVATE}
            for name in names
        }

    inputs = ["algorithm", *private_keys.DEFAULTS]
    resource = {
        "properties": described([*inputs, *private_keys.PRIVATE, *private_keys.PUBLIC]),
        "required": [*inputs, *private_keys.PRIVATE, *private_keys.PUBLIC],
        "inputProperties": described(inputs),
        "requiredInputs": ["algorithm"],
    }
    return {"name": "tls", "version": _version(), "resources": {TOKEN: resource}}


def _version() -> str:
    return importlib.metadata.version("pulumi-tls")


def _effective(struct: Any) -> dict[str, Any]:
    """The inputs that decide a key, without marks and with defaults."""
    values = {name: wire.revealed(value) for name, value in wire.read(struct).items()}
    complete = private_keys.with_defaults(values)
    return {name: complete.get(name) for name in ("algorithm", *private_keys.DEFAULTS)}


def _only_keys(urn: str, context: grpc.ServicerContext) -> None:
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    if token != TOKEN:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{OWNER} does not implement {token} ({urn})")


def main() -> None:
    """Serves until the engine is gone."""
    serve(lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(TlsProvider(), server))


if __name__ == "__main__":
    main()
