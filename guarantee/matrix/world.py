"""A world for each isolation mode: a forge, a cluster and an application, provisioned by the real engine, twice.

The second `up` rotates every credential, so those of before it are real and worthless. Nothing is put into the forge
that `up` makes; the program is `stacks/`, run by `pulumi up` in a process of its own.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gitops_infra.plan.build import plan
from gitops_infra.plan.model import Plan
from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.cluster.cluster import Cluster
from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.topology import Topology
from guarantee.matrix.credentials import credential_of, private_key, usable
from guarantee.matrix.modes import Mode
from guarantee.matrix.writers import Writers, writers
from guarantee.project import Project

OWNER, APPLICATION = "acme", "shop"
FULL_NAME = f"{OWNER}/{APPLICATION}"
SITE = "site"
"""Name of the one cluster, which staging and production share."""
MOVABLE = ("staging", "production")
"""Environments that have a branch."""

OLIVIA, DANA, MARA, RITA = "olivia", "dana", "mara", "rita"
"""The organisation's owner, a developer, and the two of the platform team, who approve each other's jobs."""

FEATURE = "refs/heads/feature/x"
"""A branch that developers work on; `sample_refs` has it too."""

SECRETS = {"staging": "STAGING_TOKEN", "production": "PRODUCTION_TOKEN", "review": "REVIEW_TOKEN"}
"""Environment -> a secret of its own beside the credential, so that each holds something to read."""

_EXISTING = {"existing": True, "code_owners": True}
_NEW = {
    "owners": ["@acme/platform"],
    "grants": [{"team": "platform", "role": "maintain"}, {"team": "developers", "role": "write"}],
    "allowed_actions": ["acme/*"],
}
"""What the topology says of an application whose repository exists, and of one that `up` makes."""

_FILES = {
    "deploy/staging/app.yaml": "greeting: hello\n",
    "deploy/production/app.yaml": "greeting: hello\n",
}
_OWNED = {
    ".github/CODEOWNERS": "/.github/ @acme/platform\n",
    ".github/workflows/ci.yml": "name: ci\non: push\njobs: {}\n",
}


class Clock:
    """The forge's clock: the machine's, and what was added."""

    def __init__(self) -> None:
        self.ahead = 0.0
        """Seconds."""

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead


@dataclass(eq=False)
class World:
    """What `up` has made, and everything needed to look at it."""

    mode: Mode
    topology: Topology
    plan: Plan
    """Of the very topology that `up` has made."""
    forge: Sandbox
    clock: Clock
    project: Project = field(repr=False)
    cluster: Cluster
    history: Sequence[str]
    """The commits of the default branch, oldest first."""
    rotated_out: Mapping[str, str] = field(repr=False)
    """Environment -> private key that its credential was made of before the rotation."""


@contextmanager
def world(mode: Mode, folder: Path | None = None) -> Iterator[World]:
    """A world of that mode, ready and rotated; gone afterwards. About half a minute on two cores.

    Raises RuntimeError with Pulumi's words when an `up` fails, ToolError or ClusterError when a tool does.
    """
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(TemporaryDirectory(prefix="gitops-infra-guarantee-")))
        engine, clock = Engine.prepare(), Clock()
        forge = stack.enter_context(Sandbox(place / "forge", clock=clock))
        cluster = stack.enter_context(Clusters((SITE,)))[SITE]
        yield _Making(mode, place, engine, forge, clock, cluster).made()


class _Making:
    """The steps from an empty forge to a rotated world."""

    def __init__(  # noqa: PLR0913, PLR0917 - private, called once
        self, mode: Mode, folder: Path, engine: Engine, forge: Sandbox, clock: Clock, cluster: Cluster
    ) -> None:
        self.mode, self.engine, self.forge, self.clock, self.cluster = mode, engine, forge, clock, cluster
        self.folder = folder
        self.source = Clone.empty(folder / "source")
        self.history: list[str] = []

    def made(self) -> World:
        """Fills the forge, runs `up`, rotates, runs `up` again, and promotes once."""
        self._fill()
        made_of = writers(self.mode, self.forge, FULL_NAME, MOVABLE)
        project = self._project()
        topology = self._up(project, made_of, generation=1)
        before = {name: self._works(topology, name) for name in MOVABLE}
        made_of.rotate()
        topology = self._up(project, made_of, generation=2)
        if unchanged := [name for name in MOVABLE if before[name] == self._key(topology, name)]:
            raise RuntimeError(f"the rotation did not change the credential of {', '.join(unchanged)}")
        if self.is_new:
            self._develop()
        made = World(
            mode=self.mode,
            topology=topology,
            plan=plan(topology),
            forge=self.forge,
            clock=self.clock,
            project=project,
            cluster=self.cluster,
            history=self.history,
            rotated_out=before,
        )
        self._promote(made.plan)
        return made

    @property
    def is_new(self) -> bool:
        """Whether `up` makes the application's repository; an App or a machine user needs it there before."""
        return self.mode in {Mode.REPOSITORY, Mode.SHARED}

    def _fill(self) -> None:
        """People and teams, and where it exists before `up` the application with a history of three commits."""
        forge = self.forge
        for login in (OLIVIA, DANA, MARA, RITA):
            forge.add_user(login)
        forge.add_organization(OWNER, owners=[OLIVIA], price_plan="enterprise")
        forge.add_team(OWNER, "developers", [DANA])
        forge.add_team(OWNER, "platform", [MARA, RITA])
        if self.is_new:
            return
        for number in range(3):
            parent = self.history[-1] if self.history else None
            files = {**_OWNED, **_FILES, "VERSION": f"{number}\n"}
            self.history.append(self.source.commit(parent, f"Change {number}", files))
        self.source.git("update-ref", "refs/heads/main", self.history[-1])
        self.source.git("update-ref", FEATURE, self.history[1])
        forge.add_repository(FULL_NAME, source=self.source.directory)
        forge.grant(FULL_NAME, f"{OWNER}/developers", "write")
        forge.grant(FULL_NAME, f"{OWNER}/platform", "maintain")

    def _develop(self) -> None:
        """Two changes that arrive by reviewed pull request, and a feature branch: the history of a new repository."""
        url, dana = self.forge.http_url(FULL_NAME), TokenCredential(self.forge.token(DANA))
        self.history = [self.source.fetch(url, "refs/heads/main", dana)]
        for number in range(2):
            change = self.source.commit(self.history[-1], f"Change {number}", {**_FILES, "VERSION": f"{number}\n"})
            branch = f"change-{number}"
            pushed = self.source.push(url, f"{change}:refs/heads/{branch}", dana)
            pull = self.forge.open_pull_request(FULL_NAME, DANA, branch, "main")
            self.forge.review(pull, MARA)
            merged = self.forge.merge(pull, DANA, "squash")
            if not pushed.allowed or not merged.verdict.allowed:
                raise RuntimeError(f"a reviewed change does not get in: {pushed.message} {merged.verdict.message}")
            self.history.append(self.source.fetch(url, "refs/heads/main", dana))
            self.source.push(url, f":refs/heads/{branch}", dana)
        self.source.push(url, f"{self.history[1]}:{FEATURE}", dana)

    def _project(self) -> Project:
        """The Pulumi project, with its secret configuration."""
        token = self.forge.app_token(self.forge.app(OWNER, PROVISIONER, PROVISIONER_PERMISSIONS))
        project = Project(self.engine, self.folder, "a passphrase of the guarantee", token, self.forge.url)
        project.secret("siteKubeconfig", self.cluster.kubeconfig)
        for name in SECRETS:
            project.secret(f"{name}Token", f"a token of {name}")
        return project

    def _up(self, project: Project, made_of: Writers, generation: int) -> Topology:
        """Runs `up` for that generation; the topology that it made."""
        for key, value in made_of.keys.items():
            project.secret(key, value)
        topology = project.configure(self._topology(made_of, generation))
        project.up()
        return topology

    def _topology(self, made_of: Writers, generation: int) -> dict[str, Any]:
        own = {
            "staging": {"cluster": SITE},
            "production": {"cluster": SITE, "reviewers": [{"team": "platform"}], "wait_minutes": 1},
            "review": {},
        }
        moved = {name: {"generation": generation, **made_of.settings(name)} for name in MOVABLE}
        return {
            "owner": OWNER,
            "github_plan": "enterprise",
            "known_hosts": [self.forge.known_hosts],
            "application": {"name": APPLICATION, "visibility": "private", **(_NEW if self.is_new else _EXISTING)},
            "clusters": [{"name": SITE, "kubeconfig": "siteKubeconfig"}],
            "environments": [
                {"name": name, "secrets": {SECRETS[name]: f"{name}Token"}, **more, **moved.get(name, {})}
                for name, more in own.items()
            ],
            "promotions": [
                {"target": "staging"},
                {"target": "production", "source": "staging", "trigger": "on_release", "tags": "v*.*.*"},
            ],
        }

    def _key(self, topology: Topology, name: str) -> str:
        return private_key(self.forge, plan(topology), name, MARA, RITA)

    def _works(self, topology: Topology, name: str) -> str:
        """The private key of the environment's credential, which reads its repository: else its end proves nothing."""
        url, held = self._held(plan(topology), name)
        if not (found := self.source.read(url, held)).allowed:
            raise RuntimeError(f"the credential of {name} does not work: {found.message}")
        return self._key(topology, name)

    def _promote(self, wanted: Plan) -> None:
        """The first promotion: each credential makes its branch, at the second commit."""
        for name in MOVABLE:
            url, held = self._held(wanted, name)
            pushed = self.source.push(url, f"{self.history[1]}:{wanted.environment(name).ref}", held)
            if not pushed.allowed:
                raise RuntimeError(f"the credential of {name} cannot make its branch: {pushed.message}")

    def _held(self, wanted: Plan, name: str) -> tuple[str, TokenCredential | KeyCredential]:
        """Where the environment's branch is, and its credential as a job makes it usable."""
        credential = credential_of(wanted, name)
        held = usable(self.forge, credential, private_key(self.forge, wanted, name, MARA, RITA))
        url = self.forge.http_url if isinstance(held, TokenCredential) else self.forge.ssh_url
        return url(credential.repository), held
