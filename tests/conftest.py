"""A recording stand-in for Pulumi's engine: what a program registers, with every option.

It proves what is asked of the engine, not what the engine or a forge does with it; `tests` marked `engine` prove that.
"""

import asyncio
import contextvars
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

# Its pytest plugin imports it when a run ends, at the latest. Python 3.11 may then fail to compile it beside threads
# that tests have left (CPython gh-106905). Here there are none yet.
import hypothesis  # noqa: F401
import pulumi
import pytest
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc
from pulumi.runtime.stack import run_pulumi_func

from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.toolchain.progress import default_progress


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds the engine before the first test that needs it: inside a test, the time limit would stop it."""
    if any(item.get_closest_marker("engine") for item in session.items) and not session.config.option.collectonly:
        Engine.prepare(progress=default_progress())


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The real engine with its plugins."""
    return Engine.prepare()


@pytest.fixture(scope="session")
def kill_session() -> Callable[[int], None]:
    """Kills (SIGKILL) a process that leads a session, with all that it started: engine, host, program, plugins."""
    return _kill_session


def _kill_session(leader: int) -> None:
    # The engine first: its plugins have process groups of their own, and it would see them end.
    os.killpg(leader, signal.SIGKILL)
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True).stdout
    for pid in map(int, listed.split()):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"

ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "tls:index/privateKey:PrivateKey": {
        "privateKeyOpenssh": "PRIVATE-KEY-CANARY",
        "privateKeyPem": "PRIVATE-KEY-CANARY",
        "publicKeyOpenssh": "ssh-ed25519 AAAA\n",
        "publicKeyFingerprintSha256": "SHA256:fingerprint",
    },
    "github:index/repository:Repository": {
        "httpCloneUrl": "https://forge.invalid/acme/made.git",
        "sshCloneUrl": "git@forge.invalid:acme/made.git",
        "htmlUrl": "https://forge.invalid/acme/made",
    },
}
"""Outputs that the providers compute."""


@dataclass(frozen=True)
class Registered:
    """One registration as the engine received it."""

    type: str
    name: str
    urn: str
    parent: str
    inputs: Mapping[str, Any]
    """Keys as the provider knows them; a secret is its plain value here."""
    secrets: frozenset[str]
    """Inputs that were marked secret on the wire."""
    dependencies: frozenset[str]
    retain: bool | None
    """None: not said, so the parent's holds."""
    deleted_with: str
    ignore_changes: tuple[str, ...]
    secret_outputs: tuple[str, ...]
    provider: str
    import_id: str
    """Id under which the forge has it already; empty: it is made."""
    aliases: tuple[str, ...]
    """Names that it had before; an empty one is the same name without the parent."""
    hooks: Mapping[str, tuple[str, ...]]
    """Names of hooks by the moment when they run, such as `before_update`."""


@dataclass
class Recorded:
    """Everything that one program did."""

    resources: list[Registered] = field(default_factory=list)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    exports: Mapping[str, Any] = field(default_factory=dict)

    def names(self) -> list[tuple[str, str]]:
        """Short type and name of everything but the stack, sorted."""
        return sorted((one.type.split(":")[-1], one.name) for one in self.resources)

    def one(self, kind: str, name: str | None = None) -> Registered:
        """The only resource of that short type (and name)."""
        found = [one for one in self.resources if one.type.endswith(f":{kind}") and name in (None, one.name)]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}: {[one.name for one in found]}"
        return found[0]

    def every(self, kind: str) -> list[Registered]:
        """All resources of that short type, by name."""
        return sorted((one for one in self.resources if one.type.endswith(f":{kind}")), key=lambda one: one.name)

    def before(self, resource: Registered) -> set[str]:
        """Names of all resources that exist before it, through any number of dependencies."""
        by_urn = {one.urn: one for one in self.resources}
        waiting, seen = list(resource.dependencies), set()
        while waiting:
            urn = waiting.pop()
            if urn not in seen:
                seen.add(urn)
                waiting.extend(by_urn[urn].dependencies)
        return {by_urn[urn].name for urn in seen}


