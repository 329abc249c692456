"""A live credential for every actor of the plan, each by the door that its real holder has.

Users get tokens, jobs pass the gate of their environment, a cluster's key is read from its Kubernetes Secret, and what
expired, was revoked or rotated out has worked before: that is checked, else its refusal would say nothing.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import httpx

from gitops_infra.agents.flux import git_secret_name
from gitops_infra.plan.access import Actor, ActorKind, actors
from gitops_infra.plan.model import CredentialKind
from gitops_infra.sandbox.client import Credential, KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.daemon import PROVISIONER
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox
from guarantee.matrix.credentials import TIMEOUT, credential_of, private_key, signed, usable
from guarantee.matrix.world import FEATURE, MARA, OLIVIA, RITA, World

ROLES: Mapping[ActorKind, str] = {
    ActorKind.READER: "read",
    ActorKind.TRIAGER: "triage",
    ActorKind.DEVELOPER: "write",
    ActorKind.MAINTAINER: "maintain",
    ActorKind.ADMIN: "admin",
}
"""Kind of actor -> role. They are users of their own, with the role in every repository: the worst case."""

OUTSIDER = ActorKind.OUTSIDER.value
EVERYTHING = {"contents": "write", "pull-requests": "write", "actions": "write", "statuses": "write"}
"""What a hostile job asks for in its `permissions:`."""

HOUR = 3600.0
_OK = 200
_UNAUTHORIZED = 401


@dataclass(frozen=True, eq=False)
class Means:
    """One credential of one actor."""

    actor: Actor
    label: str
    """What it is, in words."""
    credential: Credential = field(repr=False)
    """None: nothing is shown."""

    @property
    def has_api(self) -> bool:
        """Whether it can be shown to the REST interface: an SSH key cannot."""
        return not isinstance(self.credential, KeyCredential)

    @property
    def headers(self) -> dict[str, str]:
        """What it sends to the REST interface."""
        return (
            {"Authorization": f"Bearer {self.credential.token}"} if isinstance(self.credential, TokenCredential) else {}
        )

    def at(self, forge: Sandbox) -> "Means":
        """The same, for a replica on other ports."""
        if not isinstance(self.credential, KeyCredential):
            return self
        return replace(self, credential=replace(self.credential, known_hosts=forge.known_hosts))

    def url(self, forge: Sandbox, full_name: str) -> str:
        """Where git reaches a repository with it."""
        return forge.http_url(full_name) if self.has_api else forge.ssh_url(full_name)


def cast(world: World, forge: Sandbox) -> tuple[Means, ...]:
    """A credential, or several, of every actor of the world's plan, in the order of `actors`.

    Changes the forge, which is a replica of the world's: people get roles, tokens are made, jobs run. The world's clock
    goes on by more than an hour. Raises RuntimeError for an actor without a credential, and for an ended one that never
    worked.
    """
    found: dict[Actor, list[Means]] = {}
    for means in _Cast(world, forge).all():
        found.setdefault(means.actor, []).append(means)
    wanted = actors(world.plan)
    if lacking := [str(actor) for actor in wanted if actor not in found]:
        raise RuntimeError(f"no credential for {', '.join(lacking)}")
    # More than the plan's: what an App or a machine user was before is tried too.
    return tuple(means for actor in dict.fromkeys((*wanted, *found)) for means in found[actor])


def credentials(world: World, forge: Sandbox) -> Iterator[Means]:
    """The credential of each environment that has one, as a job finds it in the environment's secret now."""
    for each in world.plan.environments:
        if each.credential is not None:
            held = usable(forge, each.credential, private_key(forge, world.plan, each.name, MARA, RITA))
            yield Means(Actor(ActorKind.CREDENTIAL, each.name), f"the {each.credential.kind} in its secret", held)


