"""Which of upstream's tests are run: those of every resource type that a plan can register."""

import re

UPSTREAM = "github.com/integrations/terraform-provider-github/v6"
"""The Go module whose tests they are, at the version that the sandbox's GitHub provider is built from."""

TESTS: dict[str, tuple[str, ...]] = {
    # name in the `pulumi_github` package -> upstream's test functions
    "ActionsEnvironmentSecret": ("TestAccGithubActionsEnvironmentSecret",),
    "ActionsEnvironmentVariable": ("TestAccGithubActionsEnvironmentVariable",),
    "ActionsRepositoryPermissions": ("TestAccGithubActionsRepositoryPermissions",),
    "IssueLabel": ("TestAccGithubIssueLabel",),
    "Repository": (
        "TestAccGithubRepository",
        "TestAccGithubRepositoryEtagNoDiff",
        "TestAccGithubRepositoryEtagPresent",
    ),
    "RepositoryCollaborator": ("TestAccGithubRepositoryCollaborator",),
    "RepositoryDeployKey": ("TestAccGithubRepositoryDeployKey_basic", "TestAccGithubRepositoryDeployKeyArchivedRepo"),
    "RepositoryEnvironment": ("TestAccGithubRepositoryEnvironment",),
    "RepositoryEnvironmentDeploymentPolicy": ("TestAccGithubRepositoryEnvironmentDeploymentPolicy",),
    "RepositoryFile": ("TestAccGithubRepositoryFile",),
    "RepositoryRuleset": ("TestAccGithubRepositoryRuleset",),
    "RepositoryVulnerabilityAlerts": ("TestAccGithubRepositoryVulnerabilityAlerts",),
    "RepositoryWebhook": ("TestAccGithubRepositoryWebhook",),
    "TeamRepository": ("TestAccGithubTeamRepository", "TestAccGithubTeamRepositoryArchivedRepo"),
    "WorkflowRepositoryPermissions": ("TestAccGithubWorkflowRepositoryPermissions",),
    "get_rest_api": ("TestAccGithubRestApiDataSource",),
}

TYPE_OF = {function: name for name, functions in TESTS.items() for function in functions}


def type_of(test: str) -> str:
    """The resource type that a test, or a part of one, is about. Raises KeyError for any other test."""
    return TYPE_OF[test.partition("/")[0]]


def pattern(names: list[str]) -> str:
    """The value of `-test.run` that selects these tests, and as few others as Go's matching allows.

    Go matches level by level: a part runs in each selected function that has one of that name, and parts can be chosen
    only when no whole function is. Whoever reads the results has to leave out the others.
    """
    functions = sorted({name.split("/")[0] for name in names})
    parts = sorted({name.split("/")[1] for name in names if "/" in name})
    levels = [functions, parts] if all("/" in name for name in names) else [functions]
    return "/".join(f"^({'|'.join(re.escape(name) for name in level)})$" for level in levels)
