"""A new public repository whose default branch takes reviewed pull requests only.

Run it with `pulumi config set github:owner <organisation>` and GITHUB_TOKEN in the environment.
"""

import pulumi

from gitops_infra import (
    Application,
    ApplicationRepository,
    ApplicationRepositoryArgs,
    PricePlan,
    Visibility,
    github_provider,
)

settings = pulumi.Config("github")
owner = settings.require("owner")
provider = github_provider("github", owner=owner, token=settings.get_secret("token"), base_url=settings.get("baseUrl"))

greeter = ApplicationRepository(
    "greeter",
    ApplicationRepositoryArgs(
        owner=owner,
        github_plan=PricePlan.FREE,
        application=Application(name="greeter", visibility=Visibility.PUBLIC, description="Says hello"),
    ),
    pulumi.ResourceOptions(providers=[provider]),
)

pulumi.export("clone", greeter.ssh_clone_url)
pulumi.export("protected", greeter.protected)
