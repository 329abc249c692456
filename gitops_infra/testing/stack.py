"""Programs on the real Pulumi engine, against a test's forge: up, preview, refresh, destroy."""

import itertools
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi import automation as auto

from gitops_infra.sandbox.engine import Engine, without_ambient
from gitops_infra.sandbox.forge.daemon import PROVISIONER
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing.program import FunctionProgram
from gitops_infra.testing.project import Project, function_project, read_settings

HIDDEN = "[secret]"
_TAIL = 40
_Reader = Callable[[list[auto.EngineEvent]], Iterator["Change"]]
_SETTLED = frozenset({"same", "refresh", "read", "read-discard"})


class UpdateFailed(Exception):  # noqa: N818 - says what happened, as Pulumi's own words do
    """Pulumi refused or failed. The text is what it printed, without secrets; nothing more was changed."""


@dataclass(frozen=True)
class Change:
    """What one update does, or would do, to one resource."""

    operation: str
    """Pulumi's word: `create`, `update`, `delete`, `replace`, ..."""
    type: str
    """Type token, such as `github:index/repositoryRuleset:RepositoryRuleset`."""
    name: str
    properties: tuple[str, ...]
    """Input properties that differ, where Pulumi tells; never their values."""

    def __str__(self) -> str:
        """As shown in messages."""
        what = f" ({', '.join(self.properties)})" if self.properties else ""
        return f"{self.operation} {self.type.rpartition(':')[2]} {self.name}{what}"


@dataclass(frozen=True)
class Update:
    """What an operation did, or a preview would do."""

    changes: tuple[Change, ...]
    """Everything that is not as it was, in the engine's order."""
    output: str = field(repr=False)
    """What Pulumi printed."""


