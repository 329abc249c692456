"""A user's own program: the topology of the stack, with one cluster whose kubeconfig is known only while it runs."""

import os
from pathlib import Path

import pulumi
import pulumi_tls as tls

from gitops_infra import GitOpsTopology, configured_provider, refuse_plain_secrets, topology_from_config

refuse_plain_secrets()
args = topology_from_config(pulumi.Config())
provider = configured_provider("github", owner=args.topology.owner)

# Stands for a cluster that the program makes: its kubeconfig is an output, and nobody has marked it secret.
made = tls.PrivateKey("stands-for-a-cluster", algorithm="ED25519")
kubeconfig = made.id.apply(lambda _: Path(os.environ["MADE_KUBECONFIG"]).read_text(encoding="utf-8"))

topology = GitOpsTopology(
    args.topology.application.name,
    args.model_copy(update={"kubeconfigs": {"made": kubeconfig}}),
    pulumi.ResourceOptions(providers=[provider]),
)

pulumi.export("environments", topology.environments)
pulumi.export("access", topology.access)
pulumi.export("enforcement", topology.enforcement)
pulumi.export("retained", topology.retained)
