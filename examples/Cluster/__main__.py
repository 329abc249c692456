"""A cluster in which staging and production of one application have a namespace each.

Run it with `kubectl config view --raw --minify --flatten | pulumi config set --secret kubeconfig`. No forge is asked:
which application it is counts for the names alone.
"""

import pulumi

from gitops_infra import Cluster, ClusterArgs, ClusterTenant, Environment, Permission, Sync, TargetCluster

config = pulumi.Config()
more = Sync(permissions=[Permission(groups=["external-secrets.io"], resources=["externalsecrets"])])

cluster = Cluster(
    "eu",
    ClusterArgs(
        owner="acme",
        cluster=TargetCluster(name="eu"),
        tenants=[
            ClusterTenant(application="shop", environment=Environment(name="staging")),
            ClusterTenant(application="shop", environment=Environment(name="production", sync=more)),
        ],
        kubeconfig=config.require_secret("kubeconfig"),
    ),
)

pulumi.export("namespaces", cluster.namespaces)
