"""An empty passphrase is refused where it is certain, and nowhere else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from gitops_infra import (
    Application,
    BranchCredential,
    BranchCredentialArgs,
    CiVariables,
    CiVariablesArgs,
    Cluster,
    ClusterArgs,
    ConfigurationError,
    Environment,
    GitOpsTopology,
    GitOpsTopologyArgs,
    TargetCluster,
    Topology,
    github_provider,
)
from gitops_infra.forges.passphrase import VARIABLE, VARIABLE_OF_FILE

SALT = "encryptionsalt: v1:c2FsdA==:v1:bm9uY2U=:Y2lwaGVy\n"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, record: Any, tmp_path: Path) -> Path:
    """A project whose stack `test` encrypts with an empty passphrase. After `record`, which clears the token."""
    (tmp_path / "Pulumi.yaml").write_text("name: gitops-infra\nruntime: python\n")
    (tmp_path / "Pulumi.test.yaml").write_text(SALT)
    monkeypatch.setattr(pulumi.runtime, "get_root_directory", lambda: str(tmp_path))
    monkeypatch.setenv("GITHUB_TOKEN", "TOKEN-CANARY")
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE_OF_FILE, raising=False)
    return tmp_path


def provider() -> None:
    github_provider("github", owner="acme")


def topology(*names: str) -> Callable[[], None]:
    wanted = Topology(
        owner="acme",
        github_plan="enterprise",
        application=Application(name="shop", existing=True, visibility="private"),
        environments=[Environment(name=name) for name in names],
    )
    return lambda: GitOpsTopology("shop", GitOpsTopologyArgs(topology=wanted)) and None


def credential() -> None:
    BranchCredential("one", BranchCredentialArgs(repository="shop", environment="staging", state_repository="state"))


def variables(**secrets: str) -> Callable[[], None]:
    args = CiVariablesArgs(repository="shop", environment="staging", secrets=secrets, variables={"LEVEL": "debug"})
    return lambda: CiVariables("one", args) and None


def cluster() -> None:
    kubeconfig = pulumi.Output.secret("known only while the program runs")
    Cluster("one", ClusterArgs(owner="acme", cluster=TargetCluster(name="eu"), tenants=[], kubeconfig=kubeconfig))


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("program", [provider, topology("staging"), credential, variables(PAGER="x"), cluster])
def test_what_makes_or_takes_a_credential_is_refused_before_anything_is_registered(
    record: Callable[..., Any], project: Path, program: Callable[[], None], *, preview: bool
) -> None:
    registered: list[str] = []

    def recorded() -> None:
        pulumi.runtime.register_stack_transformation(lambda args: registered.append(args.name))
        program()

    with pytest.raises(ConfigurationError) as refused:
        record(recorded, preview=preview)
    (problem,) = refused.value.problems
    assert problem.code == "empty-passphrase"
    assert problem.where == f"environment variable {VARIABLE}"
    assert "pulumi stack change-secrets-provider passphrase" in problem.remedy
    assert registered == []


@pytest.mark.parametrize("program", [topology("review"), variables()])
def test_without_a_credential_it_is_nobody_s_business(
    record: Callable[..., Any], project: Path, program: Callable[[], None]
) -> None:
    assert record(program).resources


def test_an_empty_file_is_an_empty_passphrase(
    record: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "passphrase"
    file.write_text("\n")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv(VARIABLE_OF_FILE, str(file))
    with pytest.raises(ConfigurationError, match=f"the file of {VARIABLE_OF_FILE}: it is empty"):
        record(provider)
    file.write_text("a passphrase\n")
    assert record(provider).resources
    # As Pulumi does: the variable counts first.
    file.write_text("")
    monkeypatch.setenv(VARIABLE, "a passphrase")
    assert record(provider).resources


@pytest.mark.parametrize(
    "settings",
    [
        "secretsprovider: awskms://alias/pulumi\nencryptedkey: AAAA\n",
        f"secretsprovider: gcpkms://projects/p\n{SALT}",
        "config: {}\n",
        "",
        "- no settings\n",
        "a: [\n",
    ],
)
def test_a_key_service_or_pulumi_cloud_needs_no_passphrase(
    record: Callable[..., Any], project: Path, settings: str
) -> None:
    (project / "Pulumi.test.yaml").write_text(settings)
    assert record(provider).resources


def test_settings_lie_where_the_project_says(record: Callable[..., Any], project: Path) -> None:
    (project / "Pulumi.yaml").write_text("name: gitops-infra\nruntime: python\nstackConfigDir: stacks/config\n")
    assert record(provider).resources
    (project / "stacks" / "config").mkdir(parents=True)
    (project / "stacks" / "config" / "Pulumi.test.yml").write_text(f"secretsprovider: passphrase\n{SALT}")
    with pytest.raises(ConfigurationError, match="empty-passphrase"):
        record(provider)


@pytest.mark.parametrize("root", [None, "", "project"])
def test_a_program_without_a_project_folder_proves_nothing(
    record: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch, root: str | None
) -> None:
    """An inline program of the Automation API: its settings may lie anywhere."""
    monkeypatch.setattr(pulumi.runtime, "get_root_directory", lambda: root)
    assert record(provider).resources


@pytest.mark.parametrize("passphrase", ["a passphrase", None])
def test_a_passphrase_or_none_at_all_passes(
    record: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str | None
) -> None:
    monkeypatch.delenv(VARIABLE)
    if passphrase is not None:
        monkeypatch.setenv(VARIABLE, passphrase)
    assert record(provider).resources
