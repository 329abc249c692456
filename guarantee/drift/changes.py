"""Every managed setting, changed past `pulumi up` and looked for by `gitops-infra verify`.

A change on the forge is made in a copy of it, by REST as an owner would; one in the cluster is put back. The audit must
report exactly that change, and of an estate that nobody changed, nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitops_infra.audit.verification.exposure import Exposure
from gitops_infra.testing.replica import replica
from guarantee.admin import Admin, ClusterAdmin
from guarantee.drift.change import Change, ClusterChange
from guarantee.drift.cluster_changes import cluster_changes
from guarantee.drift.estate import Estate, estate
from guarantee.drift.ruleset_changes import ruleset_changes
from guarantee.drift.setting_changes import setting_changes


@dataclass(frozen=True)
class Result:
    """One change, and what the audit said."""

    name: str
    expected: frozenset[str]
    """Codes that must be reported."""
    reported: frozenset[str]

    @property
    def found(self) -> bool:
        """Whether exactly that was reported."""
        return self.expected == self.reported

    def __str__(self) -> str:
        told = ", ".join(sorted(self.reported)) or "nothing"
        return f"{self.name}: {told}" + ("" if self.found else f" instead of {', '.join(sorted(self.expected))}")


def forge_changes(found: Estate) -> Iterator[Change]:
    """Every change of a setting on the forge."""
    yield from ruleset_changes(found.plans[0])
    yield from setting_changes()


def codes_of(findings: Iterable[Exposure]) -> frozenset[str]:
    """Their codes."""
    return frozenset(each.code for each in findings)


def together(changes: Iterable[Change]) -> Iterator[tuple[Change, ...]]:
    """The changes in groups: each is reported at a place of its own, so that one look finds all of a group."""
    waiting: dict[str, list[Change]] = {}
    for change in changes:
        if change.place:
            waiting.setdefault(change.place, []).append(change)
        else:
            yield (change,)
    for number in range(max(map(len, waiting.values()), default=0)):
        yield tuple(each[number] for each in waiting.values() if number < len(each))


def on_the_forge(found: Estate, changes: Sequence[Change]) -> Iterator[Result]:
    """Makes a group of changes in a copy of the forge, and looks there."""
    with replica(found.forge) as copy:
        with Admin(copy) as admin:
            for change in changes:
                change.apply(admin)
        seen = found.verified(copy).findings
    places = {change.place for change in changes}
    # What is reported at no place of the group must not be hidden by the group.
    beside = {each.code for each in seen if each.where not in places} if len(changes) > 1 else set()
    for change in changes:
        there = {each.code for each in seen if each.where == change.place} if len(changes) > 1 else codes_of(seen)
        yield Result(change.name, frozenset({change.code, *change.also}), frozenset(there | beside))


def in_the_cluster(found: Estate, change: ClusterChange, admin: ClusterAdmin) -> Result:
    """Makes the change in the cluster, looks, and puts it back."""
    undo = change.apply(admin)
    try:
        seen = codes_of(found.verified(cluster=True).findings)
    finally:
        undo()
    return Result(change.name, frozenset({change.code, *change.also}), seen)


def results(found: Estate, say: Callable[[str], None] = lambda _: None) -> Iterator[Result]:
    """Every change, one after the other, after a look at the estate that nobody changed."""
    yield Result("nothing is changed", frozenset(), codes_of(found.verified(cluster=True).findings))
    for group in together(forge_changes(found)):
        for result in on_the_forge(found, group):
            say(str(result))
            yield result
    admin = ClusterAdmin(found.cluster.kubeconfig)
    try:
        for each in cluster_changes():
            result = in_the_cluster(found, each, admin)
            say(str(result))
            yield result
    finally:
        admin.close()


def run(say: Callable[[str], None] = lambda _: None) -> list[Result]:
    """Makes an estate and all changes in it; some three minutes on two cores. Raises as `estate`."""
    with estate() as found:
        return list(results(found, say))
