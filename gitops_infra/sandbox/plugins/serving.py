"""Serves a plugin the way the engine expects: a port on standard output, an end together with the engine."""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc

MESSAGE_LIMIT = 400 * 1024 * 1024
"""Bytes of one message, as in Pulumi's own SDKs: a large state does not fit gRPC's 4 MB."""

_WATCH_SECONDS = 0.5
_Servicer = TypeVar("_Servicer", bound=type)


def serve(register: Callable[[grpc.Server], None], on_end: Callable[[], None] = lambda: None) -> None:
    """Serves on a free loopback port until it is told to end or the parent is gone; writes the port as the first line.

    `on_end` runs before the process ends, for instance to end children.
    """
    # The engine says goodbye with SIGINT and waits five seconds for the end. A CLI that a shell started in the
    # background has SIGINT ignored, and so have its children, unless they take it themselves.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options = [("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)]
    parent = os.getppid()
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=options)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        # A killed engine cannot say goodbye; without this its plugins would stay for ever.
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        on_end()
        server.stop(grace=0)


def engine_address(arguments: list[str] | None = None) -> str:
    """The engine's address: the last argument that is no flag; empty when attached by hand."""
    given = sys.argv[1:] if arguments is None else arguments
    return next((argument for argument in reversed(given) if not argument.startswith("-")), "")


def refusing_the_rest(service: Any, owner: str) -> Callable[[_Servicer], _Servicer]:
    """Decorates a servicer: each method of `service` that it does not define is refused by name.

    The status stays UNIMPLEMENTED, which the engine knows how to live with for optional methods.
    """

    def decorate(servicer: _Servicer) -> _Servicer:
        for method in service.methods:
            if method.name not in vars(servicer):
                setattr(servicer, method.name, _refusal(owner, method.name, streams=method.server_streaming))
        return servicer

    return decorate


def _refusal(owner: str, method: str, *, streams: bool) -> Callable[..., Any]:
    def refuse(_self: object, _request: object, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{owner} does not implement {method}")

    def refuse_stream(_self: object, _request: object, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{owner} does not implement {method}")
        yield  # makes this a generator, which a streaming method has to be

    return refuse_stream if streams else refuse
