"""A cluster that follows the branch of one environment, part by part: what DeploymentEnvironment does as a whole.

Run it with `pulumi config set github:owner <organisation>`, GITHUB_TOKEN in the environment, and
`kubectl config view --raw --minify --flatten | pulumi config set --secret kubeconfig`. Flux runs in the cluster.
"""

import pulumi

from gitops_infra import (
    Application,
    Cluster,
    ClusterArgs,
    ClusterTenant,
    Environment,
    EnvironmentBranch,
    EnvironmentBranchArgs,
    GitOpsAgent,
    GitOpsAgentArgs,
    PricePlan,
    Sync,
    TargetCluster,
    Visibility,
    github_provider,
)

config, settings = pulumi.Config(), pulumi.Config("github")
owner = settings.require("owner")
github = github_provider("github", owner=owner, token=settings.get_secret("token"), base_url=settings.get("baseUrl"))

shop = Application(name="shop", existing=True, visibility=Visibility.PUBLIC)
staging = Environment(name="staging", cluster="eu", sync=Sync(poll_seconds=30))
eu = TargetCluster(name="eu")

branch = EnvironmentBranch(
    "staging",
    EnvironmentBranchArgs(owner=owner, github_plan=PricePlan.FREE, application=shop, environment=staging),
    pulumi.ResourceOptions(providers=[github]),
)
cluster = Cluster(
    "eu",
    ClusterArgs(
        owner=owner,
        cluster=eu,
        tenants=[ClusterTenant(application=shop.name, environment=staging)],
        kubeconfig=config.require_secret("kubeconfig"),
    ),
)
agent = GitOpsAgent(
    "staging-agent",
    GitOpsAgentArgs(
        owner=owner,
        github_plan=PricePlan.FREE,
        application=shop,
        environment=staging,
        cluster=eu,
        repository=branch.repository,
        # Of a forge that is not github.com.
        known_hosts=config.get_object("knownHosts"),
    ),
    # Later than the tenant, and on destroy gone before it.
    pulumi.ResourceOptions(
        providers=[github, cluster.provider], depends_on=list(cluster.places["shop/staging"].resources)
    ),
)

pulumi.export("source", agent.source)
pulumi.export("fingerprint", agent.fingerprint)
