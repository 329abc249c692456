"""An existing repository, its default branch protected, and one environment end to end.

Run it with `pulumi config set github:owner <organisation>` and GITHUB_TOKEN in the environment.
"""

import pulumi

from gitops_infra import (
    Application,
    ApplicationRepository,
    ApplicationRepositoryArgs,
    DeploymentEnvironment,
    DeploymentEnvironmentArgs,
    Environment,
    PricePlan,
    Visibility,
    github_provider,
)

settings = pulumi.Config("github")
owner = settings.require("owner")
provider = github_provider("github", owner=owner, token=settings.get_secret("token"), base_url=settings.get("baseUrl"))
shop = Application(name="shop", existing=True, visibility=Visibility.PUBLIC)

repository = ApplicationRepository(
    "shop",
    ApplicationRepositoryArgs(owner=owner, github_plan=PricePlan.FREE, application=shop),
    pulumi.ResourceOptions(providers=[provider]),
)
staging = DeploymentEnvironment(
    "staging",
    DeploymentEnvironmentArgs(
        owner=owner,
        github_plan=PricePlan.FREE,
        application=shop,
        environment=Environment(name="staging", variables={"LOG_LEVEL": "debug"}),
        default_branch_protected=True,
    ),
    # The rules of the default branch first: jobs of that branch can read what is in the environment.
    pulumi.ResourceOptions(providers=[provider], depends_on=list(repository.protection)),
)

pulumi.export("enforcement", staging.enforcement)
pulumi.export("push", staging.ssh_url)
