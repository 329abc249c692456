"""What a program asks for, completed; and what of it differs from the object as last seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops_infra.sandbox.plugins.kubernetes import checkpoint, naming, objects, tokens, values
from gitops_infra.sandbox.plugins.kubernetes.cluster import Cluster
from gitops_infra.sandbox.plugins.kubernetes.diffing import Difference, differences, ignored, pruned, replacing
from gitops_infra.sandbox.plugins.kubernetes.failures import RefusedError
from gitops_infra.sandbox.plugins.kubernetes.objects import Object
from gitops_infra.sandbox.plugins.kubernetes.settings import Settings

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Diff:
    """What an update would change."""

    differences: list[Difference]
    replaces: list[Difference]
    delete_first: bool


class Checker:
    """Looks at inputs; asks the cluster only whether a kind lives in a namespace."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings, self._cluster = settings, cluster
        self._scopes: dict[tuple[str, str], bool] = {}
        """Kinds that this program defines: by apiVersion and kind, whether they live in a namespace."""

    def check(self, urn: str, news: Values, olds: Values, *, seed: bytes, options: Any) -> dict[str, Any]:
        """The inputs with what is filled in: name, namespace, and marks for the content of Secrets."""
        api_version, kind = tokens.kind(urn, values.opened(news))
        desired = {"apiVersion": api_version, "kind": kind, **objects.writable(values.opened(news))}
        before = values.opened(olds)
        if not isinstance(desired.get("metadata", {}), Mapping):
            return dict(news)  # known only after the update, and completed then
        desired = naming.named(desired, before, urn.rsplit("::", maxsplit=1)[-1], seed, options)
        if objects.has_managed_by(before) or not (before or self._settings.server_side_apply):
            desired = objects.labelled(desired)
        if objects.metadata(desired).get("generateName") and self._settings.server_side_apply:
            raise RefusedError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        if self._settings.known and not objects.namespace(desired) and self._is_namespaced(api_version, kind):
            desired = objects.with_metadata(desired, namespace=self._cluster.default_namespace)
        if kind == "CustomResourceDefinition":
            self._note_definition(desired)
        return values.marked(values.spelled(desired), news)

    def diff(self, urn: str, olds: Values, news: Values, ignore: list[str]) -> Diff:
        """What differs between the object as last seen and the new inputs."""
        api_version, kind = tokens.kind(urn)
        asked, live = map(checkpoint.normal, checkpoint.parsed(olds))
        given = values.opened(news)
        after = objects.writable(checkpoint.normal(given))
        before = pruned(objects.writable(live), asked)
        if self._is_namespaced(api_version, kind):
            before = objects.with_metadata(before, namespace=objects.namespace(live) or "default")
            after = objects.with_metadata(after, namespace=objects.namespace(after) or "default")
        else:
            before, after = (objects.without(one, "namespace") for one in (before, after))
        if objects.name(after):
            before = objects.with_metadata(before, name=objects.name(live))
        before = {"apiVersion": live.get("apiVersion"), "kind": live.get("kind"), **before}
        found = [one for one in differences(before, after) if not ignored(one, ignore)]
        replaces = [one for one in found if replacing(one, after, self._settings)]
        same_place = objects.identity(after) == objects.identity(before)
        chosen = objects.name(after) and not objects.is_on(after, objects.AUTONAMED)
        return Diff(found, replaces, delete_first=bool(replaces and same_place and chosen))

    def _is_namespaced(self, api_version: str, kind: str) -> bool:
        """A kind that nobody knows yet is taken as one in a namespace; its creation corrects that."""
        known = self._scopes.get((api_version, kind))
        if known is None:
            known = self._cluster.is_namespaced(api_version, kind)
        return True if known is None else known

    def _note_definition(self, definition: Object) -> None:
        spec = definition.get("spec")
        if not isinstance(spec, dict) or values.has_unknown(spec):
            return
        for version in spec.get("versions") or []:
            key = (f"{spec.get('group')}/{version.get('name')}", str((spec.get("names") or {}).get("kind")))
            self._scopes[key] = spec.get("scope") != "Cluster"
