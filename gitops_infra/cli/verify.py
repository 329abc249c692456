"""`gitops-infra verify`."""

import json
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli import clusters
from gitops_infra.cli.failure import clear, extra
from gitops_infra.cli.inputs import read_part, read_plans, read_token

if TYPE_CHECKING:
    from gitops_infra.audit.verification.remembered import Remembered
    from gitops_infra.audit.verify import Verification
    from gitops_infra.recovery.pulumi_cli import Pulumi

FORMAT = 1
"""Of the JSON report; raised when a key changes its meaning or goes away."""
FOUND, NOT_VERIFIABLE = 1, 3
"""Exit codes beside 0; 2 is a command line that cannot be understood."""


class FailOn(StrEnum):
    """The least severity that ends with exit code 1; the same words as `Severity`, whose module is an extra."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


def verify_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    file: Annotated[Path, typer.Argument(help="Stack file or topology.")],
    base_url: Annotated[
        str | None, typer.Option(envvar="GITHUB_BASE_URL", help="Address of a GitHub other than github.com.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the token. Default: the variable GITHUB_TOKEN.")
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(
            help="Stack that `pulumi up` has run on: exchanged keys and secrets, Apps and clusters are looked at too."
        ),
    ] = None,
    cwd: Annotated[Path, typer.Option(help="Folder of the Pulumi project, for --stack.")] = Path(),
    kubeconfig: Annotated[list[str] | None, typer.Option(help=clusters.HELP)] = None,
    fail_on: Annotated[FailOn, typer.Option(help="Least severity that ends with exit code 1.")] = FailOn.MEDIUM,
    *,
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Keep answers for the next run, which GitHub then does not count."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")] = False,
) -> None:
    """Compare forge and clusters with the plan, read-only. Exit code 1: findings, 3: none, but something was hidden."""
    topology, _ = read_plans(file)
    with extra("cli"):
        from gitops_infra.audit.etag_store import default_folder  # noqa: PLC0415 - httpx is an extra
        from gitops_infra.audit.github_client import (  # noqa: PLC0415 - as above
            BadAddress,
            ForgeUnreachable,
            GitHubReader,
        )
        from gitops_infra.audit.verify import BadToken, verify  # noqa: PLC0415 - as above
        from gitops_infra.cli.verify_table import report  # noqa: PLC0415 - rich is an extra
    pulumi = None if stack is None else clusters.open_stack(stack, cwd)
    part = read_part(file, (each.name for each in topology.environments))
    with (
        clear(BadAddress, BadToken, ForgeUnreachable),
        GitHubReader(
            read_token(token_file), base_url, remember=True, etags=default_folder() if cache else None
        ) as reader,
    ):
        found = verify(
            topology,
            reader,
            part=part,
            kubeconfigs=clusters.find_kubeconfigs(kubeconfig or (), topology, pulumi),
            read_key=None if pulumi is None else partial(clusters.read_key, pulumi),
            remembered=None if pulumi is None else _remembered(pulumi),
            say=partial(typer.echo, err=True),
        )
    typer.echo(_json(found) if as_json else report(found), nl=as_json)
    raise typer.Exit(_code(found, fail_on))


def _code(found: "Verification", least: FailOn) -> int:
    from gitops_infra.audit.verification.exposure import Severity  # noqa: PLC0415 - as above

    order = tuple(Severity)
    if any(order.index(each.severity) <= order.index(Severity(least.value)) for each in found.findings):
        return FOUND
    return NOT_VERIFIABLE if found.unverifiable else 0


def _json(found: "Verification") -> str:
    return json.dumps(
        {
            "format": FORMAT,
            "looked_at": dict(found.looked_at),
            "findings": [each.as_dict() for each in found.findings],
            "unverifiable": [each.as_dict() for each in found.unverifiable],
        },
        indent=2,
    )


def _remembered(pulumi: "Pulumi") -> "Remembered":
    from gitops_infra.audit.verification.remembered import read_remembered  # noqa: PLC0415 - as above
    from gitops_infra.recovery.pulumi_cli import PulumiFailed  # noqa: PLC0415 - as above

    with clear(PulumiFailed):
        return read_remembered(pulumi.export())
