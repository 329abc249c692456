"""`gitops-infra access`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gitops_infra.cli.failure import UserError, extra
from gitops_infra.cli.inputs import read_plans
from gitops_infra.cli.plan import Format


def access_command(
    file: Annotated[Path, typer.Argument(help="Stack file or topology.")],
    environment: Annotated[str | None, typer.Argument(help="Only what has to do with this environment.")] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Text of 100 columns, JSON for programs, or a Mermaid flowchart.")
    ] = Format.TABLE,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="In the text, every place and every cell: JSON always has them.")
    ] = False,
) -> None:
    """Who can change an environment, how, and what stops the others. Offline, without a token."""
    from gitops_infra.plan.access_report import access_report  # noqa: PLC0415 - `--help` need not load it

    plans = read_plans(file)[1]
    names = [each.name for each in plans[0].environments]
    if environment is not None and environment not in names:
        raise UserError(f"{file} has no environment {environment!a}. It has {', '.join(names)}")
    if form is Format.MERMAID:
        from gitops_infra.plan.access_graph import access_graph  # noqa: PLC0415 - as above

        typer.echo(access_graph(plans, environment), nl=False)
        return
    report = access_report(plans, environment, everywhere=everything or form is Format.JSON)
    if form is Format.JSON:
        typer.echo(json.dumps(report, indent=2))
        return
    with extra("cli"):
        from gitops_infra.cli.access_table import tables  # noqa: PLC0415 - rich is an extra
    typer.echo(tables(report, everything=everything), nl=False)
