"""The real Pulumi engine for tests, demo and command line, cut off from the user's own Pulumi, GitHub and clusters."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from pulumi import automation as auto
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.home import Home, prepare_home
from gitops_infra.sandbox.toolchain.progress import Progress, default_progress

AMBIENT_NAMES = frozenset({"KUBECONFIG", "GH_TOKEN", "GH_HOST", "GH_ENTERPRISE_TOKEN"})
AMBIENT_PREFIXES = ("PULUMI_", "GITHUB_", "AWS_", "AZURE_", "ARM_", "GOOGLE_", "GITLAB_")
"""Environment variables that could lead a program to somebody's production; never passed on."""


def is_ambient(name: str) -> bool:
    """True if a variable of this name is kept from engine and plugins."""
    return name in AMBIENT_NAMES or name.startswith(AMBIENT_PREFIXES)


@contextmanager
def without_ambient() -> Iterator[None]:
    """Removes the ambient variables from this very process for a while.

    Inline programs run in this process: an SDK in them would read `GITHUB_TOKEN` as its default. Not for use from
    several threads at once, for the environment belongs to the whole process.
    """
    taken = {name: os.environ.pop(name) for name in list(os.environ) if is_ambient(name)}
    try:
        yield
    finally:
        os.environ.update(taken)


class IsolatedCommand(auto.PulumiCommand):
    """The CLI of a home, run with exactly the given environment; the Automation API's own adds all of os.environ."""

    def __init__(self, home: Home) -> None:  # the version is known: asking for it costs 0.3 s
        self.command = str(home.binaries / "pulumi")
        self.version = VersionInfo.parse(home.cli.version)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> auto.CommandResult:
        """Runs the CLI without questions and hands over its output line by line; raises CommandError on failure."""
        flags = [] if "--non-interactive" in args else ["--non-interactive"]
        environment = {**_clean(), **additional_env, "PULUMI_AUTOMATION_API": "true"}
        output: list[str] = []
        errors: list[str] = []
        with subprocess.Popen(
            [self.command, *args, *flags],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            readers = [
                threading.Thread(target=_collect, args=(process.stdout, output, on_output)),
                threading.Thread(target=_collect, args=(process.stderr, errors, on_error)),
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
        result = auto.CommandResult(stdout="\n".join(output), stderr="\n".join(errors), code=process.returncode)
        if result.code != 0:
            raise create_command_error(result)
        return result


class Engine:
    """A prepared engine. Make it with `Engine.prepare()`; it holds no process and may be shared."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @classmethod
    def prepare(cls, progress: Progress | None = None, cache: Cache | None = None) -> "Engine":
        """An engine with its plugins; builds what is missing (minutes, once) and shows it. Raises ToolError."""
        return cls(prepare_home(progress=progress or default_progress(), cache=cache))

    @cached_property
    def command(self) -> auto.PulumiCommand:
        """The CLI for the Automation API."""
        return IsolatedCommand(self.home)

    def environment(self, state_dir: Path, passphrase: str, **extra: str) -> dict[str, str]:
        """The whole environment of a `pulumi` process whose state lies in `state_dir` (made if absent).

        `extra` is added last, for instance `GITHUB_BASE_URL`. Raises ToolError for an empty passphrase, with which
        the state's secrets would be readable by everybody.
        """
        if not passphrase:
            raise ToolError(
                "passphrase", "is empty, so secrets in the state would be open", "Give any text of your own"
            )
        state_dir.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([str(self.home.binaries), os.environ.get("PATH", os.defpath)])
        return {
            **_clean(),
            "PATH": path,
            "PULUMI_HOME": str(self.home.root),
            "PULUMI_BACKEND_URL": state_dir.resolve().as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": passphrase,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **extra,
        }

    def stack(  # noqa: PLR0913  each is one setting of one stack
        self,
        project: str,
        stack: str,
        program: Callable[[], Any],
        state_dir: Path,
        *,
        passphrase: str,
        work_dir: Path | None = None,
        **extra: str,
    ) -> auto.Stack:
        """A stack, made or selected, whose program is a Python function.

        `extra` are environment variables as for `environment`. The function runs in this process: see
        `without_ambient`. Raises ToolError for an empty passphrase, CommandError if the CLI refuses.
        """
        environment = self.environment(state_dir, passphrase, **extra)
        settings = auto.ProjectSettings(
            name=project, runtime="python", backend=auto.ProjectBackend(environment["PULUMI_BACKEND_URL"])
        )
        options = auto.LocalWorkspaceOptions(
            project_settings=settings,
            env_vars=environment,
            pulumi_command=self.command,
            work_dir=str(work_dir) if work_dir else None,
        )
        return auto.create_or_select_stack(stack_name=stack, project_name=project, program=program, opts=options)

    def run(
        self,
        args: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        *,
        timeout: float | None = None,
        text: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Runs `pulumi ARGS` with `env` (see `environment`) and captures its output; the caller looks at the code.

        `text` is its standard input, the way for a secret value. Raises subprocess.TimeoutExpired after `timeout`
        seconds, with a note of what each goroutine of the CLI waited for.
        """
        with subprocess.Popen(
            [str(self.home.binaries / "pulumi"), *args],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                output, errors = process.communicate(text, timeout=timeout)
            except subprocess.TimeoutExpired as expired:
                process.send_signal(signal.SIGQUIT)  # a Go program then tells its goroutines, and ends
                expired.add_note(_last_words(process))
                raise
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _last_words(process: "subprocess.Popen[str]") -> str:
    try:
        return process.communicate(timeout=10)[1]
    except subprocess.TimeoutExpired:
        return "(it told nothing more)"
    finally:
        process.kill()


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not is_ambient(name)}


def _collect(stream: IO[str] | None, lines: list[str], told: Callable[[str], Any] | None) -> None:
    for line in stream or ():
        text = line.rstrip()
        lines.append(text)
        if told:
            told(text)
