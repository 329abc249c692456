"""`gitops-infra render`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitops_infra.cli.failure import UserError
from gitops_infra.cli.inputs import read_plans
from gitops_infra.topology.vocabulary import AgentInstall, EnvironmentKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_infra.plan.model import Plan
    from gitops_infra.topology.cluster import TargetCluster


def render_command(
    file: Annotated[Path, typer.Argument(help="Stack file or topology.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write into, such as a clone. Default: print.")
    ] = None,
    code_owner: Annotated[
        list[str] | None,
        typer.Option(help="`@login` or `@organisation/team`, repeatable. Default: production's reviewers."),
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option(help="Only of this one of several repositories. Without it, each gets a folder of its name."),
    ] = None,
    *,
    agents: Annotated[
        bool,
        typer.Option(
            "--agents", help="In their place what installs Flux, for clusters with `install: helm` or `operator`."
        ),
    ] = False,
) -> None:
    """Promotion workflows and CODEOWNERS of a topology, to be added to an existing repository by pull request."""
    topology, plans = read_plans(file)
    if agents:
        _show(_installing(topology.clusters or (), file), output)
        return
    names = [plan.application.name for plan in plans]
    if repository is not None and repository not in names:
        raise UserError(f"{file} has no repository {repository!a}. It has {', '.join(names)}")
    applications = [topology.application, *(topology.repositories or ())]
    for plan, application in zip(plans, applications, strict=True):
        if repository in (None, application.name):
            folder = Path(application.name if len(plans) > 1 and repository is None else "")
            owners = code_owner or application.owners or _reviewers(plan)
            if not owners:
                typer.echo("no CODEOWNERS: production names no reviewers; give --code-owner", err=True)
            _show({str(folder / path): text for path, text in _files(plan, owners).items()}, output)


def _show(files: "Mapping[str, str]", output: Path | None) -> None:
    for path, text in files.items():
        if output is None:
            typer.echo(f"# ---- {path}\n{text}")
        else:
            _write(output / path, text)


def _installing(clusters: "Iterable[TargetCluster]", file: Path) -> dict[str, str]:
    """What installs the agent, by path: values of the chart, or the object that the operator takes."""
    from gitops_infra.agents.flux_install import CHART, chart_values, flux_instance  # noqa: PLC0415 - as above
    from gitops_infra.pipelines.render import to_yaml  # noqa: PLC0415 - as above

    files = {}
    for cluster in clusters:
        if cluster.install is AgentInstall.HELM:
            heading = f"helm upgrade --install flux {CHART} --namespace flux-system --create-namespace --values <file>"
            files[f"{cluster.name}/flux-values.yaml"] = to_yaml(chart_values(), heading)
        elif cluster.install is AgentInstall.OPERATOR:
            heading = "Where Flux Operator runs: kubectl apply --filename <file>"
            files[f"{cluster.name}/flux-instance.yaml"] = to_yaml(flux_instance(), heading)
    if not files:
        raise UserError(f"{file} has no cluster with `install: helm` or `install: operator`")
    return files


def _files(plan: "Plan", owners: list[str]) -> dict[str, str]:
    """Text by path, of one repository."""
    from gitops_infra.pipelines.github_actions import workflows  # noqa: PLC0415 - `--help` need not load it
    from gitops_infra.pipelines.render import to_yaml  # noqa: PLC0415 - as above
    from gitops_infra.plan.files import CODE_OWNERS_PATH, code_owners  # noqa: PLC0415 - as above

    files = {path: to_yaml(document) for path, document in workflows(plan).items()}
    if owners:
        folders = dict.fromkeys(environment.manifests.strip("/") for environment in plan.environments)
        files[CODE_OWNERS_PATH] = code_owners(owners, folders)
    return files


def _reviewers(plan: "Plan") -> list[str]:
    names = [
        f"@{plan.owner}/{approver.team}" if approver.team else f"@{approver.user}"
        for environment in plan.environments
        if environment.kind is EnvironmentKind.PRODUCTION
        for approver in environment.policy.approvers
        if approver.team or approver.user
    ]
    return list(dict.fromkeys(names))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {path}", err=True)
