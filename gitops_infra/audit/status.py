"""Reads forge and clusters, and says of each environment how far its branch has come in its cluster."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from gitops_infra.agents import flux
from gitops_infra.audit.cluster_client import ClusterReader
from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.delivery_status import Seen, State, Trouble, Verdict, judged, unlooked
from gitops_infra.audit.github_client import ForgeUnreachable, GitHubReader
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.plan.model import Delivery, Plan
from gitops_infra.topology.cluster import TargetCluster

AT_ONCE = 8
"""Requests at the same time to one cluster, and to the forge."""

GOOD = (State.READY, State.WAITING)
"""States in which nobody need do anything."""


@dataclass(frozen=True)
class Status:
    """One environment of one repository."""

    application: str
    """`owner/name`."""
    environment: str
    delivery: Delivery
    head: str | None
    """SHA of the branch; None before the first promotion, and where the forge does not tell."""
    verdict: Verdict

    @property
    def good(self) -> bool:
        """Whether nobody need do anything."""
        return self.verdict.state in GOOD

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "application": self.application,
            "environment": self.environment,
            "cluster": self.delivery.tenant.cluster,
            "namespace": self.delivery.tenant.namespace,
            "repository": self.delivery.key.repository,
            "branch": self.delivery.branch,
            "state": self.verdict.state.value,
            "head": self.head,
            "fetched": self.verdict.fetched,
            "applied": self.verdict.applied,
            "problems": [asdict(trouble) for trouble in self.verdict.troubles],
        }


@dataclass(frozen=True)
class _Head:
    """What the forge says of a branch: its SHA, None where it does not exist, or the trouble."""

    sha: str | None = None
    trouble: Trouble | None = None


def statuses(
    plans: Iterable[Plan],
    clusters: Iterable[TargetCluster],
    forge: GitHubReader,
    kubeconfigs: Kubeconfigs,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Status, ...]:
    """Each environment that an agent follows, in the order of the topology. Raises nothing: it is in the verdicts.

    A cluster or a forge that cannot be asked hides nothing of the others.
    """
    followed = [
        (plan, environment, environment.delivery)
        for plan in plans
        for environment in plan.environments
        if environment.delivery is not None
    ]
    deliveries = [delivery for _, _, delivery in followed]
    by_name = {cluster.name: cluster for cluster in clusters}
    used = list(dict.fromkeys(delivery.tenant.cluster for delivery in deliveries))
    with ThreadPoolExecutor(1 + len(used), thread_name_prefix="status") as pool:
        heads = pool.submit(_at_once, partial(_head, forge), deliveries)
        reading = {name: pool.submit(_connected, by_name[name], kubeconfigs) for name in used}
        seen = {
            name: pool.submit(_at_once, partial(_seen, reading[name].result()), _inside(name, deliveries))
            for name in used
        }
        found = {name: iter(future.result()) for name, future in seen.items()}
    return tuple(
        Status(
            plan.application.full_name,
            environment.name,
            delivery,
            head.sha,
            _verdict(delivery, head, next(found[delivery.tenant.cluster]), now()),
        )
        for (plan, environment, delivery), head in zip(followed, heads.result(), strict=True)
    )


def _inside(cluster: str, deliveries: Iterable[Delivery]) -> list[Delivery]:
    return [delivery for delivery in deliveries if delivery.tenant.cluster == cluster]


def _at_once(ask: Callable[[Delivery], Any], deliveries: Sequence[Delivery]) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, deliveries))


def _verdict(delivery: Delivery, head: _Head, seen: "Seen | Trouble", now: datetime) -> Verdict:
    if isinstance(seen, Trouble):
        return Verdict(State.UNKNOWN, troubles=(seen, *((head.trouble,) if head.trouble else ())))
    if head.trouble is not None:
        return unlooked(delivery, head.trouble, seen, now)
    return judged(delivery, head.sha, seen, now)


def _connected(cluster: TargetCluster, kubeconfigs: Kubeconfigs) -> "ClusterReader | Trouble":
    try:
        return ClusterReader(kubeconfigs.of(cluster))
    except ClusterFailed as failed:
        return _trouble(cluster.name, failed)


def _seen(reader: "ClusterReader | Trouble", delivery: Delivery) -> "Seen | Trouble":
    if isinstance(reader, Trouble):
        return reader
    space, name = delivery.tenant.namespace, delivery.name
    try:
        namespace = reader.get("v1", "Namespace", None, space)
        inside: dict[str, dict[str, Any] | None] = {}
        for api, kind in (
            (flux.SOURCE_API, "GitRepository"),
            (flux.KUSTOMIZE_API, "Kustomization"),
            *(((flux.NOTIFICATION_API, "Receiver"),) if delivery.receiver_url is not None else ()),
        ):
            found = reader.get(api, kind, space, name)
            inside[kind] = None if found is None else dict(found)
    except ClusterFailed as failed:
        return _trouble(delivery.tenant.cluster, failed)
    return Seen(
        None if namespace is None else dict(namespace),
        inside["GitRepository"],
        inside["Kustomization"],
        inside.get("Receiver"),
    )


def _trouble(cluster: str, failed: ClusterFailed) -> Trouble:
    return Trouble(f"cluster {cluster}", failed.code, failed.reason, failed.remedy)


def _head(forge: GitHubReader, delivery: Delivery) -> _Head:
    repository = delivery.key.repository
    owner, _, name = repository.partition("/")
    try:
        answer = forge.get("/repos/{}/{}/branches/{}", owner, name, delivery.branch)
        if answer.status == HTTPStatus.NOT_FOUND:
            there = forge.get("/repos/{}/{}", owner, name)
            if there.ok:
                return _Head()
            answer = there
    except ForgeUnreachable as unreachable:
        return _Head(trouble=Trouble("forge", "forge-unreachable", str(unreachable), "Try again"))
    if answer.ok and isinstance(answer.data, Mapping):
        return _Head(str((answer.data.get("commit") or {}).get("sha")))
    if answer.status == HTTPStatus.UNAUTHORIZED:
        remedy = "Make a new one and pass it by GITHUB_TOKEN or --token-file"
        return _Head(trouble=Trouble("token", "bad-token", "the forge does not accept it", remedy))
    where = f"repository {repository}"
    if answer.status == HTTPStatus.NOT_FOUND:
        reason = "it does not exist, or the token cannot see it"
        return _Head(trouble=Trouble(where, "repository-absent", reason, "Run `pulumi up`, or give the token access"))
    said = f" {answer.message}" if answer.message else ""
    reason = f"its branch {delivery.branch} cannot be read: the forge answered {answer.status}{said}"
    return _Head(trouble=Trouble(where, "branch-unreadable", reason, "Give the token the permission contents (read)"))


def as_json(found: Iterable[Status]) -> str:
    """The report for programs."""
    found = tuple(found)
    report = {"ready": all(each.good for each in found), "environments": [each.as_dict() for each in found]}
    return json.dumps(report, indent=2)
