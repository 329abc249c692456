"""JSON Schema of the topology and of stack files, for editors and for review."""

from typing import Any

from gitops_infra.topology import names
from gitops_infra.topology.extends import EXTENDS
from gitops_infra.topology.rules.values import NOT_AVAILABLE, RANGES
from gitops_infra.topology.topology import Topology

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CONFIGURATION_KEY = "gitops-infra:topology"
"""Where a stack file of the project `gitops-infra` holds its topology."""
SCHEMA_FILE = "stack.schema.json"
"""Name of the schema beside the stack files."""
_EXTENDS_MEANING = (
    "File that this topology is laid over, from the folder of `Pulumi.yaml`. Mappings merge; environments, "
    "repositories, clusters and promotions merge by `name` or `target`; null removes; anything else replaces."
)
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of a stack file in the same folder: editors with a YAML language server check it while typing."""

_LOGIN = {"pattern": names.LOGIN_PATTERN, "maxLength": 39}
_TEAM = {"pattern": names.TEAM_PATTERN, "maxLength": 100}
_REPOSITORY = {"pattern": names.REPOSITORY_NAME_PATTERN, "maxLength": names.MAX_REPOSITORY_NAME}
_ENVIRONMENT = {"pattern": names.ENVIRONMENT_NAME_PATTERN, "maxLength": names.MAX_ENVIRONMENT_NAME}
_KEY = {"pattern": names.CONFIGURATION_KEY_PATTERN, "maxLength": names.MAX_VARIABLE_NAME}
_FOLDER = {"pattern": names.FOLDER_PATTERN, "maxLength": names.MAX_BRANCH}

PATTERNS: dict[tuple[str, str], dict[str, Any]] = {
    ("Topology", "owner"): _LOGIN,
    ("Application", "name"): _REPOSITORY,
    ("Grant", "team"): _TEAM,
    ("Grant", "user"): _LOGIN,
    ("Label", "color"): {"pattern": names.COLOUR_PATTERN},
    ("Environment", "name"): _ENVIRONMENT,
    ("Environment", "formerly"): _ENVIRONMENT,
    ("Environment", "state_repository"): _REPOSITORY,
    ("Environment", "branch"): {"pattern": names.BRANCH_PATTERN, "maxLength": names.MAX_BRANCH},
    ("Environment", "manifests"): _FOLDER,
    ("Environment", "paths"): _FOLDER,
    ("Reviewer", "team"): _TEAM,
    ("Reviewer", "user"): _LOGIN,
    ("Writer", "user"): _LOGIN,
    ("Writer", "key"): _KEY,
    ("Environment", "cluster"): _ENVIRONMENT,
    ("Environment", "namespace"): {"pattern": names.NAMESPACE_PATTERN, "maxLength": names.MAX_NAMESPACE},
    ("TargetCluster", "name"): _ENVIRONMENT,
    ("TargetCluster", "kubeconfig"): _KEY,
    ("Promotion", "tags"): {"pattern": names.TAG_PATTERN},
}
"""What an editor can check of a text, or of every text of a list.

Never stricter than `validate`, which knows more and explains itself.
"""


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


_LAYOUT: dict[str, Any] = {
    "gitops-infra:part": {
        "type": "string",
        "description": "What of the topology this stack makes: `foundation`, or one environment by name. "
        "Default: everything.",
    },
    "gitops-infra:foundation": {
        "type": "string",
        "description": "For one environment alone: full name of the stack with the foundation, "
        "`organization/project/stack`.",
    },
    "gitops-infra:released": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Environments that another stack has taken over by `pulumi state move`.",
    },
}
"""Configuration beside the topology. Source: `GitOpsTopologyArgs`."""


def stack_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a stack file whose `config` holds a topology beside any other values.

    There it may extend a file: then that file may hold what is required.
    """
    topology = topology_schema()
    definitions = topology.pop("$defs")
    del topology["$schema"], topology["title"]
    topology = _extending(topology, definitions)
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
                "properties": {CONFIGURATION_KEY: {"$ref": "#/$defs/Topology"}, **_LAYOUT},
                "additionalProperties": True,
            }
        },
        "additionalProperties": True,
        "$defs": dict(sorted({**definitions, "Topology": topology}.items())),
    }


def _extending(topology: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a topology that may extend a file; what is required moves there from the definitions.

    Only the keys by which entries of lists are merged stay required.
    """
    required = topology.pop("required")
    complete: dict[str, Any] = {
        "application": {"required": definitions["Application"].pop("required")},
        "environments": {"items": {"properties": {"writer": {"required": definitions["Writer"].pop("required")}}}},
    }
    properties = {EXTENDS: {"type": "string", "description": _EXTENDS_MEANING}, **topology.pop("properties")}
    for named in ("repositories", "clusters"):
        _part(properties[named], "array")["items"]["required"] = ["name"]
    return {
        **topology,
        "properties": properties,
        "if": {"not": {"required": [EXTENDS]}},
        "then": {"required": required, "properties": complete},
    }


def _part(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """The part of an optional value's schema, or of a list's entries, that is of this type."""
    parts = (schema, *schema.get("anyOf", ()))
    entries = (part["items"] for part in parts if "items" in part)
    return next(part for part in (*parts, *entries) if part.get("type") == kind)


def _without_titles(schema: dict[str, Any]) -> None:
    """Removes the titles that pydantic makes from names: editors would show them in place of the key."""
    schema.pop("title", None)
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    if "items" in schema:
        inner.append(schema["items"])
    for part in inner:
        _without_titles(part)