class _Cast:
    """The ways to a credential."""

    def __init__(self, world: World, forge: Sandbox) -> None:
        self.world, self.forge, self.plan = world, forge, world.plan
        self.application = world.plan.application.full_name

    def all(self) -> Iterator[Means]:
        """Every credential."""
        self._people()
        yield from self._ended()  # first: the clock goes on, and what is made later must still live
        yield from self._users()
        yield from self._jobs()
        token = TokenCredential(self.forge.app_token(PROVISIONER))
        yield Means(Actor(ActorKind.PROVISIONER), "the installation token of `pulumi up`", token)
        yield from credentials(self.world, self.forge)
        yield from self._of_environments()

    def _people(self) -> None:
        """A user for each role, in every repository; one without any."""
        forge, owner = self.forge, self.plan.owner
        for kind, role in ROLES.items():
            forge.add_user(kind.value)
            forge.add_member(owner, kind.value)
            for repository in self.plan.repositories:
                forge.grant(repository.full_name, kind.value, role)
        forge.add_user(OUTSIDER)

    def _ended(self) -> Iterator[Means]:
        """Tokens of an admin that worked, and do not any more."""
        admin = ActorKind.ADMIN.value
        expired, revoked = self.forge.token(admin, expires_in=HOUR), self.forge.token(admin)
        for token in (expired, revoked):
            if self._status(token) != _OK:
                raise RuntimeError("a token of an admin does not work, so its end would prove nothing")
        self.world.clock.ahead += HOUR + 1
        self.forge.revoke(revoked)
        yield Means(Actor(ActorKind.EXPIRED), "a personal token after its last day", TokenCredential(expired))
        yield Means(Actor(ActorKind.REVOKED), "a personal token that was revoked", TokenCredential(revoked))

    def _users(self) -> Iterator[Means]:
        yield Means(Actor(ActorKind.OUTSIDER), "nothing at all", None)
        for kind, login in {
            ActorKind.OUTSIDER: OUTSIDER,
            ActorKind.OWNER: OLIVIA,
            **{k: k.value for k in ROLES},
        }.items():
            yield Means(Actor(kind), "a personal token", TokenCredential(self.forge.token(login)))

    def _jobs(self) -> Iterator[Means]:
        """Job tokens, each with everything that a job can ask for."""
        default, reader = self.plan.application.default_branch, ActorKind.READER.value
        pull = {"event": "pull_request", "ref": "refs/pull/1/merge"}
        for kind, asked in (
            (ActorKind.FORK_JOB, {**pull, "fork": True, "actor": reader}),
            (ActorKind.FEATURE_JOB, {"event": "push", "ref": FEATURE, "actor": ActorKind.DEVELOPER.value}),
            (ActorKind.DEFAULT_JOB, {"event": "push", "ref": f"refs/heads/{default}", "actor": MARA}),
        ):
            answer = self.forge.job(repository=self.application, permissions=EVERYTHING, **asked)
            if not isinstance(answer, JobGrant):
                raise RuntimeError(f"no job token for {kind}: {answer}")  # noqa: TRY004 - an answer, no mistake of type
            yield Means(Actor(kind), "a job token that asks for everything", TokenCredential(answer.token))

    def _of_environments(self) -> Iterator[Means]:
        for each in self.plan.environments:
            if each.credential is not None:
                yield self._rotated_out(each.name)
            if each.delivery is not None:
                yield Means(
                    Actor(ActorKind.CLUSTER_KEY, each.name),
                    f"the key in the Secret of namespace {each.delivery.tenant.namespace}",
                    KeyCredential(self._in_cluster(each.name), self.forge.known_hosts),
                )

    def _rotated_out(self, environment: str) -> Means:
        """What worked before the second `up`: with it the world was promoted into, or could have been."""
        credential, old = credential_of(self.plan, environment), self.world.rotated_out[environment]
        held: Credential = KeyCredential(old, self.forge.known_hosts)
        if credential.kind is CredentialKind.APP:
            # The forge makes no token for a key that the App no longer has; the holder can show what it signs only.
            token = signed(self.forge, credential, old)
            if (status := self._status(token)) != _UNAUTHORIZED:
                raise RuntimeError(f"the old key of {environment}'s App still signs: status {status}")
            held = TokenCredential(token)
        return Means(Actor(ActorKind.ROTATED_OUT, environment), f"the {credential.kind} before the rotation", held)

    def _in_cluster(self, environment: str) -> str:
        """The private key as whoever reads the Secret in the cluster finds it."""
        delivery = self.plan.environment(environment).delivery
        if delivery is None:
            raise ValueError(f"environment {environment} is in no cluster")
        namespace, name = delivery.tenant.namespace, git_secret_name(delivery)
        secret = self.world.cluster.api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if secret is None:
            raise RuntimeError(f"namespace {namespace} has no Secret {name}")
        return base64.b64decode(secret["data"]["identity"]).decode()

    def _status(self, token: str) -> int:
        """What the forge answers who asks for the application with that token."""
        address = f"{self.forge.api_url}/repos/{self.application}"
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(address, headers=headers, trust_env=False, timeout=TIMEOUT).status_code
