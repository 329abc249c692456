"""Runs one program once on an engine that answers at once: `python -m bench.child ours|bare ENVIRONMENTS`.

Engine and monitor are plain objects in the same process, so time and memory are the program's own and the SDK's.
Prints the peak memory in bytes and the number of registrations as JSON.
"""

import asyncio
import importlib
import json
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2
from pulumi import runtime
from pulumi.runtime import stack
from pulumi.runtime.proto import engine_pb2, resource_pb2

from bench.subject import Subject

PROJECT, STACK = "bench", "bench"
PARALLEL = 8
"""What the engine tells a program on two cores; the language host gives it four threads for each."""

COMPUTED: dict[str, dict[str, str]] = {
    "tls:index/privateKey:PrivateKey": {
        "privateKeyOpenssh": "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "x" * 300,
        "publicKeyOpenssh": "ssh-ed25519 " + "A" * 68 + "\n",
        "publicKeyFingerprintSha256": "SHA256:" + "x" * 43,
    },
    "github:index/repository:Repository": {
        "sshCloneUrl": "git@forge.invalid:acme/state.git",
        "httpCloneUrl": "https://forge.invalid/acme/state.git",
        "htmlUrl": "https://forge.invalid/acme/state",
    },
}
"""Outputs that a provider computes and the programs read."""


class Monitor:
    """Accepts every registration and gives back its inputs and what a provider would compute."""

    def __init__(self) -> None:
        self.registered = 0

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """A new resource, as after a successful create."""
        self.registered += 1
        answer = resource_pb2.RegisterResourceResponse(urn=_urn(request))
        answer.object.CopyFrom(request.object)
        for name, value in COMPUTED.get(request.type, {}).items():
            answer.object[name] = value
        if request.custom:
            answer.id = f"id-of-{request.name}"
        return answer

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """No outputs of the stack yet, as before its first `up`. Raises NotImplementedError for another function."""
        if request.tok != "pulumi:pulumi:readStackOutputs":
            raise NotImplementedError(request.tok)
        answer = resource_pb2.ResourceInvokeResponse()
        getattr(answer, "return").update({"name": request.args["name"], "outputs": {}})
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Nothing: outputs are not kept."""
        return empty_pb2.Empty()

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Every feature that the engine of today has."""
        return resource_pb2.DeploymentInfo(
            supportedFeatures=[
                number
                for name, number in resource_pb2.ResourceMonitorFeature.items()
                if not name.endswith("_UNSPECIFIED")
            ]
        )

    def SignalAndWaitForShutdown(self, request: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """The program may end."""
        return empty_pb2.Empty()


class Engine:
    """Takes log messages, the only thing a program says to it here."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def Log(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keeps warnings and errors."""
        if request.severity in {engine_pb2.WARNING, engine_pb2.ERROR}:
            self.errors.append(request.message)
        return empty_pb2.Empty()

    def SetRootResource(self, request: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Nothing to keep."""
        return engine_pb2.SetRootResourceResponse()


def main(contestant: str, environments: int) -> None:
    """Runs the program and prints the result. Raises what the program raises."""
    monitor, engine = Monitor(), Engine()
    runtime.configure(
        runtime.Settings(
            project=PROJECT,
            stack=STACK,
            organization="organization",
            monitor=monitor,
            engine=engine,
            parallel=PARALLEL,
            dry_run=False,
            root_directory=str(Path.cwd()),
        )
    )
    runtime.set_all_config({}, [])
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=4 * PARALLEL))

    def execute() -> None:
        importlib.import_module(f"bench.{contestant}").program(Subject(environments))

    loop.run_until_complete(stack.run_in_stack(execute))
    if engine.errors:
        raise RuntimeError(engine.errors[0])
    print(json.dumps({"peak": peak_memory(), "registered": monitor.registered}), flush=True)
    # What interpreters do on their way out is the same for everybody and takes as long as it likes.
    os._exit(0)


def peak_memory() -> int:
    """Bytes. Linux counts from the start of this program; its `ru_maxrss` would count the parent's memory too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    factor = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


def _urn(request: Any) -> str:
    kind = request.type
    if request.parent:
        above = request.parent.split("::")[2]
        kind = request.type if above.endswith("pulumi:pulumi:Stack") else f"{above}${request.type}"
    return f"urn:pulumi:{STACK}::{PROJECT}::{kind}::{request.name}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