class _Mocks(mocks.Mocks):
    def __init__(
        self, recorded: Recorded, calls: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.recorded, self.answers, self.outputs = recorded, calls, outputs

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return f"id-of-{args.name}", {**args.inputs, **ANSWERS.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token == "pulumi:pulumi:readStackOutputs":
            return {"name": args.args["name"], "outputs": dict(self.outputs.get(args.args["name"], {}))}, []
        self.recorded.calls.append((args.token, dict(args.args)))
        return dict(self.answers[args.args["endpoint"]]), []


class _Monitor(mocks.MockMonitor):
    def __init__(
        self, recorded: Recorded, answers: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]
    ) -> None:
        super().__init__(_Mocks(recorded, answers, outputs))
        self.recorded = recorded

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        with _loop_of_this_thread():
            answer = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self.recorded.resources.append(_registered(request, answer.urn))
        return answer

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        with _loop_of_this_thread():
            return super().Invoke(request)


@contextmanager
def _loop_of_this_thread() -> Iterator[None]:
    """The mock monitor makes a loop in each worker thread and leaves it open; here it is closed."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _registered(request: Any, urn: str) -> Registered:
    wire = json_format.MessageToDict(request.object)
    plain = rpc.deserialize_properties(request.object)
    return Registered(
        type=request.type,
        name=request.name,
        urn=urn,
        parent=request.parent,
        inputs={key: rpc.unwrap_rpc_secret(value) for key, value in plain.items()},
        secrets=frozenset(
            key for key, value in wire.items() if isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET
        ),
        dependencies=frozenset(request.dependencies),
        retain=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        ignore_changes=tuple(request.ignoreChanges),
        secret_outputs=tuple(request.additionalSecretOutputs),
        provider=request.provider,
        import_id=request.importId,
        aliases=tuple(alias.spec.name for alias in request.aliases),
        hooks={moment.name: tuple(names) for moment, names in request.hooks.ListFields()},
    )


Record = Callable[..., Recorded]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    """Runs a program on a recording engine, in a loop and settings of its own; raises what the program raises.

    Keywords: `config` and `secret_keys` of the stack, `preview`, `answers` by REST endpoint, `outputs` of stacks by
    full name (this one is `organization/gitops-infra/test`).
    """
    for variable in ("GITHUB_OWNER", "GITHUB_ORGANIZATION", "GITHUB_TOKEN", "GITHUB_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    # An Output in an f-string is an error, not a text.
    monkeypatch.setenv("PULUMI_ERROR_OUTPUT_STRING", "1")

    def run(
        program: Callable[[], Any],
        *,
        config: Mapping[str, str] | None = None,
        secret_keys: tuple[str, ...] = (),
        preview: bool = False,
        answers: Mapping[str, Mapping[str, Any]] | None = None,
        outputs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Recorded:
        recorded = Recorded()
        failures: list[Exception] = []

        def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            # Each output behind the failed one holds the failure that `run` raises, and would log it again whenever it
            # is collected. In the midst of an `ast.parse` of a later test that makes the parse fail, as Python 3.11
            # parses to show a traceback (CPython gh-106905).
            if context.get("exception") not in failures:
                loop.default_exception_handler(context)

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(tell)
            mocks.set_mocks(
                _Mocks(recorded, answers or {}, outputs or {}),
                project="gitops-infra",
                stack="test",
                preview=preview,
                monitor=_Monitor(recorded, answers or {}, outputs or {}),
                organization="organization",  # as every backend but Pulumi's own service calls it
            )
            pulumi.runtime.set_all_config(dict(config or {}), list(secret_keys))
            await run_pulumi_func(lambda: _quiet(program))
            root = pulumi.runtime.get_root_resource()
            assert root is not None
            recorded.exports = {
                key: await pulumi.Output.from_input(value).future() for key, value in root.outputs.items()
            }

        try:
            contextvars.copy_context().run(asyncio.run, main())
        except Exception as failure:
            failures.append(failure)
            raise
        finally:
            # A program that failed leaves outputs of a loop that is closed; the next one would wait for them.
            pulumi.runtime.settings.SETTINGS.outputs.clear()
        return recorded

    return run


def _quiet(program: Callable[[], Any]) -> None:
    program()
