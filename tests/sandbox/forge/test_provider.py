"""The real provider against the forge: every resource type of a topology, made, read back without drift, removed."""

import base64
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_github as github
import pytest

from gitops_infra.sandbox.engine import Engine, without_ambient
from gitops_infra.sandbox.forge.daemon import PROVISIONER, PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.server import Sandbox

pytestmark = pytest.mark.engine

KIND = b"ssh-ed25519"
DATA = len(KIND).to_bytes(4, "big") + KIND + (32).to_bytes(4, "big") + bytes(32)
KEY = f"ssh-ed25519 {base64.b64encode(DATA).decode()}"
STAGING = "refs/heads/env/staging"


def program(forge: Sandbox, token: str, value: Callable[[], str], *, legacy_client: bool) -> Callable[[], None]:
    """All resource types, with the settings that a topology uses."""
    reviewer = forge.user("dana").id

    def declare() -> None:
        provider = github.Provider(
            "github",
            base_url=f"{forge.url}/",
            owner="acme",
            token=token,
            write_delay_ms=0,
            parallel_requests=True,
            legacy_client=legacy_client,
        )
        using = pulumi.ResourceOptions(provider=provider)
        state = github.Repository(
            "state", name="state", visibility="private", has_issues=False, topics=["x"], opts=using
        )
        app = github.Repository("app", name="app", visibility="private", auto_init=True, opts=using)
        off = github.ActionsRepositoryPermissions("off", repository=state.name, enabled=False, opts=using)
        github.ActionsRepositoryPermissions(
            "on",
            repository=app.name,
            allowed_actions="selected",
            sha_pinning_required=True,
            allowed_actions_config={"github_owned_allowed": True, "patterns_alloweds": ["acme/*"]},
            opts=using,
        )
        github.WorkflowRepositoryPermissions(
            "workflow", repository=app.name, default_workflow_permissions="read", opts=using
        )
        writers = github.RepositoryRuleset(
            "writers",
            name="writers",
            repository=state.name,
            target="branch",
            enforcement="active",
            conditions={"ref_name": {"includes": [STAGING], "excludes": []}},
            bypass_actors=[{"actor_type": "DeployKey", "bypass_mode": "always"}],
            rules={"creation": True, "update": True},
            opts=using,
        )
        locked = github.RepositoryRuleset(
            "locked",
            name="locked-tags",
            repository=state.name,
            target="tag",
            enforcement="active",
            conditions={"ref_name": {"includes": ["~ALL"], "excludes": []}},
            rules={"creation": True, "update": True, "deletion": True},
            opts=using,
        )
        after = pulumi.ResourceOptions(provider=provider, depends_on=[off, writers, locked])
        github.RepositoryDeployKey("key", repository=state.name, title="ci", key=KEY, read_only=False, opts=after)
        file = github.RepositoryFile(
            "file",
            repository=app.name,
            branch="main",
            file=".github/CODEOWNERS",
            content="* @acme/ops-team\n",
            opts=using,
        )
        github.RepositoryRuleset(
            "default",
            name="default",
            repository=app.name,
            target="branch",
            enforcement="active",
            conditions={"ref_name": {"includes": ["~DEFAULT_BRANCH"], "excludes": []}},
            rules={
                "deletion": True,
                "non_fast_forward": True,
                "required_linear_history": True,
                "pull_request": {"required_approving_review_count": 1, "require_code_owner_review": True},
                "required_status_checks": {"required_checks": [{"context": "ci", "integration_id": 15368}]},
            },
            opts=pulumi.ResourceOptions(provider=provider, depends_on=[file]),
        )
        reader = github.RepositoryCollaborator(
            "reader", repository=app.name, username="dana", permission="push", opts=using
        )
        environment = github.RepositoryEnvironment(
            "environment",
            repository=app.name,
            environment="prod/eu",
            can_admins_bypass=False,
            prevent_self_review=True,
            wait_timer=5,
            reviewers=[{"users": [reviewer]}],
            deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True},
            opts=pulumi.ResourceOptions(provider=provider, depends_on=[reader]),
        )
        within = {"repository": app.name, "environment": environment.environment, "opts": using}
        github.RepositoryEnvironmentDeploymentPolicy("policy", branch_pattern="main", **within)
        secret = pulumi.Output.secret(value())
        github.ActionsEnvironmentSecret("environment-secret", secret_name="KEY", value=secret, **within)
        github.ActionsEnvironmentVariable("environment-variable", variable_name="LEVEL", value="debug", **within)
        github.ActionsSecret("secret", repository=app.name, secret_name="KEY", value=secret, opts=using)
        github.ActionsVariable("variable", repository=app.name, variable_name="LEVEL", value="x", opts=using)
        github.IssueLabel("label", repository=app.name, name="review/app", color="ff0000", opts=using)
        team = github.Team("team", name="Ops Team", privacy="closed", description="ops", opts=using)
        github.TeamMembership("membership", team_id=team.id, username="dana", role="member", opts=using)
        github.TeamRepository("access", team_id=team.id, repository=app.name, permission="push", opts=using)
        github.Branch("branch", repository=app.name, branch="env/x", source_branch="main", opts=using)

    return declare


@pytest.mark.parametrize("legacy_client", [True, False])
def test_every_resource_type_is_made_read_back_changed_and_removed(
    forge: Sandbox,
    tmp_path: Path,
    *,
    legacy_client: bool,
) -> None:
    """`same` after a refresh: what the provider reads is what it wrote, in each of its two HTTP clients."""
    # More than a topology needs: a team, and secrets and variables of the repository itself.
    extra = dict.fromkeys(("actions", "members", "secrets", "variables"), "write")
    forge.app("acme", PROVISIONER, {**PROVISIONER_PERMISSIONS, **extra})
    values = ["first"]
    declare = program(forge, forge.app_token(PROVISIONER), lambda: values[-1], legacy_client=legacy_client)
    with without_ambient():
        stack = Engine.prepare().stack("conformance", "test", declare, tmp_path / "state", passphrase="x")
        made = stack.up().summary.resource_changes
        count = made["create"]
        assert made == {"create": count}
        assert stack.up(refresh=True).summary.resource_changes == {"same": count}
        app = forge.repository("acme/app")
        assert forge.store.environment(app, "prod/eu").secrets["KEY"]["value"] == "first"
        values.append("second")
        assert stack.up().summary.resource_changes == {"same": count - 2, "update": 2}
        assert app.secrets["KEY"]["value"] == "second"
        assert stack.destroy().summary.resource_changes == {"delete": count}
    assert [repository.name for repository in forge.store.repositories.values()] == ["shop"]
    assert {answer.status for answer in forge.requests} <= {200, 201, 204, 304, 404}
