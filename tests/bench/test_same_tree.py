"""The bench compares like with like."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=[False, True], ids=["first keys", "one rotated"])
def both(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> tuple[Any, Any]:
    """What our program and the bare one register for three environments."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("GITHUB_TOKEN", "not-used")
    subject = importlib.import_module("bench.subject").Subject(3, rotated=request.param)
    shipped = importlib.import_module("gitops_infra.forges.github.provider").SETTINGS["github.com"]
    ours, bare = (importlib.import_module(f"bench.{name}").program for name in ("ours", "bare"))
    return record(lambda: ours(subject)), record(lambda: bare(subject, shipped))


def test_the_bare_program_registers_the_same_resources(both: tuple[Any, Any]) -> None:
    """Type, name, parents' types (all three in the URN), inputs and which of them are secret."""
    ours, bare = ({one.urn: (dict(one.inputs), one.secrets) for one in program.resources} for program in both)
    assert len(ours) == 1 + 1 + 2 + 3 * 17  # provider, topology, application with its ruleset, environments
    assert bare == ours


def test_the_bare_program_keeps_and_deletes_the_same(both: tuple[Any, Any]) -> None:
    """The same options as far as they decide what destroy and refresh do; a component's retain only hands down."""
    ours, bare = (
        {
            one.urn: (bool(one.retain), one.deleted_with, one.ignore_changes)
            for one in program.resources
            if not one.type.startswith("gitops-infra:")
        }
        for program in both
    )
    assert bare == ours


def test_the_bare_program_keeps_the_safe_order(both: tuple[Any, Any]) -> None:
    """Before each key and each secret the same real resources exist, a key pair aside: it opens nothing by itself."""
    ours, bare = (
        {
            one.urn: {name for name in program.before(one) if not re.search(r"key-g\d$", name)}
            for kind in ("RepositoryDeployKey", "ActionsEnvironmentSecret", "ActionsEnvironmentVariable")
            for one in program.every(kind)
        }
        for program in both
    )
    components = {one.name for one in both[0].resources if one.type.startswith("gitops-infra:")}
    assert {urn: names - components for urn, names in bare.items()} == {
        urn: names - components for urn, names in ours.items()
    }
