"""Whether a kubeconfig can be one, looked at before anything is registered. No message holds any of its values."""

from collections.abc import Mapping
from typing import Any

from gitops_infra.topology.problems import Problem
from gitops_infra.topology.secret_shapes import shown


def problem(text: str, context: str | None, where: str, remedy: str) -> Problem | None:
    """What is wrong with the kubeconfig, and with the choice of its context; None if nothing is."""
    reason = _reason(text, context)
    return None if reason is None else Problem(where, "bad-kubeconfig", reason, remedy)


class NotYaml(ValueError):  # noqa: N818 - says what is wrong with the text, of which it quotes nothing
    """The text is no YAML."""


def parsed(text: str) -> Any:
    """What the YAML says. Raises NotYaml: the parser's own errors quote the line at fault, which may hold a token."""
    # Not everybody has a cluster, and whoever has none does not need it.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):  # the last two: a date that is none, a thousand brackets
        raise NotYaml from None


def _reason(text: str, context: str | None) -> str | None:
    try:
        data = parsed(text)
    except NotYaml:
        return "the kubeconfig is no YAML"
    if not isinstance(data, Mapping):
        return "the kubeconfig is no mapping: a whole file belongs here, not its path"
    chosen = context or data.get("current-context")
    if not chosen:
        return "the kubeconfig has no `current-context`, and no `context` is given"
    # Its own choice is a value of the file; only what the topology says is shown.
    which = f"context {shown(context)}" if context else "the `current-context`"
    found = _inside(data, "contexts", chosen, "context")
    if not found:
        return (
            f"the kubeconfig has no context {shown(context)}"
            if context
            else "the kubeconfig has no such context as its `current-context`"
        )
    server = _inside(data, "clusters", found.get("cluster"), "cluster").get("server")
    if not str(server).startswith(("https://", "http://")):
        return f"{which} of the kubeconfig leads to no cluster with a `server`"
    known = _inside(data, "users", found.get("user"), "user")
    return None if known else f"{which} of the kubeconfig names no user that it has"


def _inside(data: Mapping[str, Any], kind: str, name: object, key: str) -> Mapping[str, Any]:
    """What the entry of that name holds under the key; empty where there is none."""
    entries = data.get(kind)
    named = (entry for entry in entries if isinstance(entry, Mapping)) if isinstance(entries, list) else ()
    value = next((entry.get(key) for entry in named if entry.get("name") == name), None)
    return value if isinstance(value, Mapping) else {}
