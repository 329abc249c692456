"""A forge with one application in it, on which a step of a stack's life is timed and its calls are counted."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.subject import APPLICATION, APPROVER, DEVELOPER, OWNER, TEAM, Subject, config_key
from gitops_infra.sandbox.forge.server import Sandbox

PERMISSIONS = dict.fromkeys(
    (
        "actions",
        "actions_variables",
        "administration",
        "contents",
        "environments",
        "issues",
        "repository_hooks",
        "secrets",
        "variables",
        "workflows",
    ),
    "write",
) | {"members": "read"}
WRITER_PERMISSIONS = {"contents": "write", "workflows": "write", "metadata": "read"}
READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Step:
    """One step, such as the first `up`: seconds, and requests to the forge's REST interface."""

    seconds: float
    calls: int
    counted: int
    """Calls that count against GitHub's primary rate limit: not those answered 304."""
    writes: int
    cpu: float = 0.0
    """Seconds of processor time of the tool and of all that it started, which a busy machine hardly changes."""


@dataclass(frozen=True)
class World:
    """The forge, an empty folder, and who acts."""

    forge: Sandbox
    folder: Path
    token: str
    approver_id: int
    apps: Mapping[str, tuple[int, str]]
    """Environment -> id and private key of its App; empty without `branch` isolation."""
    kubeconfigs: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Key of the stack's configuration -> kubeconfig; empty where nothing is in a cluster."""

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables by which the provider reaches the forge."""
        return {"GITHUB_TOKEN": self.token, "GITHUB_BASE_URL": f"{self.forge.url}/"}

    @property
    def secrets(self) -> dict[str, str]:
        """Key of the stack's configuration -> private key or kubeconfig."""
        return {config_key(environment): key for environment, (_, key) in self.apps.items()} | {**self.kubeconfigs}

    def subject(self, environments: int, *, by_team: bool = False) -> Subject:
        """The topology of that size for the people of this forge."""
        apps = tuple(number for number, _ in self.apps.values())
        return Subject(environments, None if by_team else self.approver_id, apps=apps)

    def step(self, work: Callable[[], object]) -> Step:
        """Does the work and measures it."""
        before = len(self.forge.requests)
        begin, spent = time.perf_counter(), _children()
        work()
        seconds = time.perf_counter() - begin
        sent = self.forge.requests[before:]
        counted, writes = sum(each.counted for each in sent), sum(each.method not in READS for each in sent)
        return Step(seconds, len(sent), counted, writes, _children() - spent)


def _children() -> float:
    """Processor time of every process that was started here and has ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def world(
    *, latency: float = 0.0, apps_for: Subject | None = None, kubeconfigs: Mapping[str, str] | None = None
) -> Iterator[World]:
    """A fresh world in which nothing is made yet. The forge answers after `latency` seconds.

    With `apps_for` there is a GitHub App for each environment of that topology, as `branch` isolation needs.
    """
    with tempfile.TemporaryDirectory(prefix="gitops-infra-bench-") as scratch, Sandbox() as forge:
        forge.add_user(DEVELOPER)
        approver = forge.add_user(APPROVER)
        forge.add_organization(OWNER, price_plan="enterprise")
        forge.add_team(OWNER, TEAM, [APPROVER])
        forge.add_repository(f"{OWNER}/{APPLICATION}", auto_init=True)
        forge.grant(f"{OWNER}/{APPLICATION}", f"{OWNER}/{TEAM}", "maintain")
        token = forge.app_token(forge.app(OWNER, "provisioner", PERMISSIONS))
        apps = {}
        for name in apps_for.names if apps_for else ():
            app = forge.app(OWNER, f"{APPLICATION}-{name}", WRITER_PERMISSIONS, [f"{OWNER}/{APPLICATION}"])
            apps[name] = (app.id, forge.app_key(app))
        forge.latency(latency)
        yield World(forge, Path(scratch), token, approver.id, apps, kubeconfigs or {})
