"""Which objects are waited for after a write, and what says that they are ready."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.failures import RefusedError
from gitops_infra.sandbox.plugins.kubernetes.objects import SKIP_AWAIT, WAIT_FOR, Object, annotation, is_on, metadata

Check = Callable[[Object], list[str]]
"""What an object still lacks; empty when it is ready."""

_TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105  a type of Secret
_STEP = re.compile(
    r"\.(?P<name>[\w-]+)|\[(?P<index>\d+)\]|\['(?P<key>[^']+)'\]|\[\?\(@\.(?P<by>\w+)==\"(?P<of>[^\"]*)\"\)\]"
)


@dataclass(frozen=True)
class Wait:
    """A check, and seconds after which it has failed."""

    check: Check
    seconds: float
    on_read: bool
    """Whether a refresh looks too."""


def wait_for(inputs: Mapping[str, Any], cluster: Cluster) -> Wait | None:
    """What to wait for; None for the most, and with `pulumi.com/skipAwait`. Raises RefusedError for a bad waitFor."""
    if is_on(inputs, SKIP_AWAIT):
        return None
    if asked := annotation(inputs, WAIT_FOR):
        return Wait(_custom(asked), 600, on_read=False)
    kind = (inputs.get("apiVersion"), inputs.get("kind"))
    if kind == ("apps/v1", "Deployment"):
        return Wait(_deployment, 600, on_read=True)
    if kind == ("v1", "Service"):
        return Wait(lambda live: _service(live, cluster), 600, on_read=True)
    if kind == ("v1", "Secret") and inputs.get("type") == _TOKEN_TYPE:
        return Wait(lambda live: [] if live.get("data") else ["the token has not been made yet"], 300, on_read=False)
    return None


def _deployment(live: Object) -> list[str]:
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if int(status.get("observedGeneration", 0)) < int(metadata(live).get("generation", 0)):
        return ["Waiting for the deployment controller to see the change"]
    lacking = []
    conditions = {row["type"]: row for row in status.get("conditions") or []}
    for name, reasons in (("Progressing", {"NewReplicaSetAvailable"}), ("Available", None)):
        row = conditions.get(name)
        if row is None or row.get("status") != "True":
            lacking.append(f"[{row.get('reason')}] {row.get('message')}" if row else f"Deployment is not {name} yet")
        elif reasons and row.get("reason") not in reasons and not spec.get("paused"):
            lacking.append(f"[{row.get('reason')}] {row.get('message')}")
    wanted, updated = int(spec.get("replicas", 1)), int(status.get("updatedReplicas", 0))
    if updated < wanted:
        lacking.append(f"Minimum number of live Pods was not attained ({updated} of {wanted} are up to date)")
    return lacking


def _service(live: Object, cluster: Cluster) -> list[str]:
    spec = live.get("spec") or {}
    if spec.get("type") == "LoadBalancer" and not (live.get("status") or {}).get("loadBalancer", {}).get("ingress"):
        return ["Service was not allocated an IP address"]
    if not spec.get("selector") or spec.get("clusterIP") == "None" or spec.get("type") == "ExternalName":
        return []
    for group in cluster.endpoint_slices(live):
        if any((one.get("conditions") or {}).get("ready", True) for one in group.get("endpoints") or []):
            return []
    return ["Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match"]


def _custom(asked: str) -> Check:
    """The check of a `pulumi.com/waitFor` annotation: one expression, or a JSON list of which all must hold."""
    try:
        listed = json.loads(asked)
    except ValueError:
        listed = asked
    checks = [_expression(str(one)) for one in (listed if isinstance(listed, list) else [listed])]
    if not checks:
        raise RefusedError(f"{WAIT_FOR}: at least one condition must be specified")
    return lambda live: [lack for check in checks for lack in check(live)]


def _expression(text: str) -> Check:
    sort, _, rest = text.partition("=")
    if sort == "condition" and rest:
        name, _, wanted = rest.partition("=")
        return lambda live: _condition(live, name, wanted or "True")
    if sort == "jsonpath" and rest:
        path, _, wanted = _balanced(rest)
        steps = _steps(path)
        return lambda live: _matches(live, steps, text, wanted)
    raise RefusedError(f'{WAIT_FOR}: expected a "jsonpath=" or "condition=" prefix, got "{text}"')


def _condition(live: Object, name: str, wanted: str) -> list[str]:
    rows = (live.get("status") or {}).get("conditions") or []
    row = next((row for row in rows if row.get("type", "").lower() == name.lower()), None)
    seen = (live.get("status") or {}).get("observedGeneration", metadata(live).get("generation"))
    if row is None or seen != metadata(live).get("generation"):
        return [f"Waiting for condition {name}={wanted}"]
    if str(row.get("status")).lower() == wanted.lower():
        return []
    return [f"Waiting for condition {name}={wanted}: [{row.get('reason')}] {row.get('message')}"]


def _balanced(text: str) -> tuple[str, str, str]:
    """The path in braces, and what follows the equals sign after it."""
    if not text.startswith("{") or "}" not in text:
        raise RefusedError(f"{WAIT_FOR}: a jsonpath must be in braces, such as {{.status.phase}}, got {text}")
    path, _, rest = text[1:].partition("}")
    return path, "=", rest.removeprefix("=")


def _steps(path: str) -> list[re.Match[str]]:
    steps, position = [], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise RefusedError(f"{WAIT_FOR}: the sandbox does not implement the jsonpath {{{path}}}")
        steps.append(step)
        position = step.end()
    return steps


def _matches(live: Object, steps: list[re.Match[str]], text: str, wanted: str) -> list[str]:
    found: Any = live
    for step in steps:
        found = _follow(found, step)
    good = found is not None and (not wanted or _text(found) == wanted)
    return [] if good else [f"Waiting for {text}"]


def _follow(value: Any, step: re.Match[str]) -> Any:
    key = step["name"] or step["key"]
    if key is not None:
        return value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, list):
        return None
    if step["index"] is not None:
        return value[int(step["index"])] if int(step["index"]) < len(value) else None
    return next((one for one in value if isinstance(one, Mapping) and _text(one.get(step["by"])) == step["of"]), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
