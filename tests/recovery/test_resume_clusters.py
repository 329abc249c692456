"""Resume on the real engine and a real cluster: webhooks and cluster objects that a killed run made are taken over."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.plan.budget import CREATE, Call
from gitops_infra.plan.resources import ResourceKind
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.recovery.resume import CannotResume, resume
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.server import Sandbox

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.engine

PROGRAM = """
import os
import pulumi
import pulumi_github as github
import pulumi_kubernetes as kubernetes

forge = github.Provider("forge", owner="acme", token=pulumi.Output.secret(os.environ["TOKEN"]),
    base_url=os.environ["URL"], legacy_client=False)
cluster = kubernetes.Provider("cluster", kubeconfig=pulumi.Output.secret(os.environ["CLUSTER"]))
there = pulumi.ResourceOptions(provider=cluster)
labels = {"gitops-infra/environment": "staging"}
space = os.environ["SPACE"]
namespace = kubernetes.core.v1.Namespace("namespace", metadata={"name": space, "labels": labels}, opts=there)
there = pulumi.ResourceOptions(provider=cluster, depends_on=[namespace])


def metadata(name):
    return {"name": name, "namespace": space, "labels": labels}


kubernetes.core.v1.ServiceAccount("account", metadata=metadata("gitops"), opts=there)
kubernetes.core.v1.Secret("secret", metadata=metadata("git"), string_data={"a": pulumi.Output.secret("canary-b")},
    opts=there)
kubernetes.apiextensions.CustomResource("source", api_version="source.toolkit.fluxcd.io/v1", kind="GitRepository",
    metadata=metadata("shop"),
    spec={"url": "https://example.invalid/a.git", "interval": "1h", "ref": {"branch": "main"}}, opts=there)


class Agent(pulumi.ComponentResource):
    # Has the address of its webhook as an output, as GitOpsAgent does.
    def __init__(self, name, address):
        super().__init__("test:index:Agent", name)
        self.register_outputs({"receiver_url": address})


address = pulumi.Output.secret("https://flux.example.com/hook/canary-a")
agent = Agent("agent", address)
github.RepositoryWebhook("webhook", repository="shop", active=True, events=["push"],
    configuration={"url": address, "content_type": "json",
        "insecure_ssl": False, "secret": pulumi.Output.secret("canary-c")},
    opts=pulumi.ResourceOptions(provider=forge, parent=agent, additional_secret_outputs=["configuration"]))
