"""One stack in one world, made by Pulumi or by OpenTofu: the steps of its life under the same names."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from bench.opentofu import KeyPair, configuration
from bench.subject import Subject
from bench.world import Step, World
from gitops_infra.sandbox.engine import Engine, is_ambient

ROOT = Path(__file__).parents[1]
PROGRAM = """\
import sys

sys.path.insert(0, {root!r})

from bench.{program} import program
from {module} import {kind}

program({subject!r}, {settings!r})
"""

UNCHANGED = "Resources: 0 added, 0 changed, 0 destroyed."
"""What OpenTofu says at the end of an apply that had nothing to do."""


class StepFailed(Exception):  # noqa: N818 - the text is the tool's
    """`pulumi` or `tofu` failed; the text is its output."""


class Stack(Protocol):
    """What can be measured. Every step raises StepFailed."""

    def first(self) -> Step:
        """Makes everything."""

    def no_op(self) -> Step:
        """Once more, with nothing to change. Fails if something changes."""

    def rotate(self) -> Step:
        """The one change: another key for the first environment, and the old one revoked."""

    def destroy(self) -> Step:
        """Takes away what does not stay."""

    def state_bytes(self) -> int:
        """Size of the state."""


class PulumiStack:
    """A Pulumi program with the stack `bench`, its state in files, without a preview before each update."""

    def __init__(  # noqa: PLR0913 - by keyword; each is one condition of a measurement
        self,
        engine: Engine,
        world: World,
        subject: Subject,
        *,
        program: str,
        settings: Mapping[str, Any] | None,
        parallel: int | None = None,
    ) -> None:
        """`program` is `ours` or `bare`, `settings` the provider's (None: those shipped; bare needs some).

        `parallel` is how many resources at a time; None is Pulumi's default, four for each processor.
        """
        self.engine, self.world, self.subject = engine, world, subject
        self.program, self.settings = program, None if settings is None else dict(settings)
        self.options = () if parallel is None else ("--parallel", str(parallel))
        environment = engine.environment(world.folder / "state", "a passphrase", **world.variables)
        # As after an installation: see `cells.programs.interpreter`.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = environment | {"PYTHONPYCACHEPREFIX": str(_compiled())}
        project = json.dumps({"name": "bench", "runtime": "python"})
        (world.folder / "Pulumi.yaml").write_text(project, encoding="utf-8")
        self._write(subject)
        self._pulumi("stack", "init")
        for key, value in world.secrets.items():
            self._pulumi("config", "set", "--secret", key, text=value)

    def first(self) -> Step:  # noqa: D102 - see Stack
        return self._up()

    def no_op(self) -> Step:  # noqa: D102 - see Stack
        return self._up("--expect-no-changes")

    def rotate(self) -> Step:  # noqa: D102 - see Stack
        self._write(replace(self.subject, rotated=True))
        return self._up()

    def become(self, subject: Subject) -> Step:
        """Goes on with another subject, which is made as fast as can be: what is measured comes after it.

        The state is written once, at the end, and not as a whole before and after each resource.
        """
        self._write(subject)
        environment = self.environment
        self.environment = environment | {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
        try:
            return self._up()
        finally:
            self.subject, self.environment = subject, environment

    def destroy(self) -> Step:  # noqa: D102 - see Stack
        return self.world.step(lambda: self._pulumi("destroy", "--yes", "--skip-preview", *self.options))

    def state_bytes(self) -> int:  # noqa: D102 - see Stack
        return (self.world.folder / "state" / ".pulumi" / "stacks" / "bench" / "bench.json").stat().st_size

    def _up(self, *options: str) -> Step:
        return self.world.step(lambda: self._pulumi("up", "--yes", "--skip-preview", *self.options, *options))

    def _write(self, subject: Subject) -> None:
        kind = type(subject)
        text = PROGRAM.format(
            root=str(ROOT),
            program=self.program,
            module=kind.__module__,
            kind=kind.__name__,
            subject=subject,
            settings=self.settings,
        )
        (self.world.folder / "__main__.py").write_text(text, encoding="utf-8")

    def _pulumi(self, *arguments: str, text: str = "") -> None:
        words = [*arguments, "--stack", "bench", "--non-interactive"]
        done = self.engine.run(words, self.world.folder, self.environment, text=text)
        if done.returncode:
            raise StepFailed(f"pulumi {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


class TofuStack:
    """The same resources in OpenTofu, with the upstream provider. Its keys are made before anything is timed."""

    def __init__(  # noqa: PLR0913 - by keyword; each is one condition of a measurement
        self,
        tofu: Path,
        provider: Path,
        world: World,
        subject: Subject,
        *,
        settings: Mapping[str, Any],
        parallel: int | None = None,
    ) -> None:
        """`parallel` is how many resources at a time; None is OpenTofu's default, ten."""
        self.tofu, self.world, self.subject, self.settings = tofu, world, subject, settings
        self.options = () if parallel is None else (f"-parallelism={parallel}",)
        first = subject.names[0]
        self.keys = {(name, 1): KeyPair.new() for name in subject.names} | {(first, 2): KeyPair.new()}
        rc = (
            f'provider_installation {{\n  dev_overrides {{\n    "integrations/github" = "{provider.parent}"\n  }}\n}}\n'
        )
        (world.folder / "tofurc").write_text(rc, encoding="utf-8")
        strange = ("TF_", "TOFU_")
        kept = {name: value for name, value in os.environ.items() if not (is_ambient(name) or name.startswith(strange))}
        self.environment = {
            **kept,
            **world.variables,
            "TF_CLI_CONFIG_FILE": str(world.folder / "tofurc"),
            "CHECKPOINT_DISABLE": "1",
        }
        self._write(subject)

    def first(self) -> Step:  # noqa: D102 - see Stack
        return self._apply()

    def no_op(self) -> Step:  # noqa: D102 - see Stack
        # The state is written all the same: what refresh reads is not always what the provider wrote.
        return self._apply(expected=UNCHANGED)

    def rotate(self) -> Step:  # noqa: D102 - see Stack
        self._write(replace(self.subject, rotated=True))
        return self._apply()

    def destroy(self) -> Step:  # noqa: D102 - see Stack
        return self.world.step(lambda: self._tofu("destroy", "-auto-approve", "-suppress-forget-errors"))

    def state_bytes(self) -> int:  # noqa: D102 - see Stack
        return (self.world.folder / "terraform.tfstate").stat().st_size

    def _apply(self, expected: str = "") -> Step:
        return self.world.step(lambda: self._tofu("apply", "-auto-approve", expected=expected))

    def _write(self, subject: Subject) -> None:
        text = json.dumps(configuration(subject, self.keys, self.settings), indent=1)
        (self.world.folder / "main.tf.json").write_text(text, encoding="utf-8")

    def _tofu(self, *arguments: str, expected: str = "") -> None:
        command = [str(self.tofu), *arguments, "-input=false", "-no-color", *self.options]
        done = subprocess.run(
            command, cwd=self.world.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode or expected not in done.stdout:
            raise StepFailed(f"tofu {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


_CACHE: list[tempfile.TemporaryDirectory[str]] = []


def _compiled() -> Path:
    """A folder for compiled modules that all stacks of this process share."""
    if not _CACHE:
        _CACHE.append(tempfile.TemporaryDirectory(prefix="gitops-infra-bench-"))
    return Path(_CACHE[0].name)
