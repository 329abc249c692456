"""The GitHub provider that is built here has the property shapes of the published pulumi_github package.

Two witnesses: what the provider says of its resources (`-get-provider-info`), and what it answers over its protocol
to inputs that have the shape of the package's annotations.
"""

import inspect
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import grpc
import pulumi
import pulumi_github as github
import pytest
from pulumi import _types as annotations
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

import gitops_infra
from gitops_infra.sandbox.engine import Engine, is_ambient
from gitops_infra.sandbox.plugins import wire
from gitops_infra.sandbox.toolchain.recipes import GITHUB_PROVIDER

pytestmark = pytest.mark.engine

# Every resource type that gitops_infra registers, and its upstream name.
RESOURCES = {
    "Repository": "github_repository",
    "RepositoryRuleset": "github_repository_ruleset",
    "RepositoryDeployKey": "github_repository_deploy_key",
    "RepositoryEnvironment": "github_repository_environment",
    "RepositoryEnvironmentDeploymentPolicy": "github_repository_environment_deployment_policy",
    "ActionsEnvironmentSecret": "github_actions_environment_secret",
    "ActionsEnvironmentVariable": "github_actions_environment_variable",
    "ActionsRepositoryPermissions": "github_actions_repository_permissions",
    "WorkflowRepositoryPermissions": "github_workflow_repository_permissions",
    "RepositoryFile": "github_repository_file",
    "TeamRepository": "github_team_repository",
    "RepositoryCollaborator": "github_repository_collaborator",
    "IssueLabel": "github_issue_label",
    "RepositoryVulnerabilityAlerts": "github_repository_vulnerability_alerts",
    "RepositoryWebhook": "github_repository_webhook",
}
AUTONAMED = {"Repository", "RepositoryRuleset", "IssueLabel"}
"""Pulumi derives their `name` when it is not given, so it is required upstream and optional in the package."""

# terraform-plugin-sdk's value types, as the provider prints them.
SCALARS = {1: "boolean", 2: "integer", 3: "number", 4: "string"}
LISTS, MAP = {5, 7}, 6
Shape = Any
"""`"string"`, `["list", shape]`, `["map", shape]`, or a dict of property name -> shape."""


@pytest.fixture(scope="module")
def provider(engine: Engine) -> Path:
    version = (
        github.__file__,
        json.loads(Path(github.__file__).with_name("pulumi-plugin.json").read_text())["version"],
    )
    return engine.home.root / "plugins" / f"resource-github-v{version[1]}" / GITHUB_PROVIDER.binary


