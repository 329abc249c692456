"""Where releases of acme/billing go: its repository, and one environment.

Run it with GITHUB_TOKEN in the environment and `pulumi config set --secret pagerToken <token>`.
"""

import pulumi
import pulumi_github as github

from gitops_infra import (
    Application,
    ApplicationRepository,
    ApplicationRepositoryArgs,
    DeploymentEnvironment,
    DeploymentEnvironmentArgs,
    Environment,
    PricePlan,
    Reviewer,
    Visibility,
    github_provider,
)

config = pulumi.Config()
provider = github_provider("acme", owner="acme")
billing = Application(name="billing", existing=True, visibility=Visibility.PRIVATE)

repository = ApplicationRepository(
    "billing",
    ApplicationRepositoryArgs(owner="acme", github_plan=PricePlan.ENTERPRISE, application=billing),
    pulumi.ResourceOptions(providers=[provider]),
)
production = DeploymentEnvironment(
    "production",
    DeploymentEnvironmentArgs(
        owner="acme",
        github_plan=PricePlan.ENTERPRISE,
        application=billing,
        environment=Environment(
            name="production",
            reviewers=[Reviewer(team="platform")],
            variables={"LOG_LEVEL": "warning"},
            secrets={"PAGER_TOKEN": "pagerToken"},
        ),
        secrets={"pagerToken": config.require_secret("pagerToken")},
        default_branch_protected=True,
    ),
    # The rules of the default branch first: jobs of that branch can read what is in the environment.
    pulumi.ResourceOptions(providers=[provider], depends_on=list(repository.protection)),
)
github.IssueLabel(
    "freeze",
    repository="billing",
    name="deploy freeze",
    color="b60205",
    opts=pulumi.ResourceOptions(provider=provider),
)

pulumi.export("push", production.ssh_url)
