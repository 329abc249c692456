"""`gitops-infra tools`."""

import typer

from gitops_infra.cli.failure import clear, extra

app = typer.Typer(help="The programs that the sandbox runs.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def tools() -> None:
    """The programs that the sandbox runs."""


@app.command()
def build() -> None:
    """Build what is missing: Pulumi and the GitHub provider, some minutes, once."""
    with extra("sandbox"):
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.toolchain.home import prepare_home  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.progress import default_progress  # noqa: PLC0415 - as above
    with clear(ToolError):
        home = prepare_home(default_progress())
    typer.echo(f"tools are ready: {home.binaries}")
