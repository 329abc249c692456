"""The schema for editors says what the models say, and is never stricter than the refusals."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_infra.topology import Topology
from gitops_infra.topology.json_schema import DIALECT, MODELINE, PATTERNS, stack_schema, topology_schema
from gitops_infra.topology.rules.values import NAMES


def property_of(schema: dict[str, Any], model: str, field: str) -> dict[str, Any]:
    holder = schema if model == "Topology" else schema["$defs"][model]
    found: dict[str, Any] = holder["properties"][field]
    return found


def test_every_key_has_a_description_and_no_title() -> None:
    schema = topology_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, part in model.get("properties", {}).items():
            assert part.get("description"), name
            assert "title" not in part, name
        if "properties" in model:
            assert model["additionalProperties"] is False


def test_words_and_borders_are_in_the_schema() -> None:
    schema = topology_schema()
    assert schema["$schema"] == DIALECT
    assert schema["required"] == ["owner", "github_plan", "application", "environments"]
    assert schema["$defs"]["EnvironmentKind"]["enum"] == ["staging", "production", "review"]
    wait = property_of(schema, "Environment", "wait_minutes")["anyOf"][0]
    assert wait == {"type": "integer", "minimum": 0, "maximum": 43_200}
    assert property_of(schema, "Writer", "app")["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
    assert property_of(schema, "Promotion", "method")["description"].endswith(
        "Not available yet: `pull_request`, `retag`."
    )


def test_an_imported_repository_is_written_with_the_key_of_yaml() -> None:
    keys = topology_schema()["$defs"]["Application"]["properties"]
    assert "import" in keys
    assert "import_" not in keys


def test_a_stack_file_may_hold_other_configuration() -> None:
    schema = stack_schema()
    config = schema["properties"]["config"]
    assert config["required"] == ["gitops-infra:topology"]
    assert config["additionalProperties"] is True
    assert schema["additionalProperties"] is True
    assert schema["$defs"]["Topology"]["properties"].keys() == {"extends", *Topology.model_fields}
    assert re.fullmatch(r"# yaml-language-server: \$schema=\S+", MODELINE)


def test_what_is_required_may_stand_in_the_file_that_is_extended() -> None:
    """But not the keys by which entries are merged."""
    definitions = stack_schema()["$defs"]
    topology = definitions["Topology"]
    assert "required" not in topology
    assert topology["if"] == {"not": {"required": ["extends"]}}
    assert topology["then"]["required"] == ["owner", "github_plan", "application", "environments"]
    assert topology["then"]["properties"]["application"] == {"required": ["name"]}
    assert {name: part.get("required") for name, part in definitions.items() if name in _MERGED} == _MERGED


_MERGED = {"Application": None, "Writer": None, "Environment": ["name"], "Promotion": ["target"]}


def test_every_reference_leads_to_a_definition() -> None:
    for schema in (stack_schema(), topology_schema()):
        references = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
        assert references == schema["$defs"].keys() - ({"Topology"} if "Topology" not in references else set())


def test_the_schema_is_the_same_in_every_process() -> None:
    code = "import json; from gitops_infra.topology.json_schema import stack_schema as s; print(json.dumps(s()))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert json.loads(texts.pop()) == stack_schema()


@pytest.mark.parametrize(("model", "field"), PATTERNS)
def test_an_editor_never_refuses_what_is_accepted(model: str, field: str) -> None:
    keywords = PATTERNS[model, field]
    check = next(fact.check for (cls, key), fact in NAMES.items() if (cls.__name__, key) == (model, field))

    @given(st.from_regex(keywords["pattern"].replace("$", r"\Z")) | st.text(max_size=50))
    def agrees(name: str) -> None:
        if check(name) is None:
            assert re.search(keywords["pattern"].replace("$", r"\Z"), name)
            assert len(name) <= keywords.get("maxLength", 10**6)

    agrees()


def test_importing_the_topology_loads_neither_yaml_nor_pulumi() -> None:
    code = (
        "import sys, gitops_infra.topology, gitops_infra.topology.json_schema;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'ruamel', 'pulumi', 'grpc', 'yaml'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_every_function_of_names_has_a_docstring() -> None:
    assert all(fact.check.__doc__ for fact in NAMES.values())
