"""`gitops-infra app`."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli.failure import UserError, clear, extra
from gitops_infra.topology.problems import TopologyError

if TYPE_CHECKING:
    from gitops_infra.apps.case import Case
    from gitops_infra.audit.checks.writers import Check

app = typer.Typer(
    help="The GitHub App that moves an environment's branch.", no_args_is_help=True, rich_markup_mode=None
)

EnvironmentName = Annotated[str, typer.Argument(metavar="ENV", help="Name of the environment.")]
StackFile = Annotated[
    Path | None,
    typer.Option(help="Stack file (Pulumi.<stack>.yaml), or a topology. Default: the only one of the project."),
]
Stack = Annotated[str | None, typer.Option(help="Stack that keeps the key. Default: the one that the file is for.")]
Folder = Annotated[Path | None, typer.Option(help="Folder of the Pulumi project. Default: found from the stack file.")]
BaseUrl = Annotated[
    str | None, typer.Option(envvar="GITHUB_BASE_URL", help="Address of a GitHub other than github.com.")
]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


@app.callback()
def github_app() -> None:
    """The GitHub App that moves an environment's branch."""


@app.command()
def create(  # noqa: PLR0913 - one parameter per option
    environment: EnvironmentName,
    *,
    stack_file: StackFile = None,
    stack: Stack = None,
    cwd: Folder = None,
    base_url: BaseUrl = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="MIN", help="Minutes to wait for each click.")] = 15,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page on this machine; 0: a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the pages, or only print their addresses.")] = True,
    write: Annotated[bool, typer.Option("--write", help="Add the writer to the file, and nothing else.")] = False,
    new_key: Annotated[bool, typer.Option("--new-key", help="Say how an App gets a new key; changes nothing.")] = False,
) -> None:
    """Make the App with two clicks on GitHub, and keep its key as a secret of the stack."""
    with extra("cli"):
        from gitops_infra.apps import creation  # noqa: PLC0415 - httpx is an extra
        from gitops_infra.audit.github_client import BadAddress  # noqa: PLC0415 - as above
        from gitops_infra.recovery.pulumi_cli import PulumiFailed  # noqa: PLC0415 - as above
    case = _case(stack_file, environment, stack, cwd)
    if new_key:
        _explain_rotation(case, base_url)
        return
    if case.writer is not None:
        typer.echo(
            f"{environment} has its App: `writer: {{app: {case.writer.app}, key: {case.vault.key}}}`. "
            "`gitops-infra app check` says whether it works, --new-key how it gets another key",
            err=True,
        )
        return
    patience = creation.Patience(timeout * 60)
    with clear(PulumiFailed, BadAddress, creation.NotCreated):
        _prepared(case, base_url)
        try:
            made = creation.create(
                case.wanted,
                case.vault,
                base_url,
                show=lambda address: _show(address, "Begin", browser=browser),
                tell=_tell,
                patience=patience,
                port=port,
            )
        except KeyboardInterrupt:
            _tell("stopped before a key was stored. Run this again; delete an App of that name first, if there is one")
            raise typer.Exit(INTERRUPTED) from None
    _tell(f"its key is stored as {case.vault.key} of stack {case.vault.pulumi.stack}")
    _add_writer(case, made.id, write=write)
    check = f"gitops-infra app check {environment} --stack-file {case.file}"
    _show(made.install_url, f"Install it on {', '.join(case.wanted.full_names)}", browser=False)
    with clear(BadAddress):
        try:
            missing = creation.await_installation(
                made.id,
                made.pem,
                case.wanted.full_names,
                base_url,
                tell=_tell,
                patience=patience,
                poll=creation.POLL_SECONDS,
            )
        except KeyboardInterrupt:
            _tell(f"stopped. App and key are kept: install it at {made.install_url}, then run `{check}`")
            raise typer.Exit(INTERRUPTED) from None
    if missing:
        raise UserError(
            f"it is not installed on {', '.join(missing)} yet. App and key are kept: install it at {made.install_url}, "
            f"then run `{check}`"
        )
    _report(_checks(case, made.id, made.pem, base_url))


@app.command()
def check(
    environment: EnvironmentName,
    *,
    stack_file: StackFile = None,
    stack: Stack = None,
    cwd: Folder = None,
    base_url: BaseUrl = None,
) -> None:
    """Ask GitHub with the stored key: is it the App's, is it installed, may it do what it must? Exit code 1: no."""
    with extra("cli"):
        from gitops_infra.recovery.pulumi_cli import PulumiFailed  # noqa: PLC0415 - `--help` need not load it
    case = _case(stack_file, environment, stack, cwd)
    if case.writer is None or case.writer.app is None:
        raise UserError(f"{environment} has no App yet. Run `gitops-infra app create {environment}`")
    with clear(PulumiFailed):
        pem = case.vault.read()
    _report(_checks(case, case.writer.app, pem, base_url))


