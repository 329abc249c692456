"""`gitops-infra status`."""

from pathlib import Path
from typing import Annotated

import typer

from gitops_infra.cli import clusters
from gitops_infra.cli.failure import clear, extra
from gitops_infra.cli.inputs import read_plans, read_token


def status_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    file: Annotated[Path, typer.Argument(help="Stack file or topology.")],
    stack: Annotated[
        str | None, typer.Option(help="Stack whose configuration holds the kubeconfigs that the topology names.")
    ] = None,
    cwd: Annotated[Path, typer.Option(help="Folder of the Pulumi project, for --stack.")] = Path(),
    base_url: Annotated[
        str | None, typer.Option(envvar="GITHUB_BASE_URL", help="Address of a GitHub other than github.com.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the token. Default: the variable GITHUB_TOKEN.")
    ] = None,
    kubeconfig: Annotated[list[str] | None, typer.Option(help=clusters.HELP)] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """How far each environment's branch has come in its cluster, and why not further. Exit code 0: all are ready."""
    topology, plans = read_plans(file)
    with extra("cli"):
        from gitops_infra.audit.github_client import BadAddress, GitHubReader  # noqa: PLC0415 - httpx is an extra
        from gitops_infra.audit.status import as_json as json_of  # noqa: PLC0415 - as above
        from gitops_infra.audit.status import statuses  # noqa: PLC0415 - as above
        from gitops_infra.cli.status_table import table  # noqa: PLC0415 - rich is an extra
    pulumi = None if stack is None else clusters.open_stack(stack, cwd)
    kubeconfigs = clusters.find_kubeconfigs(kubeconfig or (), topology, pulumi)
    with clear(BadAddress), GitHubReader(read_token(token_file), base_url, remember=True) as forge:
        found = statuses(plans, topology.clusters or (), forge, kubeconfigs)
    if as_json:
        typer.echo(json_of(found))
    elif found:
        typer.echo(table(found), nl=False)
    else:
        typer.echo(f"{file}: no environment is in a cluster, so there is nothing to look at")
    raise typer.Exit(0 if all(each.good for each in found) else 1)
