"""Staging, production and review of an existing repository, written in Python.

Run it with `pulumi config set github:owner <organisation>`, `pulumi config set approver <login>`,
`pulumi config set --secret pagerToken <token>` and GITHUB_TOKEN in the environment.
"""

import pulumi

from gitops_infra import (
    Application,
    Environment,
    GitOpsTopology,
    GitOpsTopologyArgs,
    PricePlan,
    Reviewer,
    Topology,
    Visibility,
    github_provider,
)

config, settings = pulumi.Config(), pulumi.Config("github")
owner = settings.require("owner")
provider = github_provider("github", owner=owner, token=settings.get_secret("token"), base_url=settings.get("baseUrl"))

shop = GitOpsTopology(
    "shop",
    GitOpsTopologyArgs(
        topology=Topology(
            owner=owner,
            github_plan=PricePlan.FREE,
            application=Application(name="shop", existing=True, visibility=Visibility.PUBLIC),
            environments=[
                Environment(name="staging"),
                Environment(
                    name="production",
                    reviewers=[Reviewer(user=config.require("approver"))],
                    secrets={"PAGER_TOKEN": "pagerToken"},
                ),
                Environment(name="review"),
            ],
        ),
        secrets={"pagerToken": config.require_secret("pagerToken")},
    ),
    pulumi.ResourceOptions(providers=[provider]),
)

pulumi.export("environments", shop.environments)
pulumi.export("enforcement", shop.enforcement)
