"""`gitops-infra sandbox`."""

import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli.failure import UserError, clear, extra
from gitops_infra.topology.vocabulary import Visibility

if TYPE_CHECKING:
    from gitops_infra.sandbox.cluster.daemon import RunningCluster
    from gitops_infra.sandbox.forge.control import RemoteSandbox
    from gitops_infra.sandbox.forge.daemon import State

app = typer.Typer(
    help="The stand-in forge on loopback, for trying things out.", no_args_is_help=True, rich_markup_mode=None
)

NOT_RUNNING = "the sandbox forge does not run. Start it with `gitops-infra sandbox up`"

Directory = Annotated[
    Path | None, typer.Option("--directory", help="Where its state lives. Default: the XDG state folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def default_directory() -> Path:
    """`$XDG_STATE_HOME/gitops-infra/sandbox`; a relative variable is ignored, as the XDG specification asks."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "gitops-infra" / "sandbox"


@app.callback()
def sandbox() -> None:
    """The stand-in forge on loopback, for trying things out."""


@app.command()
def up(  # noqa: PLR0913 - one parameter per option
    directory: Directory = None,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 0,
    ssh_port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 0,
    *,
    tls: Annotated[bool, typer.Option("--tls", help="Serve it over TLS too, for clients that insist (`gh`).")] = False,
    clusters: Annotated[
        int, typer.Option("--clusters", min=0, max=3, help="Clusters with Flux: staging, production, review.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Start it, or find it running; ready when this returns."""
    with extra("sandbox"):
        from gitops_infra.sandbox.forge import daemon  # noqa: PLC0415 - an extra
    folder = directory or default_directory()
    with clear(daemon.DaemonError, OSError):
        state = daemon.up(folder, http_port=http_port, ssh_port=ssh_port, tls=tls)
    if clusters:
        _start_clusters(folder, clusters)
    _show(state, _clusters(folder), as_json=as_json)


@app.command()
def status(directory: Directory = None, *, as_json: AsJson = False) -> None:
    """Tell whether it runs, and where. Exit code 1: it does not."""
    with extra("sandbox"):
        from gitops_infra.sandbox.forge import daemon  # noqa: PLC0415 - an extra
    folder = directory or default_directory()
    state, clusters = daemon.status(folder), _clusters(folder)
    if state is None:
        if as_json:
            typer.echo(json.dumps({"running": False} | _as_json(clusters)))
        raise UserError(NOT_RUNNING)
    _show(state, clusters, as_json=as_json)


@app.command()
def reset(directory: Directory = None, *, as_json: AsJson = False) -> None:
    """Forget all that is in it; one that runs starts anew on the same ports."""
    with extra("sandbox"):
        from gitops_infra.sandbox.cluster.failure import ClusterError  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.forge import daemon  # noqa: PLC0415 - as above
    folder = directory or default_directory()
    with clear(daemon.DaemonError, ClusterError):
        state = daemon.reset(folder)
    if state is not None:
        _show(state, _clusters(folder), as_json=as_json)
    elif as_json:
        typer.echo(json.dumps({"running": False}))
    else:
        typer.echo("the sandbox forge is empty, and does not run")


@app.command()
def down(directory: Directory = None) -> None:
    """Stop it. Its state stays for the next `up`."""
    with extra("sandbox"):
        from gitops_infra.sandbox.cluster.failure import ClusterError  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.forge import daemon  # noqa: PLC0415 - as above
    with clear(daemon.DaemonError, ClusterError):
        stopped = daemon.down(directory or default_directory())
    typer.echo("the sandbox forge is stopped" if stopped else "the sandbox forge did not run")


@app.command()
def token(
    login: Annotated[str, typer.Argument(help="User that the token belongs to, such as `dana`.")],
    directory: Directory = None,
    *,
    is_app: Annotated[
        bool, typer.Option("--app", help="The name is an App's, such as `provisioner`: an installation token.")
    ] = False,
) -> None:
    """Print a new token of a user, or of an App, of the running sandbox."""
    with extra("sandbox"):
        remote = _remote(directory)
    with clear(ValueError):
        typer.echo(remote.app_token(login) if is_app else remote.token(login))


@app.command()
def add(
    source: Annotated[Path, typer.Argument(help="A local git repository, or a folder of files. It is not changed.")],
    name: Annotated[str | None, typer.Option(help="Name of the repository. Default: the folder's.")] = None,
    visibility: Annotated[Visibility, typer.Option(help="Who can see it.")] = Visibility.PRIVATE,
    directory: Directory = None,
) -> None:
    """Put an application of yours into the running sandbox, with its whole history."""
    with extra("sandbox"):
        from gitops_infra.sandbox.application import add_application  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.forge.daemon import ORGANIZATION  # noqa: PLC0415 - as above
    remote = _remote(directory)
    with clear(ValueError):
        repository = add_application(remote, source, name, visibility.value)
    typer.echo(f"{ORGANIZATION}/{repository.name}, default branch {repository.default_branch}")


@app.command()
def env(directory: Directory = None) -> None:
    """Print the variables with which plain `pulumi` uses the sandbox: eval "$(gitops-infra sandbox env)"."""
    with extra("sandbox"):
        from gitops_infra.sandbox.engine import Engine, is_ambient  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415 - as above
    folder = directory or default_directory()
    state = _running(folder)
    with clear(ToolError):
        engine = Engine.prepare()
        # The passphrase is the user's own to set; a value is only needed to ask for the other variables.
        wanted = engine.environment(folder / "pulumi", "not printed", GITHUB_BASE_URL=f"{state.url}/")
    typer.echo(f'export PATH={shlex.quote(str(engine.home.binaries))}:"$PATH"')
    for key, value in sorted(wanted.items()):
        if is_ambient(key) and key != "PULUMI_CONFIG_PASSPHRASE":
            typer.echo(f"export {key}={shlex.quote(value)}")
    typer.echo("unset GITHUB_OWNER GITHUB_ORGANIZATION")


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Tell what is found, built or missing, from where, and the remedy. Exit code 1: something is missing."""
    with extra("sandbox"):
        from gitops_infra.sandbox.toolchain.doctor import examine, healthy, render  # noqa: PLC0415 - an extra
    findings = examine()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        typer.echo(render(findings), nl=False)
    raise typer.Exit(0 if healthy(findings) else 1)


def _running(directory: Path) -> "State":
    from gitops_infra.sandbox.forge import daemon  # noqa: PLC0415 - an extra

    state = daemon.status(directory)
    if state is None:
        raise UserError(NOT_RUNNING)
    return state


def _remote(directory: Path | None) -> "RemoteSandbox":
    from gitops_infra.sandbox.forge.control import RemoteSandbox  # noqa: PLC0415 - an extra

    state = _running(directory or default_directory())
    return RemoteSandbox(state.url, state.control_token)


def _start_clusters(directory: Path, number: int) -> None:
    """What has to be built is built here and not in the daemon: here somebody looks at the progress."""
    with extra("sandbox"):
        from gitops_infra.sandbox.cluster import daemon  # noqa: PLC0415 - an extra
        from gitops_infra.sandbox.cluster.failure import ClusterError  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.cluster.folder import NAMES  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.build import ensure  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.failure import ToolError  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.progress import default_progress  # noqa: PLC0415 - as above
        from gitops_infra.sandbox.toolchain.recipes import CLUSTER  # noqa: PLC0415 - as above
    names, progress = NAMES[:number], default_progress()
    with clear(ClusterError, ToolError, OSError):
        ensure(*(recipe.name for recipe in CLUSTER), progress=progress)
        with progress.step(f"clusters {', '.join(names)}", 3 + 3 * number):
            daemon.up(directory, names)


def _clusters(directory: Path) -> "tuple[RunningCluster, ...]":
    from gitops_infra.sandbox.cluster import daemon  # noqa: PLC0415 - an extra

    state = daemon.status(directory)
    return state.clusters if state else ()


def _as_json(clusters: "tuple[RunningCluster, ...]") -> dict[str, object]:
    return {"clusters": [asdict(cluster) for cluster in clusters]} if clusters else {}


def _show(state: "State", clusters: "tuple[RunningCluster, ...]", *, as_json: bool) -> None:
    """Addresses only: the control token stays in the state file."""
    if as_json:
        shown = {
            "running": True,
            "url": state.url,
            "ssh_port": state.ssh_port,
            "known_hosts": state.known_hosts,
            "pid": state.pid,
        }
        secure = {"tls_url": state.tls_url, "ca_file": state.ca_file} if state.tls_url else {}
        typer.echo(json.dumps(shown | secure | _as_json(clusters)))
        return
    typer.echo(f"the sandbox forge runs at {state.url} (process {state.pid}, SSH port {state.ssh_port})")
    if state.tls_url:
        typer.echo(f"with TLS at {state.tls_url}, to be trusted by {state.ca_file}")
    for cluster in clusters:
        typer.echo(f"cluster {cluster.name} at {cluster.server}: export KUBECONFIG={shlex.quote(cluster.kubeconfig)}")
    typer.echo("a token: gitops-infra sandbox token LOGIN")
