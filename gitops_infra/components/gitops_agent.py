"""What makes a cluster follow an environment's branch."""

import hashlib
from typing import Any, Optional

import pulumi
import pulumi_tls as tls
from pulumi import Output

from gitops_infra.agents import flux
from gitops_infra.agents.kubernetes import provider_in, register
from gitops_infra.agents.objects import Object, metadata
from gitops_infra.components.gate import after, known
from gitops_infra.components.inputs import In, checked, decided
from gitops_infra.components.scope import DeliveredScope, check_scope
from gitops_infra.forges.errors import ConfigurationError
from gitops_infra.forges.github.deploy_key import ALGORITHM, NewKey, made
from gitops_infra.forges.github.placement import Placement, itself
from gitops_infra.forges.github.webhook import webhook
from gitops_infra.forges.passphrase import open_state
from gitops_infra.plan.build import plan_environment
from gitops_infra.plan.model import Delivery
from gitops_infra.topology.problems import Problem
from gitops_infra.topology.vocabulary import OwnerKind


class GitOpsAgentArgs(DeliveredScope):
    """Arguments of `GitOpsAgent`."""

    repository: Optional[In[str]] = None
    """Name of the repository that holds the branch: `EnvironmentBranch.repository`, so that it exists before the key.
    Default: the name that the environment gives it."""


class GitOpsAgent(pulumi.ComponentResource):
    """What makes a cluster follow an environment's branch, with Flux.

    A read-only deploy key of this cluster and environment alone, a source that reads the branch with it, a
    Kustomization that applies it as the tenant's service account, and, where the cluster can be reached from the
    forge, a receiver with a signed webhook. It never waits for the first revision: the branch may not exist yet.
    """

    source: pulumi.Output[str]
    """`namespace/name` of GitRepository and Kustomization. Known once both exist."""
    receiver_url: pulumi.Output[Optional[str]]
    """Where the forge sends its webhooks; secret, for whoever knows it may make the agent look. None: polled only."""
    fingerprint: pulumi.Output[str]
    """SHA-256 fingerprint of the read-only deploy key."""

    def __init__(
        self,
        name: str,
        args: GitOpsAgentArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
        *,
        _delivery: Optional[Delivery] = None,
        _retain: bool = False,
    ) -> None:
        """Raises ConfigurationError before anything is registered. Names with `_` are for `DeploymentEnvironment`.

        `opts` holds a provider of the cluster. What its `depends_on` names exists before anything here does: the
        tenant of `Cluster`.
        """
        valid = args if _delivery else checked(GitOpsAgentArgs, args, check_scope, lambda _: open_state())
        delivery, retain = (_delivery, _retain) if _delivery else _planned(valid)
        cluster = provider_in(opts)
        if cluster is None:
            raise ConfigurationError([_no_provider(delivery)])
        super().__init__("gitops-infra:index:GitOpsAgent", name, None, itself(opts))
        place = Placement.of(self, name, opts, retain=retain)
        registrar = _Registrar(place, delivery, cluster)
        repository = valid.repository or delivery.key.repository.partition("/")[2]
        inside = delivery.key.repository == f"{valid.owner}/{valid.application.name}"
        key_pair, source = registrar.source(repository, inside=inside)
        kustomization = registrar.agent_object("kustomization", flux.kustomization(delivery), source)
        address = registrar.receiver(repository, source) if delivery.receiver_url else known(None)
        self.retained: tuple[pulumi.CustomResource, ...] = tuple(registrar.kept) if place.retain else ()
        self.source = after(f"{delivery.tenant.namespace}/{delivery.name}", (kustomization,))
        self.receiver_url = address
        self.fingerprint = key_pair.public_key_fingerprint_sha256
        self.register_outputs(
            {"source": self.source, "receiver_url": self.receiver_url, "fingerprint": self.fingerprint}
        )


