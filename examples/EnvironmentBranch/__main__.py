"""The protected branch of one environment, without a credential: nobody can move it yet.

Run it with `pulumi config set github:owner <organisation>` and GITHUB_TOKEN in the environment.
"""

import pulumi

from gitops_infra import (
    Application,
    Environment,
    EnvironmentBranch,
    EnvironmentBranchArgs,
    PricePlan,
    Visibility,
    github_provider,
)

settings = pulumi.Config("github")
owner = settings.require("owner")
provider = github_provider("github", owner=owner, token=settings.get_secret("token"), base_url=settings.get("baseUrl"))

staging = EnvironmentBranch(
    "staging",
    EnvironmentBranchArgs(
        owner=owner,
        github_plan=PricePlan.FREE,
        application=Application(name="shop", existing=True, visibility=Visibility.PUBLIC),
        environment=Environment(name="staging"),
    ),
    pulumi.ResourceOptions(providers=[provider]),
)

pulumi.export("push", staging.ssh_url)
pulumi.export("ref", staging.ref)
