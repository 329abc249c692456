"""JSON Schema of the topology and of stack files, for editors and for review."""

from typing import Any

from gitops_infra.topology import names
from gitops_infra.topology.rules.values import NOT_AVAILABLE, RANGES
from gitops_infra.topology.topology import Topology

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CONFIGURATION_KEY = "gitops-infra:topology"
"""Where a stack file of the project `gitops-infra` holds its topology."""
SCHEMA_FILE = "stack.schema.json"
"""Name of the schema beside the stack files."""
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of a stack file in the same folder: editors with a YAML language server check it while typing."""

PATTERNS: dict[tuple[str, str], dict[str, Any]] = {
    ("Topology", "owner"): {"pattern": names.LOGIN_PATTERN, "maxLength": 39},
    ("Application", "name"): {"pattern": names.REPOSITORY_NAME_PATTERN, "maxLength": names.MAX_REPOSITORY_NAME},
    ("Environment", "name"): {"pattern": names.ENVIRONMENT_NAME_PATTERN, "maxLength": names.MAX_ENVIRONMENT_NAME},
    ("Environment", "state_repository"): {
        "pattern": names.REPOSITORY_NAME_PATTERN,
        "maxLength": names.MAX_REPOSITORY_NAME,
    },
    ("Environment", "branch"): {"pattern": names.BRANCH_PATTERN, "maxLength": names.MAX_BRANCH},
    ("Label", "color"): {"pattern": names.COLOUR_PATTERN},
    ("Promotion", "tags"): {"pattern": names.TAG_PATTERN},
}
"""What an editor can check of a name. Never stricter than `validate`, which knows more and explains itself."""


def topology_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a topology; the same bytes every time when dumped."""
    schema = Topology.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs")
    models = {"Topology": schema, **definitions}
    for (model, field), keywords in PATTERNS.items():
        _part(models[model]["properties"][field], "string").update(keywords)
    for (cls, field), border in RANGES.items():
        _part(models[cls.__name__]["properties"][field], "integer").update(minimum=border.low, maximum=border.high)
    for (cls, field), words in NOT_AVAILABLE.items():
        prop = models[cls.__name__]["properties"][field]
        listed = ", ".join(f"`{word}`" for word in words)
        prop["description"] = f"{prop.get('description', '')} Not available yet: {listed}.".strip()
    for model in models.values():
        _without_titles(model)
    return {
        "$schema": DIALECT,
        "title": "Topology of gitops_infra",
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


def stack_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a stack file whose `config` holds a topology beside any other values."""
    topology = topology_schema()
    definitions = topology.pop("$defs")
    del topology["$schema"], topology["title"]
    return {
        "$schema": DIALECT,
        "title": "Stack file with a topology of gitops_infra",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "description": "Configuration of the stack.",
                "required": [CONFIGURATION_KEY],
                "properties": {CONFIGURATION_KEY: {"$ref": "#/$defs/Topology"}},
                "additionalProperties": True,
            }
        },
        "additionalProperties": True,
        "$defs": dict(sorted({**definitions, "Topology": topology}.items())),
    }


def _part(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """The part of an optional value's schema that is not null."""
    return next(part for part in (schema, *schema.get("anyOf", ())) if part.get("type") == kind)


def _without_titles(schema: dict[str, Any]) -> None:
    """Removes the titles that pydantic makes from names: editors would show them in place of the key."""
    schema.pop("title", None)
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    if "items" in schema:
        inner.append(schema["items"])
    for part in inner:
        _without_titles(part)
