"""Upstream's tests of exactly the resource types that a plan can register, at the version that the sandbox runs."""

import ast
import re
import subprocess
from pathlib import Path

import pulumi
import pulumi_github
import pytest

from conformance.scope import TESTS, UPSTREAM, pattern, type_of
from gitops_infra.sandbox.toolchain.build import override
from gitops_infra.sandbox.toolchain.cache import Cache
from gitops_infra.sandbox.toolchain.go import find_go
from gitops_infra.sandbox.toolchain.recipes import CONFORMANCE, GITHUB_PROVIDER

PACKAGE = Path(__file__).resolve().parents[2] / "gitops_infra"


def used() -> set[str]:
    """Resources and data sources of `pulumi_github` that our code names."""
    names = {
        node.attr
        for source in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "github"
    } | {
        alias.name
        for source in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pulumi_github")
        for alias in node.names
    }
    found = {name: getattr(pulumi_github, name, None) for name in names}
    return {
        name.removesuffix("_output")
        for name, thing in found.items()
        if name.startswith("get_") or (isinstance(thing, type) and issubclass(thing, pulumi.CustomResource))
    } - {"Provider"}


def test_the_tests_of_every_type_that_a_plan_registers_are_run_and_no_others() -> None:
    assert set(TESTS) == used()


def test_upstreams_tests_are_those_of_the_provider_that_the_sandbox_runs() -> None:
    required = re.compile(rf"^(?:require|\t)\s*{re.escape(UPSTREAM)} v(\S+)$", re.MULTILINE)
    versions = [
        required.findall((recipe.module / "go.mod").read_text(encoding="utf-8"))
        for recipe in (CONFORMANCE, GITHUB_PROVIDER)
    ]
    assert versions == [[CONFORMANCE.version], [CONFORMANCE.version]]


def test_every_named_test_exists_upstream() -> None:
    program = override(CONFORMANCE) or Cache().find(CONFORMANCE, find_go())
    if program is None:
        pytest.skip("upstream's tests are not built: run `make conformance` once")
    listed = subprocess.run([program, "-test.list", "^TestAcc"], capture_output=True, text=True, check=True).stdout
    named = {function for functions in TESTS.values() for function in functions}
    assert named <= set(listed.split())


def test_a_part_is_about_the_type_of_its_function() -> None:
    assert type_of("TestAccGithubRepositoryDeployKeyArchivedRepo/can/do") == "RepositoryDeployKey"
    with pytest.raises(KeyError):
        type_of("TestAccGithubBranch")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["TestB", "TestA"], "^(TestA|TestB)$"),
        (["TestA/x_(y)", "TestB/z/deep"], r"^(TestA|TestB)$/^(x_\(y\)|z)$"),
        (["TestA", "TestB/z"], "^(TestA|TestB)$"),
    ],
)
def test_the_pattern_selects_functions_or_parts_level_by_level(names: list[str], expected: str) -> None:
    assert pattern(names) == expected