class _Registrar:
    """Registers the parts of one agent; `kept` are those that a retained environment keeps."""

    def __init__(self, place: Placement, delivery: Delivery, cluster: pulumi.ProviderResource) -> None:
        self.place, self.delivery = place, delivery
        self.kept: list[pulumi.CustomResource] = []
        self._provided = pulumi.ResourceOptions(provider=cluster)

    def source(self, repository: pulumi.Input[str], *, inside: bool) -> tuple[tls.PrivateKey, pulumi.CustomResource]:
        """The key pair, and the source that reads the branch with it, which may be `inside` the application's."""
        delivery = self.delivery
        # Another cluster gets another key. So does a branch that moved: the forge takes a key in one repository only.
        prefix = f"read-{delivery.tenant.cluster}-{'application-' if inside else ''}"
        wanted = NewKey(repository, delivery.key.title, delivery.key.generation, prefix=prefix, read_only=True)
        key_pair, deploy_key = made(self.place, wanted)
        # Updated in place by a rotation, when the new key is registered; the old one is revoked last.
        identity = self._secret(
            "git-secret",
            flux.git_secret_name(delivery),
            {
                "identity": Output.secret(key_pair.private_key_openssh),
                "known_hosts": "\n".join(delivery.known_hosts) + "\n",
            },
            self.place.revoked(deploy_key),
        )
        needed: list[pulumi.Resource] = [identity]
        if delivery.signed_by:
            signers = self._secret(
                "signers-secret", flux.signers_secret_name(delivery), flux.signers(delivery), self.place.options()
            )
            self.kept.append(signers)
            needed.append(signers)
        return key_pair, self.agent_object("source", flux.git_repository(delivery), *needed)

    def receiver(self, repository: pulumi.Input[str], source: pulumi.Resource) -> Output[str]:
        """The address to which the forge sends its webhooks, of a receiver that exists before they do."""
        delivery = self.delivery
        pair = tls.PrivateKey(
            self.place.child(f"webhook-{delivery.tenant.cluster}-key-g{delivery.key.generation}"),
            algorithm=ALGORITHM,
            opts=self.place.at_once(),
        )
        # A random text that is kept in the state alone: nobody ever sees the key that it is made of.
        pem: Output[str] = Output.secret(pair.private_key_pem)
        token = pem.apply(_digest)
        secret = self._secret(
            "webhook-secret", flux.webhook_secret_name(delivery), {"token": token}, self.place.options()
        )
        receiver = self.agent_object("receiver", flux.receiver(delivery), secret, source)
        address = token.apply(lambda text: text and flux.webhook_address(delivery, text))
        hook = webhook(self.place, "webhook", repository, address, token, receiver)
        self.kept += [secret, hook]
        return address

    def agent_object(self, suffix: str, found: Object, *earlier: pulumi.Resource) -> pulumi.CustomResource:
        """One of the agent's own objects. Destroy deletes it while the agent and the tenant still live."""
        options = pulumi.ResourceOptions.merge(self.place.options(*earlier), self._provided)
        resource = register(self.place.child(suffix), found, options)
        self.kept.append(resource)
        return resource

    def _secret(
        self, suffix: str, name: str, data: dict[str, Any], options: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        found = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata(self.delivery.tenant, name),
            "type": "Opaque",
            "stringData": data,
        }
        return register(self.place.child(suffix), found, pulumi.ResourceOptions.merge(options, self._provided))


def _digest(text: str) -> str:
    # Nothing where `pulumi up --target` leaves the pair out.
    return text and hashlib.sha256(text.encode()).hexdigest()


def _planned(args: GitOpsAgentArgs) -> tuple[Delivery, bool]:
    planned = decided(
        lambda: plan_environment(
            args.environment,
            args.application,
            owner=args.owner,
            owner_kind=args.owner_kind or OwnerKind.ORGANIZATION,
            price_plan=args.github_plan,
            known_hosts=tuple(args.known_hosts or ()),
            cluster=args.cluster if args.environment.cluster else None,
        )
    )
    if planned.delivery is None:
        raise ConfigurationError([_nothing_to_follow(args)])
    return planned.delivery, planned.retain


def _nothing_to_follow(args: GitOpsAgentArgs) -> Problem:
    name = args.environment.name
    return Problem(
        "environment.cluster",
        "environment-without-cluster",
        f"environment '{name}' names no cluster, so there is nothing for an agent to do",
        "Set `cluster` in the environment, and describe it under `cluster` of the arguments",
    )


def _no_provider(delivery: Delivery) -> Problem:
    return Problem(
        "opts.providers",
        "cluster-without-provider",
        f"no provider of cluster '{delivery.tenant.cluster}' is given",
        "Pass `ResourceOptions(providers=[github, cluster.provider])`, with the `Cluster` that it is in",
    )
