"""OpenTofu is given the same resources as the bare program."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLURALS = {"includes": "include", "excludes": "exclude"}
"""Lists whose name the SDK changed, the other way round."""


def snake(name: str) -> str:
    """`hasIssues` -> `has_issues`."""
    return re.sub(r"(?<!^)([A-Z])", lambda match: f"_{match[1].lower()}", name).lower()


def plain(value: Any) -> Any:
    """A registered input as OpenTofu writes it: a single block is a list of one, there is no description of owners."""
    if isinstance(value, dict):
        return {PLURALS.get(snake(key), snake(key)): plain(inner) for key, inner in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def single(value: Any) -> Any:
    """Blocks of one as what is in them, for both sides."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return single(value[0])
    if isinstance(value, dict):
        return {key: single(inner) for key, inner in value.items()}
    return value


def identity(kind: str, arguments: dict[str, Any]) -> tuple[str, ...]:
    """What tells resources of one kind apart."""
    names = ("repository", "environment", "name", "variable_name")
    return (kind, *(str(arguments.get(name)) for name in names))


@pytest.fixture(params=[False, True], ids=["first keys", "one rotated"])
def both(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> tuple[dict[tuple[str, ...], Any], dict[tuple[str, ...], Any]]:
    """What the bare program registers for three environments, and OpenTofu's resources: identity -> arguments."""
    monkeypatch.syspath_prepend(ROOT)
    subject = importlib.import_module("bench.subject").Subject(3, rotated=request.param)
    tofu = importlib.import_module("bench.opentofu")
    registered = record(lambda: importlib.import_module("bench.bare").program(subject)).resources
    bare = {}
    for one in registered:
        package, _, kind = one.type.partition(":index/")
        if package == "github":
            name, arguments = f"github_{snake(kind.split(':')[1])}", plain(dict(one.inputs))
            bare[identity(name, arguments)] = arguments
    keys = {(name, generation): tofu.KeyPair.new() for name in subject.names for generation in (1, 2)}
    found = tofu.configuration(subject, keys)["resource"]
    own = {identity(kind, each): each for kind, all_of in found.items() for each in all_of.values() if "github" in kind}
    assert len(found["terraform_data"]) == len([one for one in registered if one.type.startswith("tls:")])
    return bare, own


def test_opentofu_makes_the_same_resources(both: tuple[Any, Any]) -> None:
    """Every resource and every argument; only keys are references, and owners are not told in descriptions."""
    bare, tofu = both
    assert set(tofu) == set(bare)
    for name, arguments in bare.items():
        other = {key: value for key, value in tofu[name].items() if key not in {"depends_on", "lifecycle"}}
        given = dict(arguments)
        for references in ("key", "value"):
            if str(other.get(references, "")).startswith("${terraform_data."):
                given.pop(references), other.pop(references)
        if "description" in given:
            given["description"] = re.sub(r" \[stack .*\]$", "", given["description"])
        assert single(other) == single(given), name


def test_opentofu_keeps_what_the_bare_program_retains(both: tuple[Any, Any]) -> None:
    """Production and the ruleset of the default branch, without what opens something."""
    _, tofu = both
    kept = {name for name, each in tofu.items() if each.get("lifecycle", {}).get("destroy") is False}
    opening = {"github_repository_deploy_key", "github_actions_environment_secret"}
    of_production = {name for name in tofu if "production" in str(name) and name[0] not in opening}
    of_main = {name for name in tofu if "gitops: default branch" in name}
    assert kept == of_production | of_main
