"""What an exported stack says about operations that never ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GITHUB = "github:index/"
PROVIDER = "pulumi:providers:github"
PROVIDERS = "pulumi:providers:"
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How the engine marks a value as a secret one."""


@dataclass(frozen=True)
class PendingCreate:
    """A resource whose creation began and whose end was never written down."""

    urn: str
    type: str
    inputs: Mapping[str, Any]
    parent: str | None
    provider: str | None
    """URN of its provider."""
    owner: str | None = None
    """Owner that the GitHub provider is set to."""
    base_url: str | None = None
    component: bool = False
    """Whether it is a component: then it is in the state alone."""

    @property
    def name(self) -> str:
        """Logical name."""
        return self.urn.rpartition("::")[2]

    def text(self, key: str) -> str | None:
        """The input as text; None when it is absent, or not plain text (a secret, an unknown)."""
        value = self.inputs.get(key)
        return value if isinstance(value, str) else None

    def opened(self, key: str) -> Any:
        """The input with the secrets in it in plain text, where the export shows them."""
        return opened(self.inputs.get(key))


@dataclass(frozen=True)
class Export:
    """The part of `pulumi stack export` that recovery needs."""

    creates: tuple[PendingCreate, ...]
    others: int
    """Pending updates, deletions and reads: the next `up --refresh` settles them by itself."""
    urns: frozenset[str]
    """Resources that the state holds."""

    @property
    def pending(self) -> bool:
        """Whether any operation never ended."""
        return bool(self.creates or self.others)


def read_export(document: Mapping[str, Any]) -> Export:
    """The export as typed data. Raises ValueError when it is not an export of a stack."""
    deployment = document.get("deployment")
    if not isinstance(deployment, Mapping):
        raise ValueError("this is not an exported stack: it has no `deployment`")  # noqa: TRY004 - the document is bad
    resources = [entry for entry in deployment.get("resources") or () if isinstance(entry, Mapping)]
    operations = [entry for entry in deployment.get("pending_operations") or () if isinstance(entry, Mapping)]
    creates = tuple(_creates(operations, _providers(resources)))
    return Export(
        creates=creates,
        others=len(operations) - len(creates),
        urns=frozenset(
            str(entry["urn"])
            for entry in resources
            # These stand for what is deleted, or is to be: the same URN is made anew.
            if not (entry.get("delete") or entry.get("pendingReplacement"))
        ),
    )


def planned_creates(preview: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[PendingCreate, ...]:
    """What the next `pulumi up` would create, by the documents of `pulumi preview --json` and of the export.

    A creation that failed leaves no trace in the state: what it was given is only known from the program. Components
    and providers are left out.
    """
    states = [
        step["newState"]
        for step in preview.get("steps") or ()
        if step.get("op") == "create" and isinstance(step.get("newState"), Mapping)
    ]
    # The preview is silent about what stays as it is, as a provider mostly does.
    providers = _providers([*document["deployment"].get("resources", ()), *states])
    made = (each for each in states if each.get("custom") and not str(each.get("type")).startswith(PROVIDERS))
    return tuple(_create(each, providers) for each in made)


def _providers(resources: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Settings of each GitHub provider, by URN."""
    return {str(entry["urn"]): entry.get("inputs") or {} for entry in resources if entry.get("type") == PROVIDER}


def _creates(
    operations: list[Mapping[str, Any]], providers: Mapping[str, Mapping[str, Any]]
) -> Iterator[PendingCreate]:
    for operation in operations:
        resource = operation.get("resource")
        if operation.get("type") == "creating" and isinstance(resource, Mapping):
            yield _create(resource, providers)


def _create(resource: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]) -> PendingCreate:
    provider = urn_of_provider(resource)
    settings = providers.get(provider or "", {})
    return PendingCreate(
        urn=str(resource["urn"]),
        type=str(resource.get("type")),
        inputs=resource.get("inputs") or {},
        parent=resource.get("parent"),
        provider=provider,
        owner=_plain(settings.get("owner")),
        base_url=_plain(settings.get("baseUrl")),
        component=resource.get("custom") is False,
    )


def urn_of_provider(resource: Mapping[str, Any]) -> str | None:
    """URN of the provider of a resource in a state, which refers to it as `<urn>::<id>`; None for a component."""
    return str(resource.get("provider") or "").rpartition("::")[0] or None


def opened(value: Any) -> Any:
    """A value of an export made with `--show-secrets`, without the marks of secrets; None for what stays hidden."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            text = value.get("plaintext")
            return None if text is None else opened(json.loads(text))
        return {key: opened(inside) for key, inside in value.items()}
    return [opened(inside) for inside in value] if isinstance(value, list) else value


def _plain(value: Any) -> str | None:
    return value if isinstance(value, str) else None
