"""`gitops-infra preflight`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli.failure import clear, extra
from gitops_infra.cli.inputs import read_plan, read_token

if TYPE_CHECKING:
    from gitops_infra.audit.findings import Finding
    from gitops_infra.audit.scene import Known


def preflight_command(  # noqa: PLR0913 - one parameter per option
    file: Annotated[Path, typer.Argument(help="Stack file or topology.")],
    base_url: Annotated[
        str | None, typer.Option(envvar="GITHUB_BASE_URL", help="Address of a GitHub other than github.com.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the token. Default: the variable GITHUB_TOKEN.")
    ] = None,
    stack: Annotated[
        str | None, typer.Option(help="Stack that `pulumi up` has run on: what it made is not reported.")
    ] = None,
    cwd: Annotated[Path, typer.Option(help="Folder of the Pulumi project, for --stack.")] = Path(),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON on standard output.")] = False,
) -> None:
    """Compare a topology with the live forge, read-only, before `pulumi up`. Exit code 1: there are errors."""
    topology, plan = read_plan(file)
    with extra("cli"):
        from gitops_infra.audit.findings import Severity  # noqa: PLC0415 - httpx is an extra
        from gitops_infra.audit.github_client import (  # noqa: PLC0415 - as above
            BadAddress,
            ForgeUnreachable,
            GitHubReader,
        )
        from gitops_infra.audit.preflight import preflight  # noqa: PLC0415 - as above
    known = None if stack is None else _known(stack, cwd)
    with (
        clear(BadAddress, ForgeUnreachable),
        GitHubReader(read_token(token_file), base_url) as reader,
    ):
        findings = preflight(topology, plan, reader, known)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        typer.echo(json.dumps({"errors": errors, "findings": [finding.as_dict() for finding in findings]}, indent=2))
    else:
        _report(findings, errors)
    raise typer.Exit(1 if errors else 0)


def _known(stack: str, cwd: Path) -> "Known":
    from gitops_infra.audit.known import read_known  # noqa: PLC0415 - `--help` need not load it
    from gitops_infra.recovery.pulumi_cli import Pulumi, PulumiFailed  # noqa: PLC0415 - as above

    with clear(PulumiFailed):
        return read_known(Pulumi(cwd, stack).export())


def _report(findings: "tuple[Finding, ...]", errors: int) -> None:
    for finding in findings:
        typer.echo(str(finding), err=True)
    if errors:
        typer.echo(f"preflight: {errors} to put right before `pulumi up`", err=True)
    else:
        typer.echo("preflight: nothing stands in the way of `pulumi up`")
