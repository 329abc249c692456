"""`gitops-infra plan`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gitops_infra.cli.failure import UserError, extra
from gitops_infra.cli.inputs import read_plans


class Format(StrEnum):
    """How a plan is printed."""

    TABLE = "table"
    JSON = "json"
    MERMAID = "mermaid"


def plan_command(
    file: Annotated[Path, typer.Argument(help="Stack file or topology.")],
    form: Annotated[
        Format, typer.Option("--format", help="Text of 100 columns, JSON for programs, or a Mermaid flowchart.")
    ] = Format.TABLE,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Only what has to do with this environment.")
    ] = None,
) -> None:
    """What `pulumi up` will make: repositories, rulesets, credentials, access. Offline, without a token."""
    from gitops_infra.pipelines.github_actions import with_workflows  # noqa: PLC0415 - `--help` need not load it
    from gitops_infra.plan.graph import mermaid  # noqa: PLC0415 - as above
    from gitops_infra.plan.report import report  # noqa: PLC0415 - as above

    plans = [with_workflows(plan) for plan in read_plans(file)[1]]
    names = [each.name for each in plans[0].environments]
    if environment is not None and environment not in names:
        raise UserError(f"{file} has no environment {environment!a}. It has {', '.join(names)}")
    if form is Format.MERMAID:
        typer.echo(mermaid(plans, environment), nl=False)
        return
    data = report(plans, environment)
    if form is Format.JSON:
        typer.echo(json.dumps(data, indent=2))
        return
    with extra("cli"):
        from gitops_infra.cli.plan_table import tables  # noqa: PLC0415 - rich is an extra
    typer.echo(tables(data), nl=False)
