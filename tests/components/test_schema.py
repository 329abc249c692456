"""What holds for every component: the whole family is walked, so that a new one cannot be forgotten."""

import ast
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.component import ComponentProvider

import gitops_infra
from gitops_infra.components.inputs import Args

ROOT = Path(__file__).parents[2]
TOKENS = (
    "gitops-infra:index:ApplicationRepository",
    "gitops-infra:index:BranchCredential",
    "gitops-infra:index:CiVariables",
    "gitops-infra:index:Cluster",
    "gitops-infra:index:DeploymentEnvironment",
    "gitops-infra:index:EnvironmentBranch",
    "gitops-infra:index:GitOpsAgent",
    "gitops-infra:index:GitOpsTopology",
)
COMPONENTS = [getattr(gitops_infra, token.rpartition(":")[2]) for token in TOKENS]
each_component = pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema that Pulumi infers for programs in other languages."""
    loaded: dict[str, Any] = json.loads(ComponentProvider(COMPONENTS, "gitops-infra", version="0.0.0").schema)
    return loaded


def test_every_public_component_is_known_by_its_token(schema: dict[str, Any]) -> None:
    """A changed token replaces users' resources."""
    public = [
        name
        for name in gitops_infra.__all__
        if isinstance(value := getattr(gitops_infra, name), type) and issubclass(value, pulumi.ComponentResource)
    ]
    assert sorted(f"gitops-infra:index:{name}" for name in public) == list(TOKENS)
    assert sorted(schema["resources"]) == list(TOKENS)


@each_component
def test_the_schema_describes_inputs_and_outputs(schema: dict[str, Any], component: type) -> None:
    resource = schema["resources"][f"gitops-infra:index:{component.__name__}"]
    assert resource["description"]
    assert resource["inputProperties"]
    assert all(output.get("description") for output in resource["properties"].values())


@each_component
def test_args_are_frozen_and_refuse_unknown_keys(component: type) -> None:
    args = getattr(gitops_infra, f"{component.__name__}Args")
    assert issubclass(args, Args)
    assert args.model_config["frozen"] is True
    assert args.model_config["extra"] == "forbid"


@each_component
def test_it_has_a_page_and_an_example_that_reads_as_a_program(component: type) -> None:
    name = component.__name__
    page = (ROOT / "docs" / "components" / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    example = ROOT / "examples" / name / "__main__.py"
    assert f"{name}(" in example.read_text()
    ast.parse(example.read_text())
    assert (ROOT / "examples" / name / "Pulumi.yaml").exists()


@each_component
def test_its_page_names_every_argument_and_output(component: type) -> None:
    page = (ROOT / "docs" / "components" / f"{component.__name__}.md").read_text()
    args = getattr(gitops_infra, f"{component.__name__}Args")
    outputs = [name for name in component.__annotations__ if not name.startswith("_")]
    missing = [name for name in (*args.model_fields, *outputs) if f"`{name}`" not in page]
    assert missing == []


@pytest.mark.parametrize("folder", ["components", "topology"])
def test_no_module_postpones_annotations(folder: str) -> None:
    """Schema inference cannot read postponed ones."""
    modules = sorted((ROOT / "gitops_infra" / folder).glob("*.py"))
    assert modules
    assert [one.name for one in modules if "from __future__ import annotations" in one.read_text()] == []
