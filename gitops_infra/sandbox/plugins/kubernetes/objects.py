"""Kubernetes objects as dicts: identity, annotations, names."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

AUTONAMED = "pulumi.com/autonamed"
DELETION_POLICY = "pulumi.com/deletionPropagationPolicy"
FIELD_MANAGER = "pulumi.com/patchFieldManager"
PATCH_FORCE = "pulumi.com/patchForce"
SKIP_AWAIT = "pulumi.com/skipAwait"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
WAIT_FOR = "pulumi.com/waitFor"
MANAGED_BY = ("app.kubernetes.io/managed-by", "pulumi")

Object = dict[str, Any]
_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_SUFFIX = 8


def metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Its metadata; empty if it has none that is known."""
    found = obj.get("metadata")
    return found if isinstance(found, Mapping) else {}


def name(obj: Mapping[str, Any]) -> str:
    """Its name, or empty."""
    return str(metadata(obj).get("name") or "")


def namespace(obj: Mapping[str, Any]) -> str:
    """Its namespace, or empty."""
    return str(metadata(obj).get("namespace") or "")


def annotation(obj: Mapping[str, Any], key: str) -> str:
    """The value of an annotation, or empty."""
    found = metadata(obj).get("annotations")
    return str(found.get(key, "")) if isinstance(found, Mapping) else ""


def is_on(obj: Mapping[str, Any], key: str) -> bool:
    """True if the annotation says `true`."""
    return annotation(obj, key) == "true"


def identity(obj: Mapping[str, Any]) -> str:
    """The resource id: `namespace/name`, or `name` where there is no namespace."""
    return f"{namespace(obj)}/{name(obj)}" if namespace(obj) else name(obj)


def split(resource_id: str) -> tuple[str, str]:
    """Namespace, or empty, and name of a resource id."""
    space, _, rest = resource_id.rpartition("/")
    return space, rest


def title(obj: Mapping[str, Any]) -> str:
    """How messages call it: `v1/ConfigMap "shop/settings"`."""
    return f'{obj.get("apiVersion")}/{obj.get("kind")} "{identity(obj)}"'


def without(obj: Mapping[str, Any], *fields: str) -> Object:
    """The object without some fields of its metadata."""
    kept = {key: value for key, value in metadata(obj).items() if key not in fields}
    return {**obj, "metadata": kept} if "metadata" in obj else dict(obj)


def writable(obj: Mapping[str, Any]) -> Object:
    """The object without metadata that only the API server writes."""
    return without(obj, *_READ_ONLY)


def with_metadata(obj: Mapping[str, Any], **fields: Any) -> Object:
    """The object with some fields of its metadata set."""
    return {**obj, "metadata": {**metadata(obj), **fields}}


def annotated(obj: Mapping[str, Any], key: str) -> Object:
    """The object with an annotation that says `true`."""
    return with_metadata(obj, annotations={**(metadata(obj).get("annotations") or {}), key: "true"})


def labelled(obj: Mapping[str, Any]) -> Object:
    """The object with the label of what Pulumi made by client-side apply."""
    key, value = MANAGED_BY
    return with_metadata(obj, labels={**(metadata(obj).get("labels") or {}), key: value})


def has_managed_by(obj: Mapping[str, Any]) -> bool:
    """True if it has the label of what Pulumi made by client-side apply."""
    key, value = MANAGED_BY
    labels = metadata(obj).get("labels")
    return isinstance(labels, Mapping) and labels.get(key) == value


def new_name(base: str, seed: bytes) -> str:
    """`base` and eight characters; the same for the same seed, so that preview and update agree."""
    suffix = hashlib.sha256(seed).hexdigest()[:_SUFFIX] if seed else secrets.token_hex(_SUFFIX // 2)
    return f"{base}-{suffix}"


def timeout(obj: Mapping[str, Any], custom: float, default: float) -> float:
    """Seconds to wait: the resource option, else the annotation, else the default."""
    if custom:
        return custom
    said = annotation(obj, TIMEOUT_SECONDS)
    return float(said) if said.isdigit() else default
