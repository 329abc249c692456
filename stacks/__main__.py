"""One stack is one application: its topology comes from the stack's configuration."""

import pulumi

from gitops_infra import GitOpsTopology, configured_provider, refuse_plain_secrets, topology_from_config

refuse_plain_secrets()
args = topology_from_config(pulumi.Config())

# Made here, not left to the default provider: it has the owner of the topology and settings for many small writes.
provider = configured_provider("github", owner=args.topology.owner)

topology = GitOpsTopology(args.topology.application.name, args, pulumi.ResourceOptions(providers=[provider]))

pulumi.export("environments", topology.environments)
pulumi.export("access", topology.access)
pulumi.export("enforcement", topology.enforcement)
pulumi.export("retained", topology.retained)
pulumi.export("foundation", topology.foundation)
