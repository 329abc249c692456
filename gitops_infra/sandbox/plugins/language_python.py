"""The Python language host of the sandbox, so that plain `pulumi up` works with a built CLI.

Started by the CLI as `pulumi-language-python`; speaks `pulumirpc.LanguageRuntime`. It runs programs; component
plugins, policy packs, code generation and installation of dependencies are refused by name.
"""

# ruff: noqa: ARG002, D102, N802  gRPC decides names and signatures of the methods
import importlib.metadata
import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from gitops_infra.sandbox.plugins import interpreter, run_program
from gitops_infra.sandbox.plugins.serving import engine_address, refusing_the_rest, serve

OWNER = "the Python language host of the sandbox"
_SERVICE = language_pb2.DESCRIPTOR.services_by_name["LanguageRuntime"]
_GRACE_SECONDS = 3


@refusing_the_rest(_SERVICE, OWNER)
class PythonHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs Python programs, each in a process group of its own, so that a cancellation ends all of it."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._children: set[subprocess.Popen[bytes]] = set()
        self._cancelled = threading.Event()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [
            plugin_pb2.PluginDependency(name=row["name"], kind="resource", version=_tag(row), server=_server(row))
            for row in interpreter.plugins(_interpreter(request.info, context))
            if "parameterization" not in row
        ]
        return language_pb2.GetRequiredPluginsResponse(plugins=found)

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [_package(row) for row in interpreter.plugins(_interpreter(request.info, context))]
        return language_pb2.GetRequiredPackagesResponse(packages=found)

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        installed = interpreter.packages(_interpreter(request.info, context))
        rows = [row for row in installed if request.transitiveDependencies or not row.needed]
        listed = [language_pb2.DependencyInfo(name=row.name, version=row.version) for row in rows]
        return language_pb2.GetProgramDependenciesResponse(dependencies=listed)

    def About(self, request: Any, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        python = _interpreter(request.info, context)
        return language_pb2.AboutResponse(executable=str(python), version=interpreter.version(python))

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        message = f"{OWNER} installs nothing. Install the project's requirements with pip or uv, then run pulumi again"
        context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
        yield  # a streaming method has to be a generator

    def Run(self, request: Any, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        if request.attach_debugger:
            return language_pb2.RunResponse(error=f"{OWNER} does not implement --attach-debugger")
        try:
            python = interpreter.choose(_options(request.info), Path(request.info.root_directory))
        except interpreter.OptionError as error:
            return language_pb2.RunResponse(error=str(error))
        code = self._execute(python, self._given(request), context)
        if self._cancelled.is_set():
            return language_pb2.RunResponse(error="the program was cancelled")
        if code == 0:
            return language_pb2.RunResponse()
        if code == run_program.SHOWN:
            return language_pb2.RunResponse(bail=True)
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return language_pb2.RunResponse(error=f"the program {how}")

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._cancelled.set()
        self.end_children()
        return empty_pb2.Empty()

    def end_children(self) -> None:
        """Ends running programs and what they started: asked first, killed after three seconds."""
        for child in list(self._children):
            _signal(child, signal.SIGTERM)
        for child in list(self._children):
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)

    def _given(self, request: Any) -> dict[str, Any]:
        """What `run_program` reads."""
        return {
            "root": request.info.root_directory,
            "directory": request.info.program_directory,
            "entry_point": request.info.entry_point,
            "args": list(request.args),
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization or "organization",
            "monitor": request.monitor_address,
            "engine": self._engine,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
            "config": dict(request.config),
            "config_secret_keys": list(request.configSecretKeys),
        }

    def _execute(self, python: Path, given: dict[str, Any], context: grpc.ServicerContext) -> int:
        """The program's exit code, negative for a signal. Its output goes where the host's goes: to the engine."""
        with subprocess.Popen(
            [str(python), "-u", run_program.__file__],
            stdin=subprocess.PIPE,
            cwd=given["directory"],
            start_new_session=True,
        ) as child:
            self._children.add(child)
            # The engine may drop the call without a Cancel.
            context.add_callback(lambda: _signal(child, signal.SIGKILL))
            try:
                child.communicate(json.dumps(given).encode())
            finally:
                self._children.discard(child)
        return child.returncode


def _signal(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    if child.returncode is None:  # else its number may belong to another process by now
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return


def _options(info: Any) -> dict[str, Any]:
    return dict(json_format.MessageToDict(info.options))


def _interpreter(info: Any, context: grpc.ServicerContext) -> Path:
    try:
        return interpreter.choose(_options(info), Path(info.root_directory))
    except interpreter.OptionError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise AssertionError from error  # abort does not return


def _tag(row: dict[str, Any]) -> str:
    return f"v{row['version']}" if row.get("version") else ""


def _server(row: dict[str, Any]) -> str:
    return str(row.get("server", ""))


def _package(row: dict[str, Any]) -> plugin_pb2.PackageDependency:
    package = plugin_pb2.PackageDependency(name=row["name"], kind="resource", version=_tag(row), server=_server(row))
    if given := row.get("parameterization"):
        package.parameterization.name = given["name"]
        package.parameterization.version = given["version"]
        package.parameterization.value = given["value"].encode()
    return package


def main() -> None:
    """Serves until the CLI is gone; then its programs go too."""
    host = PythonHost(engine_address())
    serve(
        lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server),
        on_end=host.end_children,
    )


if __name__ == "__main__":
    main()
