"""Who is on a forge before a topology stands on it: people of every role, Apps, machine users, the provisioner."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gitops_infra.plan.actors import ActorKind
from gitops_infra.sandbox.forge.daemon import PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.model import Account, App, Repository, Role, Team
from gitops_infra.sandbox.forge.seed import Seeding
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.vocabulary import OwnerKind

ROLES: Mapping[ActorKind, tuple[str, Role | None]] = {
    ActorKind.OUTSIDER: ("otto", None),
    ActorKind.READER: ("rita", Role.READ),
    ActorKind.TRIAGER: ("tina", Role.TRIAGE),
    ActorKind.DEVELOPER: ("dana", Role.WRITE),
    ActorKind.MAINTAINER: ("mara", Role.MAINTAIN),
    ActorKind.ADMIN: ("adam", Role.ADMIN),
}
"""People, and their role in every repository: the worst case."""

AUTHOR = "aino"
"""Who writes pull requests that others try to merge."""
APPROVERS = ("ana", "ben", "carl", "dora", "emil", "fee")
"""Who approves pull requests and jobs: as many as a rule may ask for. They may write."""
APP_PERMISSIONS = {"contents": "write", "workflows": "write"}
"""What the App of an environment is told to have in docs."""

SOMEBODY, PROVISIONER_APP, TEAM = 50, 60, 70
"""Ids of the developer, of the App that provisions, and of a team that the developer is in: for bypass lists."""


class Inhabitants:
    """Everybody on one forge, under the ids that the topology gives them."""

    def __init__(self, forge: Seeding, topology: Topology, keys: Callable[[str], str]) -> None:
        """Makes them. `keys` gives the public half of a machine user's key for its login."""
        self._forge = forge
        self._store = forge.store
        self._topology = topology
        self._keys = keys
        organization = topology.owner_kind is not OwnerKind.USER
        self.owner = "olga" if organization else topology.owner
        """Login of whoever owns everything."""
        self.apps: dict[int, App] = {}
        """Apps that move branches, by id."""
        self._bots: list[str] = []
        self._people(organization=organization)
        self._writers()
        self._granted()
        self.provisioner = forge.app_token("provisioner", expires_in=1e9)
        """Token of the App that runs `up`."""

    def welcome(self, record: Repository, *, application: bool) -> None:
        """Gives everybody their role in a new repository; in an application's those who move its branches, too."""
        roles = dict(ROLES.values()) | dict.fromkeys((AUTHOR, *APPROVERS), Role.WRITE)
        roles |= dict.fromkeys(self._bots if application else (), Role.WRITE)
        people = {self._forge.user(login).id: role for login, role in roles.items() if role is not None}
        record.collaborators |= people
        self._store.save(record)

    def install(self, repositories: list[str]) -> None:
        """Installs the Apps that move branches on these applications (`owner/name`), and on no other repository."""
        for app in self.apps.values():
            self._forge.install(app, self._topology.owner, repositories)

    def _people(self, *, organization: bool) -> None:
        forge, owner, price_plan = self._forge, self._topology.owner, self._topology.github_plan.value
        developer = ROLES[ActorKind.DEVELOPER][0]
        for login in (*(login for login, _ in ROLES.values()), AUTHOR, *APPROVERS):
            user = forge.add_user(login)
            if login == developer:
                self._replace(user, replace(user, id=SOMEBODY))
        if organization:
            forge.add_user(self.owner)
            forge.add_organization(owner, owners=[self.owner], price_plan=price_plan)
            forge.configure_account(owner, default_repository_permission="none")
            team = forge.add_team(owner, "shop", [developer])
            self._replace(team, replace(team, id=TEAM))
        else:
            forge.add_user(owner, price_plan=price_plan)
        app = forge.create_app(owner, "provisioner", PROVISIONER_PERMISSIONS)
        self._replace(app, replace(app, id=PROVISIONER_APP))
        forge.install("provisioner", owner)

    def _writers(self) -> None:
        """Apps and machine users that move branches, or did."""
        for environment in self._topology.environments:
            writer = environment.writer
            if writer is not None and writer.app is not None:
                app = self._forge.create_app(self._topology.owner, f"mover-{environment.name}", APP_PERMISSIONS)
                self.apps[writer.app] = replace(app, id=writer.app)
                self._replace(app, self.apps[writer.app])
            elif writer is not None and writer.user is not None:
                user = self._forge.add_user(writer.user)
                self._replace(user, replace(user, id=writer.id or user.id))
                self._forge.add_ssh_key(writer.user, self._keys(writer.user))
                self._bots.append(writer.user)

    def _granted(self) -> None:
        """Whoever else is named in grants."""
        for application in (self._topology.application, *(self._topology.repositories or ())):
            for grant in application.grants or ():
                if grant.user is not None and self._store.user(grant.user) is None:
                    self._forge.add_user(grant.user)

    def _replace(self, record: Account | App | Team, other: Account | App | Team) -> None:
        self._store.delete(record)
        self._store.add(other)