@pytest.fixture(scope="module")
def info(provider: Path) -> dict[str, Any]:
    done = subprocess.run([provider, "-get-provider-info"], capture_output=True, check=True, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def served(provider: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The provider itself, without an engine."""
    environment = {name: value for name, value in os.environ.items() if not is_ambient(name)}
    with subprocess.Popen([provider], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.kill()


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def wheel_shape(annotation: Any) -> Shape:
    """The shape that a type of the package's annotations asks for."""
    if annotation in (str, bool, int, float):
        return {str: "string", bool: "boolean", int: "integer", float: "number"}[annotation]
    if get_origin(annotation) in (Sequence, list) or getattr(get_origin(annotation), "__name__", "") == "Sequence":
        return ["list", wheel_shape(plain(get_args(annotation)[0]))]
    if getattr(get_origin(annotation), "__name__", "") == "Mapping":
        return ["map", wheel_shape(plain(get_args(annotation)[1]))]
    return {name: wheel_shape(inner) for name, inner in annotations.input_type_types(annotation).items()}


def plain(annotation: Any) -> Any:
    """The first member of `Input[T]`."""
    return get_args(annotation)[0] if get_origin(annotation) is not None and "Union" in str(annotation) else annotation


def upstream_shape(field: Mapping[str, Any], told: Mapping[str, Any]) -> Shape:
    """The shape that the bridge makes of one upstream field; `told` is what our provider's overlay says of it."""
    kind = field["type"]
    if kind in SCALARS:
        return SCALARS[kind]
    element = field.get("element", {})
    if "resource" in element:
        inner = {name: upstream_shape(child, {}) for name, child in element["resource"].items()}
    else:
        inner = upstream_shape(element.get("schema", {"type": 4}), {})
    if kind == MAP:
        return ["map", inner]
    single = field.get("maxItems") == 1 and told.get("maxItemsOne") is not False
    return inner if single else ["list", inner]


def settable(field: Mapping[str, Any]) -> bool:
    return bool(field.get("required") or field.get("optional"))


def same(wheel: Shape, upstream: Shape, where: str) -> list[str]:
    """Where the shapes differ. Upstream names are singular where the package's are plural: lists only."""
    if isinstance(wheel, dict) and isinstance(upstream, dict):
        found = []
        left = dict(upstream)
        for name, shape in wheel.items():
            match = next((other for other in left if alike(snake(name), other, left[other])), None)
            if match is None:
                found.append(f"{where}.{name}: the bridge has no such property among {sorted(left)}")
            else:
                found += same(shape, left.pop(match), f"{where}.{name}")
        return found + [f"{where}: the package lacks {name}" for name in left]
    if isinstance(wheel, list) and isinstance(upstream, list) and wheel[0] == upstream[0]:
        return same(wheel[1], upstream[1], f"{where}[]")
    return [] if wheel == upstream else [f"{where}: {wheel} in the package, {upstream} in the bridge"]


def alike(wheel: str, upstream: str, shape: Shape) -> bool:
    plural = isinstance(shape, list) and shape[0] == "list"
    wheel, upstream = wheel.replace("_", ""), upstream.replace("_", "")  # custom404 and custom_404
    return wheel == upstream or (plural and wheel in {upstream + "s", upstream + "es", upstream[:-1] + "ies"})


def required(arguments: type) -> set[str]:
    names = annotations.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    return {
        names[name] for name, given in parameters.items() if name in names and given.default is inspect.Parameter.empty
    }


def test_every_resource_type_that_is_registered_is_compared() -> None:
    """A type that the components begin to use without a row above would go unchecked."""
    sources = Path(gitops_infra.__file__).parent.joinpath("forges", "github").glob("*.py")
    named = {name for source in sources for name in re.findall(r"github\.([A-Z]\w*)\(", source.read_text())}
    used = {name for name in named if issubclass(getattr(github, name), pulumi.CustomResource)}
    assert used - {"Provider"} == set(RESOURCES)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_resource_has_the_token_of_the_package(name: str, info: dict[str, Any]) -> None:
    assert info["resources"][RESOURCES[name]]["tok"] == getattr(github, name).pulumi_type


@pytest.mark.parametrize("name", RESOURCES)
def test_every_input_has_the_shape_of_the_package(name: str, info: dict[str, Any]) -> None:
    """A list where the package has an object, or the other way round, is dropped by the bridge in silence."""
    fields = info["provider"]["resources"][RESOURCES[name]]
    overlay = info["resources"][RESOURCES[name]]["fields"]
    upstream = {field: upstream_shape(it, overlay.get(field, {})) for field, it in fields.items() if settable(it)}
    assert same(wheel_shape(getattr(github, f"{name}Args")), upstream, name) == []


@pytest.mark.parametrize("name", RESOURCES)
def test_the_same_inputs_are_required(name: str, info: dict[str, Any]) -> None:
    fields = info["provider"]["resources"][RESOURCES[name]]
    upstream = {field for field, it in fields.items() if it.get("required")}
    expected = upstream - ({"name"} if name in AUTONAMED else set())
    wheel = {snake(field) for field in required(getattr(github, f"{name}Args"))}
    assert {field for field in expected if not any(alike(one, field, ["list"]) for one in wheel)} == set()
    assert len(wheel) == len(expected)


@pytest.mark.parametrize("name", RESOURCES)
def test_the_same_properties_are_secret(name: str, info: dict[str, Any]) -> None:
    fields = info["provider"]["resources"][RESOURCES[name]]
    told = re.search(r"additional_secret_outputs=\[([^\]]*)\]", inspect.getsource(getattr(github, name)))
    wheel = set(re.findall(r'"(\w+)"', told[1])) if told else set()
    assert {snake(field) for field in wheel} == {field for field, it in fields.items() if it.get("sensitive")}


def test_the_provider_itself_takes_the_settings_of_the_package(info: dict[str, Any]) -> None:
    upstream = {field: upstream_shape(it, {}) for field, it in info["provider"]["schema"].items()}
    assert same(wheel_shape(github.ProviderArgs), upstream, "Provider") == []
    assert required(github.ProviderArgs) == set()
    assert info["config"]["token"]["secret"] is True


UNKNOWN_KEY = "Invalid or unknown key"


def bare(value: Any) -> Any:
    """The value without the bridge's own bookkeeping and secret marks."""
    value = wire.revealed(value)
    if isinstance(value, dict):
        return {name: bare(inner) for name, inner in value.items() if name != "__defaults"}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def sample(shape: Shape) -> Any:
    """A value of a shape."""
    if isinstance(shape, dict):
        return {name: sample(inner) for name, inner in shape.items()}
    if isinstance(shape, list):
        return [sample(shape[1])] if shape[0] == "list" else {"key": sample(shape[1])}
    return {"string": "1", "integer": 1, "number": 1, "boolean": True}[shape]


def cases() -> Iterator[Any]:
    for name in RESOURCES:
        arguments = getattr(github, f"{name}Args")
        for prop in annotations.input_type_types(arguments):
            yield pytest.param(name, prop, id=f"{name}.{prop}")


@pytest.mark.parametrize(("name", "prop"), list(cases()))
def test_the_bridge_accepts_the_shape_and_keeps_the_value(
    name: str, prop: str, served: provider_pb2_grpc.ResourceProviderStub
) -> None:
    """Only structure is judged here: a value of the wrong content may be refused for what it says."""
    arguments = getattr(github, f"{name}Args")
    shapes = wheel_shape(arguments)
    inputs = {field: sample(shapes[field]) for field in {prop, *required(arguments)}}
    token = getattr(github, name).pulumi_type
    answer = served.Check(
        provider_pb2.CheckRequest(urn=f"urn:pulumi:s::p::{token}::r", news=wire.write(inputs), randomSeed=b"0" * 32)
    )
    assert [it.reason for it in answer.failures if UNKNOWN_KEY in it.reason] == []
    assert bare(wire.read(answer.inputs))[prop] == inputs[prop]


def test_the_bridge_tells_an_unknown_property_and_turns_a_wrong_shape_into_its_own(
    served: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    """The control of the test above: without both answers it could not fail."""
    urn = f"urn:pulumi:s::p::{github.RepositoryEnvironment.pulumi_type}::r"
    wrong = {"repository": "r", "environment": "e", "nonsense": 1, "reviewers": {"users": [1]}}
    answer = served.Check(provider_pb2.CheckRequest(urn=urn, news=wire.write(wrong), randomSeed=b"0" * 32))
    assert [UNKNOWN_KEY in failure.reason for failure in answer.failures] == [True]
    assert bare(wire.read(answer.inputs))["reviewers"] == [{"users": [1]}]
