"""A program for `test_faults`: for each owner, one resource of every kind that a plan registers.

None needs another one: what they stand in (the repositories `held` and `off`, the environment `held`) is there before.
Each owner has a provider of its own, so what one meets does not slow down another.
"""

import json
import os
from collections.abc import Callable

import pulumi
import pulumi_github as github
import pulumi_tls as tls

Make = Callable[[str, pulumi.ResourceOptions], object]


def _repository(name: str, opts: pulumi.ResourceOptions) -> object:
    given = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["hasDownloads"]))
    return github.Repository(name, name="made", visibility="private", opts=given)


def _ruleset(name: str, opts: pulumi.ResourceOptions) -> object:
    names = github.RepositoryRulesetConditionsRefNameArgs(includes=["refs/heads/env/x"], excludes=[])
    return github.RepositoryRuleset(
        name,
        repository="held",
        name="keep",
        target="branch",
        enforcement="active",
        conditions=github.RepositoryRulesetConditionsArgs(ref_name=names),
        rules=github.RepositoryRulesetRulesArgs(deletion=True),
        opts=opts,
    )


def _file(name: str, opts: pulumi.ResourceOptions) -> object:
    return github.RepositoryFile(
        name, repository="held", branch="main", file="docs/a.md", content="text\n", commit_message="Add", opts=opts
    )


def _deploy_key(name: str, opts: pulumi.ResourceOptions) -> object:
    pair = tls.PrivateKey(f"{name}-pair", algorithm="ED25519")
    public = pair.public_key_openssh.apply(lambda text: text and text.strip())
    return github.RepositoryDeployKey(name, repository="held", title="writer", key=public, read_only=False, opts=opts)


def _environment(name: str, opts: pulumi.ResourceOptions) -> object:
    policy = github.RepositoryEnvironmentDeploymentBranchPolicyArgs(
        protected_branches=False, custom_branch_policies=True
    )
    return github.RepositoryEnvironment(
        name, repository="held", environment="made", deployment_branch_policy=policy, opts=opts
    )


def _policy(name: str, opts: pulumi.ResourceOptions) -> object:
    return github.RepositoryEnvironmentDeploymentPolicy(
        name, repository="held", environment="held", branch_pattern="main", opts=opts
    )


def _variable(name: str, opts: pulumi.ResourceOptions) -> object:
    return github.ActionsEnvironmentVariable(
        name, repository="held", environment="held", variable_name="WHERE", value="eu", opts=opts
    )


def _secret(name: str, opts: pulumi.ResourceOptions) -> object:
    value = pulumi.Output.secret(os.environ["SECRET"])
    return github.ActionsEnvironmentSecret(
        name, repository="held", environment="held", secret_name="KEY", value=value, opts=opts
    )


class _Agent(pulumi.ComponentResource):
    """Tells where a webhook is sent, as `GitOpsAgent` does: `resume` has a secret address from nowhere else."""

    def __init__(self, name: str, address: pulumi.Output[str], opts: pulumi.ResourceOptions) -> None:
        super().__init__("every:index:Agent", f"{name}-agent", None, opts)
        self.register_outputs({"receiver_url": address})


def _webhook(name: str, opts: pulumi.ResourceOptions) -> object:
    address = pulumi.Output.secret("http://127.0.0.1:9/hook/receiver")
    agent = _Agent(name, address, pulumi.ResourceOptions())
    configuration = {
        "url": address,
        "content_type": "json",
        "insecure_ssl": False,
        "secret": pulumi.Output.secret(os.environ["SECRET"]),
    }
    given = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=agent))
    return github.RepositoryWebhook(name, repository="held", events=["push"], configuration=configuration, opts=given)


MAKE: dict[str, Make] = {
    "Repository": _repository,
    "RepositoryRuleset": _ruleset,
    "RepositoryFile": _file,
    "RepositoryVulnerabilityAlerts": lambda name, opts: github.RepositoryVulnerabilityAlerts(
        name, repository="held", enabled=True, opts=opts
    ),
    "ActionsRepositoryPermissions": lambda name, opts: github.ActionsRepositoryPermissions(
        name, repository="off", enabled=False, opts=opts
    ),
    "WorkflowRepositoryPermissions": lambda name, opts: github.WorkflowRepositoryPermissions(
        name, repository="held", default_workflow_permissions="write", opts=opts
    ),
    "IssueLabel": lambda name, opts: github.IssueLabel(name, repository="held", name="app", color="ff0000", opts=opts),
    "TeamRepository": lambda name, opts: github.TeamRepository(
        name, repository="held", team_id="platform", permission="pull", opts=opts
    ),
    "RepositoryCollaborator": lambda name, opts: github.RepositoryCollaborator(
        name, repository="held", username="dana", permission="push", opts=opts
    ),
    "RepositoryEnvironment": _environment,
    "RepositoryEnvironmentDeploymentPolicy": _policy,
    "ActionsEnvironmentVariable": _variable,
    "ActionsEnvironmentSecret": _secret,
    "RepositoryDeployKey": _deploy_key,
    "RepositoryWebhook": _webhook,
}


if __name__ == "__main__":
    for owner, token in json.loads(os.environ["OWNERS"]).items():
        provider = github.Provider(
            owner, owner=owner, token=pulumi.Output.secret(token), base_url=os.environ["URL"], legacy_client=False
        )
        for kind, make in MAKE.items():
            make(f"{owner}-{kind}", pulumi.ResourceOptions(provider=provider))
