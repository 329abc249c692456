"""`gitops-infra demo`."""

from pathlib import Path
from typing import Annotated

import typer

from gitops_infra.cli.failure import UserError, clear, extra

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"
"""The example application: in a checkout of this project, not in an installed package."""


def demo(
    repo: Annotated[
        Path | None, typer.Option(help="A local git repository to use, with its whole history. Default: the example.")
    ] = None,
) -> None:
    """The main job on this machine: provision, promote, try every operation, repair, tear down."""
    with extra("sandbox"):
        from gitops_infra.sandbox.demo.main import run  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415 - as above
    if repo is None and not EXAMPLE.is_dir():
        raise UserError("the example application is in a checkout of gitops_infra only. Give --repo a git repository")
    application = repo or EXAMPLE
    if not application.is_dir():
        raise UserError(f"{application} is no folder. Give --repo the path of a local git repository")
    with clear(ToolError):
        code = run(application)
    raise typer.Exit(code)
