"""`gitops-infra render`."""

from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML
from typer.testing import Result

Cli = Callable[..., Result]


def test_it_prints_workflows_and_code_owners_for_an_existing_repository(cli: Cli, topology: Path) -> None:
    result = cli("render", topology)
    assert result.exit_code == 0
    for path in (".github/workflows/promote-staging.yml", ".github/workflows/promote-production.yml"):
        assert f"# ---- {path}\n" in result.stdout
    assert result.stdout.endswith(
        "/.github/ @acme/platform @rita\n"
        "/deploy/staging/ @acme/platform @rita\n"
        "/deploy/production/ @acme/platform @rita\n"
        "/deploy/review/ @acme/platform @rita\n\n"
    )


def test_it_writes_into_a_clone(cli: Cli, topology: Path, tmp_path: Path) -> None:
    result = cli("render", topology, "-o", tmp_path / "clone", "--code-owner", "@dana")
    assert (result.exit_code, result.stdout) == (0, "")
    workflow = YAML(typ="safe").load(tmp_path / "clone" / ".github" / "workflows" / "promote-production.yml")
    assert workflow["jobs"]["promote"]["environment"]["name"] == "production"
    assert "/.github/ @dana\n" in (tmp_path / "clone" / ".github" / "CODEOWNERS").read_text()


def test_each_of_several_repositories_gets_its_own_workflows(cli: Cli, topology: Path, tmp_path: Path) -> None:
    with topology.open("a") as file:
        file.write("repositories:\n  - {name: shop-api, existing: true, visibility: private}\n")
    assert cli("render", topology, "-o", tmp_path / "all").exit_code == 0
    for name, state in (("shop", "acme/shop-env-staging"), ("shop-api", "acme/shop-api-env-staging")):
        workflow = (tmp_path / "all" / name / ".github" / "workflows" / "promote-staging.yml").read_text()
        assert f"repository={state}\n" in workflow
    result = cli("render", topology, "-o", tmp_path / "clone", "--repository", "shop-api")
    assert result.exit_code == 0
    assert (
        "repository=acme/shop-api-env-staging\n"
        in (tmp_path / "clone" / ".github" / "workflows" / "promote-staging.yml").read_text()
    )
    wrong = cli("render", topology, "--repository", "shopp")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        f"gitops-infra: {topology} has no repository 'shopp'. It has shop, shop-api\n",
    )


def test_without_reviewers_it_says_why_there_is_no_codeowners(cli: Cli, topology: Path) -> None:
    """On the plan `team` nobody can be asked to review a private repository's deployments."""
    text = topology.read_text().replace("enterprise", "team")
    topology.write_text(text.replace("reviewers: [{team: platform}, {user: rita}]", "allow_degraded: true"))
    result = cli("render", topology)
    assert result.exit_code == 0, result.stderr
    assert "CODEOWNERS" not in result.stdout
    assert result.stderr == "no CODEOWNERS: production names no reviewers; give --code-owner\n"


def test_every_problem_of_the_topology_is_told(cli: Cli, topology: Path) -> None:
    text = topology.read_text().replace("github_plan", "github_plam")
    topology.write_text(text.replace("name: review", "name: REVIEW"))
    result = cli("render", topology)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("gitops-infra: ")
    assert "problems in the topology:\n" in result.stderr
    assert f"  - {topology}:2 " in result.stderr


def test_it_prints_what_installs_flux_where_a_cluster_asks_for_it(cli: Cli, topology: Path, tmp_path: Path) -> None:
    refused = cli("render", topology, "--agents")
    assert refused.exit_code == 1
    assert "has no cluster with `install: helm` or `install: operator`" in refused.stderr
    with topology.open("a") as file:
        file.write("clusters: [{name: eu, install: helm}, {name: us, install: operator}, {name: asia}]\n")
    assert cli("render", topology, "--agents", "-o", tmp_path / "agents").exit_code == 0
    written = {path.relative_to(tmp_path / "agents"): path for path in (tmp_path / "agents").rglob("*.yaml")}
    assert sorted(map(str, written)) == ["eu/flux-values.yaml", "us/flux-instance.yaml"]
    values = YAML(typ="safe").load(tmp_path / "agents" / "eu" / "flux-values.yaml")
    assert values["multitenancy"]["enabled"] is True
    instance = YAML(typ="safe").load(tmp_path / "agents" / "us" / "flux-instance.yaml")
    assert (instance["kind"], instance["spec"]["cluster"]["multitenant"]) == ("FluxInstance", True)
