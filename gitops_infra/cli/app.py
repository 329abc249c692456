"""The command tree."""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gitops_infra.cli import (
    access,
    adopt,
    app_create,
    demo,
    plan,
    preflight,
    render,
    resume,
    sandbox,
    schema,
    status,
    tools,
    verify,
)
from gitops_infra.cli.failure import UserError


class Commands(TyperGroup):
    """Turns what a user can put right into one text on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """The command's result. Raises Exit(1) for a UserError, of a command in a group too."""
        try:
            return super().invoke(ctx)
        except UserError as failed:
            typer.echo(f"gitops-infra: {failed}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="gitops-infra",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    # Plain text: messages are read in logs as well, and rich need not be loaded.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if asked:
        typer.echo(version("gitops-infra"))
        raise typer.Exit


@app.callback()
def gitops_infra(
    *, _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False
) -> None:
    """What `pulumi` cannot do for a GitOps delivery system: check, try out, take up again."""


app.add_typer(app_create.app, name="app")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(tools.app, name="tools")
app.command("access")(access.access_command)
app.command("adopt")(adopt.adopt_command)
app.command("demo")(demo.demo)
app.command("plan")(plan.plan_command)
app.command("preflight")(preflight.preflight_command)
app.command("render")(render.render_command)
app.command("resume")(resume.resume_command)
app.command("schema")(schema.schema_command)
app.command("status")(status.status_command)
app.command("verify")(verify.verify_command)
