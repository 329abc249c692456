"""What goes wrong, in the words of the official provider where users know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CONFLICT_HELP = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/"
    "#handle-field-conflicts-on-existing-resources"
)
UNREACHABLE = "configured Kubernetes cluster is unreachable"
DELETE_UNREACHABLE = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)
FORGOTTEN = (
    f"{UNREACHABLE} and the `deleteUnreachable` option is enabled. Deleting the unreachable resource from Pulumi state"
)
_NOT_FOUND, _CONFLICT, _FORBIDDEN = 404, 409, 403


class RefusedError(Exception):
    """An operation that was not done; the text is for the user."""


@dataclass(eq=False)  # an exception has to stay hashable
class PartialError(Exception):
    """An object that is there, and not as it should be: the engine keeps `state` and tells `reasons`."""

    message: str
    live: dict[str, Any]
    reasons: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.message


class NoMatchError(Exception):
    """The API server does not have this kind."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')


class UnansweredError(Exception):
    """The API server did not answer."""


class ApiError(Exception):
    """An API server's refusal, in its own words."""

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        self.code = code
        self.reason = str(status.get("reason", ""))
        self.details: Mapping[str, Any] = status.get("details") or {}
        super().__init__(str(status.get("message") or f"the API server answered {code}"))

    @property
    def not_found(self) -> bool:
        """The object, its namespace or its kind is not there."""
        return self.code == _NOT_FOUND

    @property
    def no_namespace(self) -> bool:
        """What is not there is the namespace."""
        return self.not_found and self.details.get("kind") == "namespaces"

    @property
    def forbidden(self) -> bool:
        """The credentials do not allow it."""
        return self.code == _FORBIDDEN

    @property
    def already_exists(self) -> bool:
        """There is an object of this name."""
        return self.code == _CONFLICT and self.reason == "AlreadyExists"

    @property
    def conflict(self) -> bool:
        """Another field manager owns a field, or another write was faster."""
        return self.code == _CONFLICT and self.reason == "Conflict"


def explained(error: ApiError, manager: str) -> str:
    """The text of a refused server-side apply, with what to do about a conflict."""
    if not error.conflict:
        return str(error)
    return (
        f"Server-Side Apply field conflict detected. See {_CONFLICT_HELP} for troubleshooting help.\n"
        f'The resource managed by field manager "{manager}" had an apply conflict: {error}\n'
        f'To take the fields over, set the annotation pulumi.com/patchForce: "true" on the resource.'
    )