def _case(file: Path | None, environment: str, stack: str | None, cwd: Path | None) -> "Case":
    from gitops_infra.apps.case import NoAppHere, case  # noqa: PLC0415 - `--help` need not load it
    from gitops_infra.apps.stack_file import NoStackFile, find  # noqa: PLC0415 - as above

    with clear(TopologyError, NoAppHere, NoStackFile):
        return case(file or find(cwd or Path(), stack), environment, stack=stack, directory=cwd)


def _prepared(case: "Case", base_url: str | None) -> None:
    """Whatever can go wrong with the stack goes wrong before there is an App."""
    from gitops_infra.apps.manifest import settings_url  # noqa: PLC0415 - `--help` need not load it
    from gitops_infra.audit.github_client import web_url  # noqa: PLC0415 - httpx is an extra

    wanted, vault = case.wanted, case.vault
    apps = settings_url(wanted.owner, web_url(base_url), "").rstrip("/")
    if vault.is_set():
        raise UserError(
            f"the stack has a value {vault.key} already, and the topology no `writer`: an earlier run did not come to "
            f"its end. Look the App's id up at {apps}, add `writer: {{app: ID, key: {vault.key}}}` to {case.file} and "
            f"run `gitops-infra app check {wanted.environment}`. Or begin anew: delete the App there, and run `pulumi "
            f"config rm {vault.key}`"
        )
    vault.rehearse()


def _show(address: str, what: str, *, browser: bool) -> None:
    _tell(f"{what}: {address}")
    if browser:
        webbrowser.open(address)


def _add_writer(case: "Case", made: int, *, write: bool) -> None:
    """The line for the topology on standard output, unless it could be written into the file."""
    from gitops_infra.apps.stack_file import add_writer, writer_of_app  # noqa: PLC0415 - `--help` need not load it

    name, line = case.wanted.environment, writer_of_app(made, case.vault.key)
    try:
        if write and add_writer(case.file, name, made, case.vault.key):
            _tell(f"{case.file} has it: {line}")
            return
    except OSError as error:
        _tell(f"{case.file} cannot be written: {error.strerror}")
    _tell(f"add this to environment {name}, in {case.file} or the file that it extends:")
    typer.echo(line)


def _checks(case: "Case", made: int, pem: str, base_url: str | None) -> "tuple[Check, ...]":
    from gitops_infra.audit.checks.writers import AppWriter, app_checks  # noqa: PLC0415 - httpx is an extra
    from gitops_infra.audit.github_client import BadAddress, ForgeUnreachable  # noqa: PLC0415 - as above

    writer = AppWriter(made, pem, case.wanted.full_names, case.wanted.environment, case.vault.key)
    with clear(BadAddress, ForgeUnreachable):
        return app_checks(writer, base_url)


def _report(checks: "tuple[Check, ...]") -> None:
    """One line for each check; exit code 1 if one is an error."""
    for each in checks:
        typer.echo(f"ok: {each.text}" if each.finding is None else str(each.finding), err=each.finding is not None)
    if any(each.finding is not None and each.finding.severity == "error" for each in checks):
        raise typer.Exit(1)


def _explain_rotation(case: "Case", base_url: str | None) -> None:
    """GitHub has no call that makes a key of an App."""
    from gitops_infra.audit.github_client import BadAddress, web_url  # noqa: PLC0415 - httpx is an extra

    if case.writer is None:
        raise UserError(f"{case.wanted.environment} has no App yet. Run this without --new-key")
    with clear(BadAddress):
        apps = f"{web_url(base_url)}/organizations/{case.wanted.owner}/settings/apps"
    stack, key = case.vault.pulumi.stack, case.vault.key
    typer.echo(
        f"""\
A new key for GitHub App {case.writer.app}; the old one works until it is deleted:
1. {apps}: choose the App, then "Generate a private key". The browser saves a .pem file.
2. pulumi config set --secret {key} --stack {stack} < THE_FILE.pem, then delete the file.
3. gitops-infra app check {case.wanted.environment} --stack-file {case.file}
4. pulumi up --stack {stack}, and let one promotion to {case.wanted.environment} run.
5. Delete the old key on the App's page."""
    )


def _tell(text: str) -> None:
    typer.echo(text, err=True)
