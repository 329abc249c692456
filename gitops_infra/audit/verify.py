"""Compares the live forge and clusters with the plan, by reading only: what is not as planned, and who gains by it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from gitops_infra.audit.checks import apps
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.identity import identify
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.audit.part import narrowed
from gitops_infra.audit.tasks import run
from gitops_infra.audit.verification import (
    actions,
    branches,
    clusters,
    credentials,
    environments,
    keys,
    organisation,
    people,
    repositories,
    rulesets,
    secrets,
    suites,
    variables,
    webhooks,
    workflows,
)
from gitops_infra.audit.verification.exposure import FAILING, Code, Exposure, Report, Severity, Unverifiable
from gitops_infra.audit.verification.remembered import Remembered
from gitops_infra.audit.verification.scene import Place, Scene, places
from gitops_infra.plan.build import plans as plan_topology
from gitops_infra.topology.defaults import per_repository
from gitops_infra.topology.topology import Topology

EACH_REPOSITORY: tuple[Callable[[Place], Report], ...] = (
    repositories.check,
    rulesets.check,
    keys.check,
    actions.check,
    people.check,
    webhooks.check,
    suites.check,
)
EACH_APPLICATION: tuple[Callable[[Place], Report], ...] = (
    environments.check,
    secrets.check,
    variables.check,
    branches.application,
    workflows.check,
)
EACH_STATE: tuple[Callable[[Place], Report], ...] = (branches.state,)
EACH_TOPOLOGY: tuple[Callable[[Scene], Report], ...] = (
    organisation.check,
    credentials.token,
    credentials.machine_users,
)

CODES: tuple[Code, ...] = tuple(
    code
    for module in (
        actions,
        branches,
        clusters,
        credentials,
        environments,
        keys,
        organisation,
        people,
        repositories,
        rulesets,
        secrets,
        suites,
        variables,
        webhooks,
        workflows,
    )
    for code in module.CODES
)
"""Every code that a finding can have."""


Task = Callable[[], Report]


class BadToken(Exception):  # noqa: N818 - says what happened; the name is read in messages
    """The forge does not accept the token. The text is one line."""


@dataclass(frozen=True)
class Verification:
    """What one look at forge and clusters gave."""

    findings: tuple[Exposure, ...]
    """Worst first."""
    unverifiable: tuple[Unverifiable, ...]
    looked_at: Mapping[str, int]
    """How many repositories, environments and clusters were looked at."""

    @property
    def failing(self) -> tuple[Exposure, ...]:
        """Findings of severity medium or worse."""
        return tuple(finding for finding in self.findings if finding.severity in FAILING)


def verify(  # noqa: PLR0913 - by keyword; each is one source of what is known
    topology: Topology,
    reader: GitHubReader,
    *,
    part: str | None = None,
    kubeconfigs: Kubeconfigs | None = None,
    read_key: apps.KeyReader | None = None,
    remembered: Remembered | None = None,
    say: Callable[[str], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Verification:
    """Everything that is not as planned, worst first, and everything that this token does not show.

    `part` is what of the topology the stack makes, `kubeconfigs` gives those of clusters (None: kubectl's own),
    `read_key` reads the private key of an App from the stack's configuration, `remembered` is what its state tells of
    keys and secrets. `say` is given a line of progress when it takes longer than two seconds. `reader` must remember
    its answers.

    Raises BadToken, ForgeUnreachable when the forge gives no usable answer, and TopologyError where there is no plan.
    """
    identity = identify(reader)
    if identity is None:
        raise BadToken("the forge does not accept the token: it is wrong, expired or revoked")
    scenes = [
        Scene(*narrowed(each, plan, part), plan, reader, identity, now, remembered or Remembered())
        for each, plan in zip(per_repository(topology), plan_topology(topology), strict=True)
    ]
    looked = [place for scene in scenes for place in places(scene)]
    deliveries = clusters.used([scene.plan for scene in scenes])
    # kubectl's own by default, as `gitops-infra status` has it.
    given = kubeconfigs if kubeconfigs is not None else Kubeconfigs()
    tasks: list[Task] = [
        *(partial(each, scenes[0]) for each in EACH_TOPOLOGY),
        *(task for place in looked for task in _tasks(place)),
        *(partial(credentials.app, *found, read_key, reader.url) for found in _apps(scenes)),
        *(
            partial(clusters.check, cluster, deliveries[cluster.name], given)
            for cluster in topology.clusters or ()
            if cluster.name in deliveries
        ),
    ]
    found = tuple(dict.fromkeys(run("verify", tasks, say or (lambda _: None))))
    worst = tuple(Severity)
    findings = (each for each in found if isinstance(each, Exposure))
    return Verification(
        tuple(sorted(findings, key=lambda each: worst.index(each.severity))),
        tuple(each for each in found if isinstance(each, Unverifiable)),
        {
            "repositories": len(looked),
            "environments": sum(len(scene.plan.environments) for scene in scenes),
            "clusters": len(deliveries),
        },
    )


def _apps(scenes: list[Scene]) -> list[tuple[apps.Place, tuple[str, ...]]]:
    return list(apps.apps([scene.plan for scene in scenes]).items())


def _tasks(place: Place) -> Iterator[Task]:
    """What is looked at in one repository; in one that is not there, nothing."""
    yield partial(repositories.presence, place)
    more = EACH_STATE if place.environment is not None else EACH_APPLICATION
    for check in (*EACH_REPOSITORY, *more):
        yield partial(_there, check, place)


def _there(check: Callable[[Place], Report], place: Place) -> Report:
    if place.live() is not None:
        yield from check(place)
