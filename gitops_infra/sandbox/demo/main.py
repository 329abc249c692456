"""Runs the demo: tools, forge, story, and an exit code that says whether everything held."""

import sys
import tempfile
from pathlib import Path

from pulumi import automation as auto

from gitops_infra.sandbox.application import NotARepository
from gitops_infra.sandbox.cluster.failure import ClusterError
from gitops_infra.sandbox.demo.audit import Audit
from gitops_infra.sandbox.demo.cast import assemble
from gitops_infra.sandbox.demo.clusters import ReadyLater
from gitops_infra.sandbox.demo.delivery import Delivery
from gitops_infra.sandbox.demo.failure import DemoFailed
from gitops_infra.sandbox.demo.screen import Screen
from gitops_infra.sandbox.demo.story import Story
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.sandbox.toolchain.failure import ToolError
from gitops_infra.sandbox.toolchain.progress import default_progress


def run(repository: Path) -> int:
    """Exit code of the demo with that application: 0 when every promise held, 1 otherwise.

    `repository` is a local git repository, taken over with its whole history, or a folder of files. Nothing of it is
    changed; everything the demo makes lies in a temporary folder that is removed at the end.
    """
    try:
        engine = Engine.prepare(progress=default_progress())
        screen = Screen()
        with (
            tempfile.TemporaryDirectory(prefix="gitops-infra-demo-") as scratch,
            Sandbox() as sandbox,
            ReadyLater() as clusters,
        ):
            screen.chapter(f"A forge that enforces, on {sandbox.url}, with {repository.resolve().name}")
            with screen.step("organisation, people, application with its history") as notes:
                cast = assemble(sandbox, repository)
                notes.append(f"{cast.full_name}, default branch {cast.default_branch}")
            story = Story(engine, cast, screen, Path(scratch))
            delivery = Delivery(story, clusters)
            story.tell()
            delivery.tell()
            Audit(story, delivery.kubeconfigs()).tell()
            story.take_down()
            delivery.check_what_is_left()
            screen.console.print(f"\n[bold green]Everything held.[/bold green] {screen.elapsed():.0f} s")
    except auto.errors.CommandError as error:
        sys.stderr.write(f"demo: Pulumi failed:\n{error}\n")
        return 1
    except (ClusterError, DemoFailed, NotARepository, ToolError) as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    return 0
