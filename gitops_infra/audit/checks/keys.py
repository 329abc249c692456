"""Write deploy keys that are in the application repository already: under `shared` isolation they move every branch."""

from collections.abc import Iterator

from gitops_infra.audit.findings import Finding, error
from gitops_infra.audit.scene import Scene, of_repository
from gitops_infra.topology.vocabulary import Isolation


def check(scene: Scene) -> Iterator[Finding]:
    """A finding for each write key that neither the stack nor another one of the topology has."""
    shared = [each.name for each in scene.plan.environments if each.isolation is Isolation.SHARED and each.branch]
    if not shared or scene.live() is None:
        return
    elsewhere = {each.credential.title for each in scene.others if each.credential is not None}
    for entry in scene.listed("keys"):
        title = str(entry.get("title"))
        ours = title in elsewhere or (scene.application.name.lower(), title.lower()) in scene.known.deploy_keys
        if entry.get("read_only") is False and not ours:
            yield error(
                of_repository(scene.application),
                "foreign-write-key",
                f"its write deploy key {title!a} would move the branches of {', '.join(shared)} too: under isolation "
                "`shared` every write key does",
                "Delete it or add it again as read-only, or use isolation `branch` or `repository`",
            )
