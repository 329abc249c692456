"""A protected branch and the one credential that may move it, kept in an environment of an existing repository.

The repository `shop` and its environment `staging` exist already; the environment admits jobs of `main` only.
Run it with `pulumi config set github:owner <organisation>` and GITHUB_TOKEN in the environment.
Raise `generation` with `pulumi config set generation 2` to rotate the key.
"""

import pulumi

from gitops_infra import (
    Application,
    BranchCredential,
    BranchCredentialArgs,
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
options = pulumi.ResourceOptions(providers=[provider])

branch = EnvironmentBranch(
    "staging",
    EnvironmentBranchArgs(
        owner=owner,
        github_plan=PricePlan.FREE,
        application=Application(name="shop", existing=True, visibility=Visibility.PUBLIC),
        environment=Environment(name="staging"),
    ),
    options,
)

credential = BranchCredential(
    "staging",
    BranchCredentialArgs(
        repository="shop",
        environment="staging",
        state_repository=branch.repository,  # known once every rule exists, so the key comes after them
        generation=pulumi.Config().get_int("generation") or 1,
    ),
    options,
)

pulumi.export("fingerprint", credential.fingerprint)