"""
NAMES = ("namespace", "account", "secret", "source", "webhook")


@dataclass
class Project:
    forge: Sandbox
    engine: Engine
    folder: Path
    environment: dict[str, str]

    @property
    def state(self) -> Path:
        return self.folder.parent / "state"

    def pulumi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.engine.run([*arguments, "--stack", "dev"], self.folder, self.environment)

    def up(self, *more: str) -> str:
        done = self.pulumi("up", "--yes", "--skip-preview", "--non-interactive", *more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def forget(self, *names: str, pending: bool) -> None:
        """As if the run that made these had been killed before it was told, or had heard an error."""
        (file,) = self.state.glob(".pulumi/stacks/made/dev.json")
        document = json.loads(file.read_text())
        latest = document["checkpoint"]["latest"]
        gone = [each for each in latest["resources"] if each["urn"].rpartition("::")[2] in names]
        assert len(gone) == len(names)
        latest["resources"] = [each for each in latest["resources"] if each not in gone]
        for each in latest["resources"]:
            each.pop("dependencies", None)
            each.pop("propertyDependencies", None)
        if pending:
            for each in gone:
                each.pop("id", None)
                each.pop("outputs", None)
            latest["pending_operations"] = [{"resource": each, "type": "creating"} for each in gone]
        file.write_text(json.dumps(document))
        for beside in file.parent.glob("dev.json*.attrs"):
            beside.unlink()

    def resume(self, **options: Any) -> list[str]:
        said: list[str] = []
        token = self.environment["TOKEN"]
        pulumi = Pulumi(self.folder, "dev", self.environment)
        resume(pulumi, lambda url: GitHubReader(token, url), said.append, **options)
        return said


@pytest.fixture
def project(engine: Engine, clusters: Clusters, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: made\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    with Sandbox(tmp_path / "forge") as forge:
        forge.add_user("olivia")
        forge.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        forge.add_repository("acme/shop", auto_init=True)
        environment = engine.environment(
            tmp_path / "state",
            "a passphrase",
            TOKEN=forge.token("olivia"),
            URL=forge.url,
            CLUSTER=clusters["review"].kubeconfig,
            SPACE=request.node.name.replace("_", "-")[:40].strip("-"),
        )
        made = Project(forge, engine, folder, environment)
        assert engine.run(["stack", "init", "dev"], folder, environment).returncode == 0
        made.up()
        yield made


def written(project: Project) -> str:
    return "".join(path.read_text(errors="replace") for path in project.state.rglob("*") if path.is_file())


def test_a_webhook_costs_the_requests_that_the_budget_has(project: Project) -> None:
    sent = [
        Call(request.method, re.sub(r"/repos/[^/]+/[^/]+/hooks(/\d+)?", _route, request.path))
        for request in project.forge.requests
        if "/hooks" in request.path
    ]
    assert sorted(sent) == sorted(CREATE[ResourceKind.WEBHOOK])


def _route(found: "re.Match[str]") -> str:
    return "/repos/{}/{}/hooks" + ("/{}" if found[1] else "")


def test_what_a_killed_run_made_is_imported_and_stays_as_it_is(project: Project) -> None:
    space = project.environment["SPACE"]
    project.forget(*NAMES, pending=True)
    said = project.resume()
    assert set(said) >= {
        f"namespace: is in the cluster; imported as {space}",
        f"account: is in the cluster; imported as {space}/gitops",
        f"secret: is in the cluster; imported as {space}/git",
        f"source: is in the cluster; imported as {space}/shop",
        "5 imported into the state",
    }
    assert [line for line in said if line.startswith("webhook: is on the forge; imported as shop/")]
    assert "canary" not in "".join(said)
    project.up("--refresh")
    project.up("--expect-no-changes")
    assert "canary" not in written(project)
    with GitHubReader(project.environment["TOKEN"], project.forge.url) as reader:
        assert len(reader.pages("/repos/acme/shop/hooks").entries) == 1


def test_what_failed_as_there_already_is_taken_over_by_name(project: Project) -> None:
    project.forget("source", "webhook", pending=False)
    failed = project.pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--target", _urn(project, "source"))
    assert failed.returncode != 0
    assert "already exists" in failed.stdout + failed.stderr
    said = project.resume(made=["source", "webhook"])
    assert said[-2:] == ["2 imported into the state", "run `pulumi up`"]
    project.up()
    project.up("--expect-no-changes")


def _urn(project: Project, name: str) -> str:
    kinds = {"source": "kubernetes:source.toolkit.fluxcd.io/v1:GitRepository"}
    return f"urn:pulumi:dev::made::{kinds[name]}::{name}"


def test_an_object_of_another_environment_is_not_taken(project: Project, clusters: Clusters) -> None:
    space = project.environment["SPACE"]
    project.forget("account", pending=True)
    body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "gitops", "labels": {"gitops-infra/environment": "other"}},
    }
    clusters["review"].api.apply(f"/api/v1/namespaces/{space}/serviceaccounts/gitops", body)
    with pytest.raises(CannotResume, match="not this environment's: gitops-infra/environment differ"):
        project.resume()


def test_a_cluster_that_is_down_judges_nothing(project: Project, clusters: Clusters) -> None:
    project.forget("account", pending=True)
    clusters["review"].stop_api()
    try:
        with pytest.raises(CannotResume, match="cannot be asked: the connection was refused"):
            project.resume()
    finally:
        clusters["review"].start_api()
