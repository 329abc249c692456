"""`gitops-infra resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli.failure import UserError, clear, extra
from gitops_infra.cli.inputs import read_token

if TYPE_CHECKING:
    from gitops_infra.audit.github_client import GitHubReader


def resume_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    stack: Annotated[str, typer.Option(help="Stack whose `pulumi up` was killed or failed.")],
    cwd: Annotated[Path, typer.Option(help="Folder of the Pulumi project.")] = Path(),
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the token. Default: the variable GITHUB_TOKEN.")
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option(help="URN of a pending create that you have dealt with, repeatable.")
    ] = None,
    gone: Annotated[
        list[str] | None,
        typer.Option(
            help="`owner/name` of a repository that was deleted: what was in it leaves the state. Repeatable."
        ),
    ] = None,
    made: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or URN of a resource that `pulumi up` failed to make because it is there: imported. Repeatable."
        ),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Take a stack up again after a killed `pulumi up`: what was made and not written down is imported."""
    with extra("cli"):
        from gitops_infra.audit.github_client import (  # noqa: PLC0415 - httpx is an extra
            BadAddress,
            ForgeUnreachable,
            GitHubReader,
        )
        from gitops_infra.recovery.pulumi_cli import Pulumi, PulumiFailed  # noqa: PLC0415 - as above
        from gitops_infra.recovery.resume import CannotResume, resume  # noqa: PLC0415 - as above
    if not cwd.is_dir():
        raise UserError(f"{cwd} is no folder. Give --cwd the folder of the Pulumi project")

    def connect(base_url: str | None) -> "GitHubReader":
        return GitHubReader(read_token(token_file), base_url)

    with clear(BadAddress, ForgeUnreachable, PulumiFailed, CannotResume):
        resume(
            Pulumi(cwd, stack),
            connect,
            typer.echo,
            forget=forget or (),
            gone=gone or (),
            made=made or (),
            dry_run=dry_run,
        )
