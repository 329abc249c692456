"""Plain `pulumi` commands with the real engine: the language host, the tls plugin and the private home together."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops_infra.sandbox.engine import Engine

pytestmark = pytest.mark.engine

KEYS = """
import pulumi
import pulumi_tls as tls

print("hello from the program")
key = tls.PrivateKey("key", algorithm="ED25519")
pulumi.export("public", key.public_key_openssh)
pulumi.export("private", key.private_key_openssh)
pulumi.export("token", pulumi.Config().require_secret("token"))
"""
TOKEN = "canary-4711-canary"
PRIVATE = "BEGIN OPENSSH PRIVATE KEY"


class Stack:
    """One stack of a project, driven by the CLI."""

    def __init__(self, engine: Engine, project: Path, program: str) -> None:
        self.engine, self.project = engine, project
        self.state = project.parent / "state"
        self.environment = engine.environment(self.state, "a passphrase")
        (project / "__main__.py").write_text(program)
        self.run("stack", "init", "dev", code=0)

    def run(self, *args: str, code: int) -> str:
        done = self.engine.run(args, self.project, self.environment, timeout=120)
        text = done.stdout + done.stderr
        assert done.returncode == code, text
        return text


def test_up_preview_refresh_and_destroy_work_and_no_secret_is_in_the_open(engine: Engine, project: Path) -> None:
    stack = Stack(engine, project, KEYS)
    outputs = [
        stack.run("config", "set", "--secret", "token", TOKEN, code=0),
        stack.run("preview", "--diff", code=0),
        stack.run("up", "--yes", code=0),
        stack.run("preview", "--expect-no-changes", code=0),
        stack.run("refresh", "--yes", "--expect-no-changes", code=0),
        stack.run("stack", "output", code=0),
        stack.run("stack", "export", code=0),
    ]
    assert "hello from the program" in outputs[2]
    shown = json.loads(stack.run("stack", "output", "--json", "--show-secrets", code=0))
    assert shown["token"] == TOKEN
    assert PRIVATE in shown["private"]
    kept = [path.read_text() for path in stack.state.rglob("*") if path.is_file()]
    assert kept
    for text in [*outputs, *kept]:
        assert TOKEN not in text
        assert PRIVATE not in text
        assert shown["private"].splitlines()[1] not in text
    assert "2 deleted" in stack.run("destroy", "--yes", code=0)


def test_a_run_error_is_one_line_without_a_traceback(engine: Engine, project: Path) -> None:
    text = _fails(engine, project, "import pulumi\nraise pulumi.RunError('two environments on one branch')\n")
    assert "error: two environments on one branch\n" in text
    assert "Traceback" not in text
    assert "exited with" not in text


def test_another_exception_shows_the_traceback_of_the_program_only(engine: Engine, project: Path) -> None:
    text = _fails(engine, project, "def inner():\n    raise ValueError('boom')\n\n\ninner()\n")
    told = text[text.index("Traceback") :]
    assert (
        told.index('__main__.py", line 5, in <module>')
        < told.index("line 2, in inner")
        < told.index("ValueError: boom")
    )
    assert "run_program.py" not in text
    assert "runpy" not in text


def test_a_program_that_ends_itself_is_told(engine: Engine, project: Path) -> None:
    assert "the program exited with code 7" in _fails(engine, project, "import sys\nsys.exit(7)\n")


def test_a_missing_setting_names_the_remedy_of_pulumi(engine: Engine, project: Path) -> None:
    text = _fails(engine, project, "import pulumi\npulumi.Config().require('token')\n")
    assert "Missing required configuration variable 'keys:token'" in text
    assert "Traceback" not in text


def test_a_virtual_environment_that_is_not_there_is_told_before_anything_runs(engine: Engine, project: Path) -> None:
    (project / "Pulumi.yaml").write_text("name: keys\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n")
    text = _fails(engine, project, KEYS)
    assert f"there is no virtual environment {project / 'venv'}" in text


def test_modules_beside_the_program_are_its_own_and_cannot_break_the_plugins(engine: Engine, project: Path) -> None:
    (project / "grpc_names.py").write_text("NAME = 'mine'\n")
    (project / "cryptography.py").write_text("raise SystemExit('the plugin imported the project')\n")
    stack = Stack(engine, project, "import pulumi, grpc_names\npulumi.export('name', grpc_names.NAME)\n" + KEYS)
    stack.run("config", "set", "--secret", "token", TOKEN, code=0)
    stack.run("up", "--yes", "--skip-preview", code=0)
    assert stack.run("stack", "output", "name", code=0) == "mine\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_plugin_ends_when_it_is_told_to_where_a_shell_put_it_into_the_background(number: signal.Signals) -> None:
    """There SIGINT is ignored, and inherited so: the engine would wait five seconds for each of its plugins."""
    plugin = f"{shlex.quote(sys.executable)} -P -m gitops_infra.sandbox.plugins.start tls 127.0.0.1:1"
    with subprocess.Popen(["sh", "-c", f"trap '' INT; exec {plugin}"], stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            process.send_signal(number)
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_a_killed_engine_takes_program_and_plugins_with_it(engine: Engine, project: Path) -> None:
    marker = project.parent / "pid"
    program = KEYS + f"import os, time\nopen({str(marker)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    stack = Stack(engine, project, program)
    stack.run("config", "set", "--secret", "token", TOKEN, code=0)
    command = [engine.home.binaries / "pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    with subprocess.Popen(
        command, cwd=project, env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _until(lambda: marker.exists() and marker.read_text() != "")
        started = _below(process.pid)
        process.send_signal(signal.SIGKILL)
    assert int(marker.read_text()) in started
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_an_interrupt_ends_the_program_and_leaves_a_state_that_the_next_up_can_use(
    engine: Engine, project: Path
) -> None:
    marker = project.parent / "pid"
    wait = f"import os, time\nopen({str(marker)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    stack = Stack(engine, project, KEYS + wait)
    stack.run("config", "set", "--secret", "token", TOKEN, code=0)
    command = [engine.home.binaries / "pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    with subprocess.Popen(command, cwd=project, env=stack.environment, stdout=subprocess.PIPE, text=True) as process:
        _until(lambda: marker.exists() and marker.read_text() != "")
        started = _below(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode != 0
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    (project / "__main__.py").write_text(KEYS)
    stack.run("up", "--yes", "--skip-preview", code=0)


def test_a_command_that_takes_too_long_ends_and_tells_what_it_waited_for(engine: Engine, project: Path) -> None:
    stack = Stack(engine, project, "import time\ntime.sleep(600)\n")
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        engine.run(["up", "--yes", "--skip-preview"], project, stack.environment, timeout=5)
    assert "\ngoroutine 1 " in caught.value.__notes__[0]


def test_an_inline_program_runs_without_the_users_own_pulumi_and_github(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://cloud.invalid")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "not-a-token")
    monkeypatch.setenv("GITHUB_TOKEN", "not-a-token")

    def program() -> None:
        import pulumi  # noqa: PLC0415  the program's own
        import pulumi_tls  # noqa: PLC0415

        pulumi.export("public", pulumi_tls.PrivateKey("key", algorithm="ED25519").public_key_openssh)

    stack = engine.stack("inline", "dev", program, tmp_path / "state", passphrase="a passphrase")
    assert stack.up().outputs["public"].value.startswith("ssh-ed25519 ")
    assert stack.up().summary.resource_changes == {"same": 2}
    stack.destroy()


def _fails(engine: Engine, project: Path, program: str) -> str:
    stack = Stack(engine, project, program)
    done = engine.run(["up", "--yes", "--skip-preview"], project, stack.environment, timeout=120)
    assert done.returncode not in {0, None}
    return done.stdout + done.stderr


def _below(pid: int) -> list[int]:
    """The processes below one, all generations."""
    table: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(entry.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        table.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = table.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited 30 s in vain"
        time.sleep(0.05)
