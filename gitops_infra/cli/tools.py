"""`gitops-infra tools`."""

from typing import Annotated

import typer

from gitops_infra.cli.failure import clear, extra

app = typer.Typer(help="The programs that the sandbox runs.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def tools() -> None:
    """The programs that the sandbox runs."""


@app.command()
def build(
    *, every: Annotated[bool, typer.Option("--all", help="Also what only some tests need, such as `gh`.")] = False
) -> None:
    """Build what is missing: Pulumi, the GitHub provider, Kubernetes and Flux, a quarter of an hour, once."""
    with extra("sandbox"):
        from gitops_infra.sandbox.toolchain.build import ensure  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.home import prepare_home  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.progress import default_progress  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.recipes import CLUSTER, RECIPES  # noqa: PLC0415 - as above
    with clear(ToolError):
        home = prepare_home(default_progress())
        more = [recipe.name for recipe in RECIPES.values() if recipe in CLUSTER or (recipe.optional and every)]
        paths = ensure(*more, progress=default_progress())
    typer.echo(f"tools are ready: {home.binaries}")
    for name, path in paths.items():
        typer.echo(f"{name}: {path}")
