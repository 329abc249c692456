"""`gitops-infra preflight`."""

import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gitops_infra.cli import clusters
from gitops_infra.cli.failure import clear, extra
from gitops_infra.cli.inputs import read_part, read_plans, read_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_infra.audit.findings import Finding
    from gitops_infra.audit.known import Known
    from gitops_infra.audit.ownership import Owners
    from gitops_infra.recovery.pulumi_cli import Pulumi


def preflight_command(  # noqa: PLR0913, PLR0917 - one parameter per option
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
    kubeconfig: Annotated[list[str] | None, typer.Option(help=clusters.HELP)] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON on standard output.")] = False,
) -> None:
    """Compare a topology with the live forge and clusters, read-only, before `pulumi up`. Exit code 1: errors."""
    topology, _ = read_plans(file)
    with extra("cli"):
        from gitops_infra.audit.findings import Severity  # noqa: PLC0415 - httpx is an extra
        from gitops_infra.audit.github_client import (  # noqa: PLC0415 - as above
            BadAddress,
            ForgeUnreachable,
            GitHubReader,
        )
        from gitops_infra.audit.preflight import preflight  # noqa: PLC0415 - as above
    pulumi = None if stack is None else clusters.open_stack(stack, cwd)
    known = None if pulumi is None else _known(pulumi)
    kubeconfigs = clusters.find_kubeconfigs(kubeconfig or (), topology, pulumi)
    with (
        clear(BadAddress, ForgeUnreachable),
        GitHubReader(read_token(token_file), base_url, remember=True) as reader,
    ):
        findings = preflight(
            topology,
            reader,
            known,
            owners=_owners(pulumi or clusters.open_stack("", cwd)),
            part=read_part(file, (each.name for each in topology.environments)),
            read_key=None if pulumi is None else partial(clusters.read_key, pulumi),
            kubeconfigs=kubeconfigs,
            say=partial(typer.echo, err=True),
        )
    if stack is not None:
        findings = (*_open_state(file), *findings)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        typer.echo(json.dumps({"errors": errors, "findings": [finding.as_dict() for finding in findings]}, indent=2))
    else:
        _report(findings, errors)
    raise typer.Exit(1 if errors else 0)


def _known(pulumi: "Pulumi") -> "Known":
    from gitops_infra.audit.known import read_known  # noqa: PLC0415 - as above
    from gitops_infra.recovery.pulumi_cli import PulumiFailed  # noqa: PLC0415 - as above

    with clear(PulumiFailed):
        return read_known(pulumi.export())


def _open_state(file: Path) -> "Iterator[Finding]":
    """Whether `pulumi up`, in the environment of this command, would refuse to put credentials into the state."""
    from gitops_infra.audit.findings import of_problem  # noqa: PLC0415 - as above
    from gitops_infra.forges.passphrase import open_state_of, settings_in  # noqa: PLC0415 - as above

    return map(of_problem, open_state_of(settings_in(file)))


def _owners(pulumi: "Pulumi") -> "Owners":
    """Other stacks of the backend; nobody where Pulumi is absent or not logged in: then it is no question of theirs."""
    from gitops_infra.audit.ownership import Owners  # noqa: PLC0415 - as above
    from gitops_infra.recovery.pulumi_cli import PulumiFailed  # noqa: PLC0415 - as above

    def states() -> "Iterator[tuple[str, dict[str, Any]]]":
        with suppress(PulumiFailed):
            yield from pulumi.others()

    return Owners(states)


def _report(findings: "tuple[Finding, ...]", errors: int) -> None:
    for finding in findings:
        typer.echo(str(finding), err=True)
    if errors:
        typer.echo(f"preflight: {errors} to put right before `pulumi up`", err=True)
    else:
        typer.echo("preflight: nothing stands in the way of `pulumi up`")
