"""A forge on which a topology stands, with somebody for every actor: roles in every repository, jobs, keys, Apps.

Nothing listens. What an actor is taken for is found out for each attempt, from its token or key, as for a real one.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gitops_infra.plan.actors import ActorKind
from gitops_infra.plan.model import Environment, Plan
from gitops_infra.sandbox.forge import jobs
from gitops_infra.sandbox.forge.git.bare import ABSENT, BareRepository
from gitops_infra.sandbox.forge.identity import ANONYMOUS, Identity, from_ssh_key, from_token
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.application import Application
from gitops_infra.topology.topology import Topology
from guarantee.oracle.choices import FEATURE
from guarantee.oracle.furnish import Forge, Furnisher, public_key
from guarantee.oracle.inhabitants import ROLES, Inhabitants
from guarantee.oracle.objects import Objects, read_ref, write_ref
from guarantee.oracle.parties import Party, parties
from guarantee.oracle.places import Environments

START = 1_800_000_000.0
"""Seconds since the epoch when every forge begins."""

PARKED = "parked"
"""Where an admin has moved the default branch of a state repository to."""
PROBE = "PROBE"
"""A secret of every environment, so that a job which gets any gets this one."""
CODE_OWNERS = {".github/CODEOWNERS": b"* @ana\n"}
STAYING = {"README.md": b"a shop\n", ".github/workflows/ci.yml": b"on: push\n"}
JOB_PERMISSIONS = {"contents": "write", "pull-requests": "write"}
"""All that a job may ask for that moves a ref."""


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now


class Settled:
    """A topology on a forge of its own, in a new folder, and everybody who tries something there."""

    def __init__(  # noqa: PLR0913 - all but what it is made of by keyword
        self,
        folder: Path,
        topology: Topology,
        plans: Sequence[Plan],
        objects: Objects,
        *,
        moved_default: bool = False,
        forge: Sandbox | None = None,
        keys: Callable[[str], str] = public_key,
    ) -> None:
        """`plans` are what is put there; weaker ones than the topology's show what an oracle is worth.

        `moved_default`: an admin has made another branch the default one of each state repository. A forge never lets a
        default branch be deleted, and the guarantee must not lean on that. `forge` is a `Sandbox` over the folder where
        somebody listens; `keys` gives the public half for the title of a key.
        """
        self._moved_default = moved_default
        self.topology = topology
        self.plans = plans
        self.known = Environments(topology)
        self._applications: tuple[Application, ...] = (topology.application, *(topology.repositories or ()))
        self.objects = objects
        self.clock = Clock()
        self.folder = folder
        self.forge: Forge | Sandbox = forge or Forge(folder, self.clock)
        self._keys = keys
        self.store = self.forge.store
        self.parties = parties(self.known)
        self._environments: dict[tuple[str, str], Environment] = {}
        self._tokens: dict[Party, str] = {}
        with self.store.transaction():
            self.inhabitants = Inhabitants(self.forge, topology, keys)
            for plan in plans:
                self._environments |= {(plan.application.name, each.name): each for each in plan.environments}
                self._existing(plan)
                token = self.inhabitants.provisioner
                furnisher = Furnisher(self.forge, token, keys=keys, with_files=False, when_made=self._made)
                furnisher.furnish(plan)
                self._rotate(furnisher, plan)
        self.dead = {
            ActorKind.EXPIRED: self.forge.token("adam", expires_in=-1.0),
            ActorKind.REVOKED: self.forge.token("adam"),
        }
        self.forge.revoke(self.dead[ActorKind.REVOKED])
        for environment in self.store.environments.values():
            environment.secrets[PROBE] = {
                "value": f"probe of {environment.name}",
                "created_at": START,
                "updated_at": START,
            }
            self.store.save(environment)

    def close(self) -> None:
        """Ends it, and removes its folder."""
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What there is

    def repository(self, full_name: str) -> Repository:
        """The forge's record of `owner/name`."""
        return self.forge.repository(full_name)

    def git(self, full_name: str) -> BareRepository:
        """The git data of `owner/name`."""
        return BareRepository(self.git_dir(full_name))

    def git_dir(self, full_name: str) -> Path:
        """Where they are."""
        return self.store.git_dir(self.repository(full_name))

    def application(self, full_name: str) -> Application:
        """What the topology says of the application that `owner/name` belongs to."""
        name = self.known.grounds[full_name].application
        return next(each for each in self._applications if each.name == name)

    # Who tries

    def identity(self, party: Party, *, nobody: bool = False) -> Identity | None:
        """What the forge takes the party for; None when it does not know it. `nobody`: an outsider without a token."""
        if nobody:
            return ANONYMOUS
        token = self.token(party)
        return (
            from_ssh_key(self.store, self._keys(self.key_title(party)))
            if token is None
            else from_token(self.store, token)
        )

    def token(self, party: Party) -> str | None:
        """What the party shows to the API; None for one that has an SSH key only."""
        kind = party.actor.kind
        if kind in self.dead:
            return self.dead[kind]
        if party.holder is not None and (party.holder.credential != "app" or kind is ActorKind.CLUSTER_KEY):
            return None
        if party not in self._tokens:
            self._tokens[party] = self._new_token(party)
        return self._tokens[party]

    def key_title(self, party: Party) -> str:
        """Title of the SSH key of a party without a token; a machine user's is its login."""
        environment, holder = self._planned(party), party.holder
        if party.actor.kind is ActorKind.CLUSTER_KEY:
            return environment.delivery.key.title if environment.delivery else ""
        if holder is not None and holder.credential == "machine user":
            return environment.credential.user or "" if environment.credential else ""
        title = environment.credential.title or "" if environment.credential else ""
        return _earlier(title) if party.actor.kind is ActorKind.ROTATED_OUT else title

    def _new_token(self, party: Party) -> str:
        kind = party.actor.kind
        if kind is ActorKind.PROVISIONER:
            return self.inhabitants.provisioner
        if kind is ActorKind.OWNER:
            return self.forge.token(self.inhabitants.owner)
        if kind in ROLES:
            return self.forge.token(ROLES[kind][0])
        if party.holder is not None:
            credential = self._planned(party).credential
            return self.forge.app_token(self.inhabitants.apps[credential.app or 0] if credential else "")
        return self._job_token(party)

    def _job_token(self, party: Party) -> str:
        full_name = f"{self.topology.owner}/{party.application}"
        default = self.repository(full_name).default_branch
        git_dir = self.git_dir(full_name)
        was = read_ref(git_dir, FEATURE)
        write_ref(git_dir, FEATURE, was or read_ref(git_dir, f"refs/heads/{default}") or ABSENT)
        started = {
            ActorKind.FORK_JOB: {"event": "pull_request", "ref": "refs/pull/1/merge", "actor": "rita", "fork": True},
            ActorKind.FEATURE_JOB: {"event": "push", "ref": FEATURE, "actor": "dana"},
            ActorKind.DEFAULT_JOB: {"event": "push", "ref": f"refs/heads/{default}", "actor": "dana"},
        }[party.actor.kind]
        with self.store.transaction():
            answer = jobs.job(self.store, repository=full_name, permissions=JOB_PERMISSIONS, **started)  # type: ignore[arg-type]
        write_ref(git_dir, FEATURE, was or ABSENT)
        if not isinstance(answer, jobs.JobGrant):
            raise TypeError(f"{party} got no token: {answer}")
        return answer.token

    def _planned(self, party: Party) -> Environment:
        """What the party's environment has, by the topology that everybody agreed on."""
        name = party.application or self.known.applications[0]
        return self._environments[name, party.actor.environment or ""]

    # Making it

    def _existing(self, plan: Plan) -> None:
        if plan.application.existing:
            visibility, default = plan.application.visibility.value, plan.application.default_branch
            self.forge.add_repository(plan.application.full_name, visibility=visibility, default_branch=default)

    def _made(self, record: Repository) -> None:
        """People, Apps and a first history for a repository that nothing is set in yet."""
        git, full_name = BareRepository(self.store.git_dir(record)), self.store.full_name(record)
        self.objects.lend_to(git)
        application = record.name in self.known.applications
        self.inhabitants.welcome(record, application=application)
        if application:
            there = {self.store.full_name(each) for each in self.store.repositories.values()}
            owned = [f"{self.topology.owner}/{name}" for name in self.known.applications]
            self.inhabitants.install([each for each in owned if each in there])
            owners = self.application(full_name)
            files = STAYING | (CODE_OWNERS if owners.owners or owners.code_owners else {})
            tip = self.objects.child(self.objects.commit((), files, "first"), "second")
            for ref in (f"refs/heads/{record.default_branch}", FEATURE):
                write_ref(git.path, ref, self.objects.child(tip, "third"))
        elif self._moved_default:
            record.default_branch = PARKED
            write_ref(git.path, f"refs/heads/{PARKED}", self.objects.commit((), STAYING, "parked"))
        self.store.save(record)

    def _rotate(self, furnisher: Furnisher, plan: Plan) -> None:
        """The key of the generation before was there, and was taken away when the present one had proved itself."""
        for environment in plan.environments:
            key = environment.credential
            if key is not None and key.title is not None and key.generation > 1:
                number = furnisher.add_key(key.repository, _earlier(key.title), read_only=False)
                furnisher.change("DELETE", f"/repos/{key.repository}/keys/{number}")


def _earlier(title: str) -> str:
    """Title of the key of the generation before."""
    words, _, generation = title.rpartition(" g")
    return f"{words} g{int(generation or 1) - 1}"
