"""`gitops-infra adopt`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli.failure import UserError, clear, extra
from gitops_infra.cli.inputs import read_token

if TYPE_CHECKING:
    from gitops_infra.recovery.adopt import Adoption


def adopt_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    file: Annotated[
        Path | None,
        typer.Argument(help="What `pulumi stack output --json` wrote before the destroy. Default: the stack as it is."),
    ] = None,
    stack: Annotated[str | None, typer.Option(help="Stack that is to have the retained resources.")] = None,
    cwd: Annotated[Path, typer.Option(help="Folder of the Pulumi project.")] = Path(),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the import file. Default: standard output.")
    ] = None,
    repository: Annotated[
        str | None, typer.Option(help="OWNER/NAME: print the `application:` of a topology for that repository.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(envvar="GITHUB_BASE_URL", help="With --repository: a GitHub other than github.com.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="With --repository: file with the token. Default: the variable GITHUB_TOKEN.")
    ] = None,
    *,
    execute: Annotated[bool, typer.Option("--run", help="Import into the stack, too.")] = False,
) -> None:
    """Take up what a destroy kept, or an existing repository: an import file for a stack, or a piece of a topology."""
    if repository is not None:
        if file or stack or execute or output:
            raise UserError("--repository reads a repository only. Leave out FILE, --stack, --output and --run")
        _describe(repository, base_url, token_file)
        return
    if stack is None:
        raise UserError("name the stack with --stack, or a repository with --repository OWNER/NAME")
    _adopt(file, stack, cwd, output, execute=execute)


def _adopt(file: Path | None, stack: str, cwd: Path, output: Path | None, *, execute: bool) -> None:
    with extra("cli"):
        from gitops_infra.recovery.adopt import from_program, from_state, run  # noqa: PLC0415 - `--help` is quick
        from gitops_infra.recovery.pulumi_cli import Pulumi, PulumiFailed  # noqa: PLC0415 - as above
        from gitops_infra.recovery.retained import NoRetained, read_retained  # noqa: PLC0415 - as above
    if not cwd.is_dir():
        raise UserError(f"{cwd} is no folder. Give --cwd the folder of the Pulumi project")
    if file is None and execute:
        raise UserError("--run needs FILE: a stack that still has its resources has nothing to import")
    pulumi = Pulumi(cwd, stack)
    with clear(PulumiFailed, NoRetained):
        adoption = from_state(pulumi) if file is None else from_program(pulumi, read_retained(file))
        _tell(adoption, stack)
        if output is not None or not execute:
            _write(json.dumps(adoption.document, indent=2) + "\n", output)
        if execute:
            run(pulumi, adoption, typer.echo)
        elif not execute:
            _next_steps(adoption, stack, output)


def _tell(adoption: "Adoption", stack: str) -> None:
    for one in adoption.homeless:
        typer.echo(f"left out: {one.type} {one.name}: not among what the program of {stack} has yet to make", err=True)
    typer.echo(f"{adoption.count} to import", err=True)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from None


def _next_steps(adoption: "Adoption", stack: str, output: Path | None) -> None:
    """What a user runs by hand, in the order in which it works."""
    targets = " ".join(f"--target '{urn}'" for urn in adoption.targets)
    name = output or "FILE"
    typer.echo(
        f"then, where the stack does not have them:\n"
        f"  pulumi up --stack {stack} {targets}\n"
        f"  pulumi import --stack {stack} --file {name} --protect=false --generate-code=false\n"
        f"  pulumi up --stack {stack}",
        err=True,
    )


def _describe(full_name: str, base_url: str | None, token_file: Path | None) -> None:
    with extra("cli"):
        from gitops_infra.audit.describe import CannotDescribe, describe  # noqa: PLC0415 - httpx is an extra
        from gitops_infra.audit.github_client import (  # noqa: PLC0415 - as above
            BadAddress,
            ForgeUnreachable,
            GitHubReader,
        )
    owner, slash, name = full_name.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise UserError(f"{full_name!a} is no OWNER/NAME")
    with (
        clear(BadAddress, ForgeUnreachable, CannotDescribe),
        GitHubReader(read_token(token_file), base_url, remember=True) as reader,
    ):
        typer.echo(describe(reader, owner, name), nl=False)
