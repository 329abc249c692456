"""Messages to the user beside a resource, by way of the engine."""

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from gitops_infra.sandbox.plugins.serving import MESSAGE_LIMIT


class EngineLog:
    """The engine at an address; without one messages go nowhere."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stub: engine_pb2_grpc.EngineStub | None = None

    def attach(self, address: str) -> None:
        """From now on, to the engine at this address."""
        self._address, self._stub = address, None

    def info(self, urn: str, message: str) -> None:
        """Shows a message."""
        self._log(engine_pb2.INFO, urn, message)

    def warning(self, urn: str, message: str) -> None:
        """Shows a warning."""
        self._log(engine_pb2.WARNING, urn, message)

    def _log(self, severity: "engine_pb2.LogSeverity.ValueType", urn: str, message: str) -> None:
        if not self._address:
            return
        if self._stub is None:
            options = [("grpc.max_send_message_length", MESSAGE_LIMIT)]
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address, options=options))
        try:
            self._stub.Log(engine_pb2.LogRequest(severity=severity, urn=urn, message=message), timeout=5)
        except grpc.RpcError:
            return  # a message that cannot be shown must not fail the operation that it is about
