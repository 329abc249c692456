"""Variables and a secret of one environment of an existing repository.

The repository `shop` and its environment `staging` exist already; the environment admits jobs of `main` only.
Run it with `pulumi config set github:owner <organisation>`, `pulumi config set --secret pagerToken <token>` and
GITHUB_TOKEN in the environment.
"""

import pulumi

from gitops_infra import CiVariables, CiVariablesArgs, github_provider

settings = pulumi.Config("github")
provider = github_provider(
    "github",
    owner=settings.require("owner"),
    token=settings.get_secret("token"),
    base_url=settings.get("baseUrl"),
)

staging = CiVariables(
    "staging",
    CiVariablesArgs(
        repository="shop",
        environment="staging",
        variables={"LOG_LEVEL": "debug"},
        secrets={"PAGER_TOKEN": pulumi.Config().require_secret("pagerToken")},
    ),
    pulumi.ResourceOptions(providers=[provider]),
)

pulumi.export("names", staging.variable_names)
