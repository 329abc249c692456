"""Turns what goes wrong into what the engine understands."""

import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from pulumi.runtime.proto import provider_pb2, status_pb2

from gitops_infra.sandbox.plugins import wire
from gitops_infra.sandbox.plugins.kubernetes.failures import ApiError, NoMatchError, RefusedError, UnansweredError
from gitops_infra.sandbox.plugins.kubernetes.tokens import OWNER, NotServedError
from gitops_infra.sandbox.plugins.kubernetes.values import Redactor

_Method = Callable[[Any, Any], Any]
_PROPERTIES = ("properties", "inputs", "olds", "news", "old_inputs")


@dataclass(eq=False)  # an exception has to stay hashable
class InitFailedError(Exception):
    """A resource that exists, and is not as it should be: the engine stores `properties` and shows the rest."""

    resource_id: str
    properties: dict[str, Any]
    message: str
    reasons: list[str]
    inputs: dict[str, Any] | None = None


class _Status(grpc.Status):
    def __init__(self, details: str, status: status_pb2.Status) -> None:
        self.code = grpc.StatusCode.UNKNOWN
        self.details = details
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def answering(method: _Method) -> Callable[..., Any]:
    """Decorates a method of the servicer: failures are told in their own words, without any secret value."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except NotServedError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except InitFailedError as error:
            _partial(error, _redactor(request), context)
        except (ApiError, NoMatchError, RefusedError, UnansweredError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, _redactor(request)(str(error)))
        except Exception as error:  # noqa: BLE001  the text of any other may hold values, so only its place is told
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            context.abort(grpc.StatusCode.INTERNAL, f"{OWNER} failed: {type(error).__name__} in {place}")

    return answer


def _partial(error: InitFailedError, redact: Redactor, context: grpc.ServicerContext) -> NoReturn:
    message = redact(error.message)
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=wire.write(error.properties),
        reasons=[message, *map(redact, error.reasons)],
        inputs=wire.write(error.inputs) if error.inputs is not None else None,
    )
    packed = AnyMessage()
    packed.Pack(detail)
    code = grpc.StatusCode.UNKNOWN.value[0]
    context.abort_with_status(_Status(message, status_pb2.Status(code=code, message=message, details=[packed])))
    raise AssertionError  # it does not return


def _redactor(request: Any) -> Redactor:
    known = {field.name for field in request.DESCRIPTOR.fields}
    return Redactor(*(wire.read(getattr(request, name)) for name in _PROPERTIES if name in known))