class Stack:
    """One stack of a test. Made by the fixture `stack`; its state is its own and goes with the test."""

    def __init__(  # noqa: PLR0913, PLR0917 - private to the factory
        self,
        stack: auto.Stack,
        project: Project,
        program: FunctionProgram | None,
        forge: Sandbox,
        environment: Mapping[str, str],
        hidden: Mapping[str, str],
    ) -> None:
        self._stack = stack
        self._project = project
        self._program = program
        self.forge = forge
        """What it provisions."""
        self._environment = dict(environment)
        self._hidden = dict(hidden)

    @property
    def name(self) -> str:
        """Name of the stack."""
        return self._stack.name

    @property
    def state(self) -> Path:
        """Folder of its backend: checkpoint, backups and history."""
        return self._project.state

    def up(self, *, refresh: bool = False) -> Update:
        """Runs `pulumi up`; with `refresh`, after reading what is really there. Raises UpdateFailed."""
        __tracebackhide__ = True
        return self._run(self._stack.up, refresh=refresh)

    def preview(self, *, refresh: bool = False) -> Update:
        """What `up` would do; nothing is changed. Raises UpdateFailed."""
        __tracebackhide__ = True
        return self._run(self._stack.preview, refresh=refresh)

    def refresh(self) -> Update:
        """Takes into the state what is really there; the changes are what had drifted. Raises UpdateFailed."""
        __tracebackhide__ = True
        return self._run(self._stack.refresh, read=_drift)

    def destroy(self) -> Update:
        """Deletes what the stack made and does not retain. Raises UpdateFailed."""
        __tracebackhide__ = True
        return self._run(self._stack.destroy)

    def outputs(self) -> dict[str, Any]:
        """Stack outputs by name, secret ones opened."""
        with self._surroundings():
            return {name: output.value for name, output in self._stack.outputs().items()}

    def configure(self, config: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> None:
        """Sets configuration on top of what is there. A key without a namespace is the project's."""
        self._project.configure(config or {})
        for key, value in (secrets or {}).items():
            full = self._project.key(key)
            self._hidden[f"configuration {full}"] = value
            self._set_secret(full, value)

    def hidden(self) -> dict[str, str]:
        """Values that must not show, by what they are: token, passphrase, secret configuration."""
        return dict(self._hidden)

    def _set_secret(self, key: str, value: str) -> None:
        command = [self._stack.workspace.pulumi_command.command, "config", "set", "--secret", "--stack", self.name, key]
        done = subprocess.run(  # the value goes in by standard input: arguments can be read by others
            [*command, "--non-interactive"],
            cwd=self._project.folder,
            env=self._environment,
            input=value,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise UpdateFailed(self._without_secrets(f"pulumi config set {key}: {done.stderr.strip()}"))

    def _run(self, operation: Callable[..., Any], read: _Reader | None = None, **options: Any) -> Update:
        __tracebackhide__ = True
        events: list[auto.EngineEvent] = []
        lines: list[str] = []
        failure: str | None = None
        try:
            with self._surroundings():
                operation(on_output=lines.append, on_event=events.append, **options)
        except auto.errors.CommandError as error:
            said = self._program.diagnosis if self._program else None
            failure = said or _diagnosis(lines or str(error).splitlines())
        finally:
            if self._program:
                self._program.settle()
        if failure is not None:  # outside, so that the text of the original, with all it holds, is not shown beside
            raise UpdateFailed(self._without_secrets(failure))
        return Update(tuple((read or _changes)(events)), self._without_secrets("\n".join(lines)))

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        """An inline program runs in this process, so for a while it is given the environment of this stack."""
        with without_ambient():
            given = {name: value for name, value in self._environment.items() if os.environ.get(name) != value}
            before = {name: os.environ.get(name) for name in given}
            os.environ.update(given)
            try:
                yield
            finally:
                for name, value in before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value

    def _without_secrets(self, text: str) -> str:
        for value in self._hidden.values():
            text = text.replace(value, HIDDEN)
        return text


class StackFactory:
    """The fixture `stack`: call it to make a stack."""

    def __init__(self, engine: Engine, forge: Sandbox, folder: Path) -> None:
        self._engine, self._forge, self._folder = engine, forge, folder
        self._count = 0

    def __call__(  # noqa: PLR0913 - by keyword; each is one setting of one stack
        self,
        program: Callable[[], Any] | Path | str,
        *,
        name: str = "test",
        config: Mapping[str, Any] | Path | str | None = None,
        secrets: Mapping[str, str] | None = None,
        token: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Stack:
        """A new stack, with nothing in it yet.

        `program` is a function that registers resources, or the folder of a Pulumi project in Python (nothing is
        written to it). `config` are values by key, or a stack file whose values are taken. `secrets` are secret
        values. `token` is what the provider acts with; default: an installation token of the App `provisioner`.
        `environment` are further variables of the program.

        The program finds the token as `GITHUB_TOKEN` and the forge as `GITHUB_BASE_URL`. No `GITHUB_*` or `PULUMI_*`
        of the caller's reaches it. Raises ValueError for a folder or a file that cannot be used.
        """
        self._count += 1
        folder = self._folder / f"{self._count}-{name}"
        function = FunctionProgram(program) if callable(program) else None
        project = Project.of(Path(program), folder) if not callable(program) else function_project(folder)
        token = token or self._token()
        passphrase = _passphrase()
        variables = self._engine.environment(
            project.state,
            passphrase,
            GITHUB_TOKEN=token,
            GITHUB_BASE_URL=f"{self._forge.url}/",
            **(environment or {}),
        )
        options = auto.LocalWorkspaceOptions(
            work_dir=str(project.folder), env_vars=variables, pulumi_command=self._engine.command
        )
        if function is None:
            made = auto.create_stack(stack_name=name, work_dir=str(project.folder), opts=options)
        else:
            made = auto.create_stack(stack_name=name, project_name=project.name, program=function, opts=options)
        project.stack = name
        stack = Stack(made, project, function, self._forge, variables, {"token": token, "passphrase": passphrase})
        settings = read_settings(Path(config)) if isinstance(config, (str, Path)) else config
        stack.configure(settings, secrets)
        return stack

    def _token(self) -> str:
        if any(app.slug == PROVISIONER for app in self._forge.store.apps.values()):
            return self._forge.app_token(PROVISIONER)
        raise ValueError(
            f"this forge has no App {PROVISIONER!r}, so the stack has no token: give one, "
            f"stack(..., token=forge.app_token(...))"
        )


def _passphrase() -> str:
    return secrets.token_urlsafe(24)


def _changes(events: list[auto.EngineEvent]) -> Iterator[Change]:
    """What an update does, in the engine's order: told as each step starts."""
    for event in events:
        if event.resource_pre_event is not None:
            yield from _change(event.resource_pre_event.metadata)


def _drift(events: list[auto.EngineEvent]) -> Iterator[Change]:
    """What a refresh found: told as each step ends, for only then it is known."""
    for event in events:
        if event.res_outputs_event is not None:
            yield from _change(event.res_outputs_event.metadata)


def _change(metadata: auto.StepEventMetadata) -> Iterator[Change]:
    operation = str(getattr(metadata.op, "value", metadata.op))
    if operation not in _SETTLED:
        differing = metadata.diffs or list(metadata.detailed_diff or {})
        yield Change(operation, metadata.type, metadata.urn.rpartition("::")[2], tuple(dict.fromkeys(differing)))


def _diagnosis(lines: list[str]) -> str:
    """What Pulumi says is wrong: its `Diagnostics:`, or the end of what it printed when it did not get so far."""
    start = next((number for number, line in enumerate(lines) if line.strip() == "Diagnostics:"), None)
    if start is None:
        return "\n".join(lines[-_TAIL:]).strip()
    shown = itertools.takewhile(lambda line: line.rstrip() not in {"Outputs:", "Resources:"}, lines[start + 1 :])
    return "\n".join(shown).strip()
