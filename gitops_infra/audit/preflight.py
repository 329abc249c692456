"""Compares a topology with the live forge before `pulumi up`: every problem at once, by reading only."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from gitops_infra.audit.checks import (
    apps,
    branches,
    clusters,
    code_owners,
    environments,
    keys,
    owner,
    people,
    reality,
    repositories,
    requests,
    rulesets,
    token,
    unmanaged,
)
from gitops_infra.audit.findings import Finding, Severity, error, of_problem
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.identity import identify
from gitops_infra.audit.known import Known
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.ownership import Owners
from gitops_infra.audit.part import makes, narrowed
from gitops_infra.audit.scene import Scene
from gitops_infra.audit.tasks import run
from gitops_infra.plan.build import plans as plan_topology
from gitops_infra.plan.model import Environment, Plan
from gitops_infra.plan.transition import problems
from gitops_infra.topology.defaults import per_repository
from gitops_infra.topology.environment import Environment as WantedEnvironment
from gitops_infra.topology.topology import Topology

EACH_REPOSITORY: tuple[Callable[[Scene], Iterator[Finding]], ...] = (
    token.check,
    repositories.application,
    code_owners.check,
    rulesets.check,
    keys.check,
    people.names,
    unmanaged.check,
)
EACH_PLANNED: tuple[Callable[[Scene, Environment], Iterator[Finding]], ...] = (
    repositories.state,
    branches.check,
    people.reviewers,
    people.machine_user,
)
EACH_ENVIRONMENT: tuple[Callable[[Scene, WantedEnvironment, Environment], Iterator[Finding]], ...] = (
    environments.check,
    reality.check,
)

BAD_TOKEN = error(
    "token",
    "bad-token",
    "the forge does not accept it: it is wrong, expired or revoked",
    "Make a new one (an App installation token lives one hour) and pass it by GITHUB_TOKEN or --token-file",
)

Task = Callable[[], Iterable[Finding]]


def preflight(  # noqa: PLR0913 - by keyword; each is one source of what is known
    topology: Topology,
    reader: GitHubReader,
    known: Known | None = None,
    *,
    owners: Owners | None = None,
    read_key: apps.KeyReader | None = None,
    kubeconfigs: Kubeconfigs | None = None,
    part: str | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[Finding, ...]:
    """All findings, errors first, then warnings; empty when nothing stands in the way and nothing is left alone.

    `known` is what the stack made already, `owners` knows of other stacks, `read_key` reads the private key of an App
    from the stack's configuration, `kubeconfigs` gives those of clusters (None: they are not looked at), `part` is what
    of the topology this stack makes, `say` is given a line of progress when it takes longer than two seconds. A bad
    token or an absent owner is reported alone: nothing behind it can be seen.

    Raises ForgeUnreachable when the forge gives no usable answer, and TopologyError where there is no plan.
    """
    whole, known = plan_topology(topology), known or Known()
    identity = identify(reader)
    if identity is None:
        return (BAD_TOKEN,)
    scenes = [
        Scene(
            *narrowed(each, plan, part),
            reader,
            identity,
            known,
            owners or Owners(),
            others=tuple(other for other in plan.environments if not makes(part, other.name)),
            foundation=plan.application.rulesets,
        )
        for each, plan in zip(per_repository(topology), whole, strict=True)
    ]
    plans = [scene.plan for scene in scenes]
    findings = list(owner.check(scenes[0]))
    if not any(finding.code == "owner-absent" for finding in findings):
        findings += map(of_problem, problems(_held(known, whole, part), *whole))
        tasks: list[Task] = [
            *_tasks(scenes),
            *(partial(apps.check, *app, read_key, reader.url) for app in apps.apps(plans).items()),
            partial(requests.check, reader, plans, known),
            *(
                partial(clusters.check, cluster, deliveries, kubeconfigs or Kubeconfigs(environment={}), known)
                for cluster in topology.clusters or ()
                if (deliveries := clusters.used(plans).get(cluster.name))
            ),
        ]
        findings += run("preflight", tasks, say or (lambda _: None))
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: tuple(Severity).index(finding.severity)))


def _held(known: Known, plans: Iterable[Plan], part: str | None) -> Mapping[str, Mapping[str, Any]]:
    """What the stack holds of what it still makes; `pulumi up` judges what leaves it for another stack."""
    now = {each.formerly: each.name for plan in plans for each in plan.environments if each.formerly}
    names = {key: key.rpartition("/")[2] for key in known.outputs}
    return {key: said for key, said in known.outputs.items() if makes(part, now.get(names[key], names[key]))}


def _tasks(scenes: Iterable[Scene]) -> Iterator[Task]:
    for scene in scenes:
        for each in EACH_REPOSITORY:
            yield partial(each, scene)
        for wanted, planned in scene.pairs:
            yield from (partial(each, scene, planned) for each in EACH_PLANNED)
            yield from (partial(each, scene, wanted, planned) for each in EACH_ENVIRONMENT)
